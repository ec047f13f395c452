import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import type { Duplex, Writable } from 'node:stream'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { sendsImmediately } from '../../lib/internals/ws.ts'
import { guardReceiver } from '../../lib/frames/ws-receiver.ts'
import { CLOSE, readWsFrames } from '../helpers/ws-frames.ts'
import { echo, serve } from '../wire/server.ts'
import type { Wire } from '../wire/server.ts'
import { deflatedFrames, encodeFrame, frames, script, toPieces } from './frames.ts'
import type { Script } from './frames.ts'
import { MemoryPeer, Observed, streamPeers } from './peers.ts'
import type { Peer } from './peers.ts'
import { holds, until } from './runs.ts'

// Where events are deferred, or messages inflated, ws's receiver has chunks in its queue.

const RUNS = 150
const MAX_PAYLOAD = 16 * 1024
const DEFLATE = ['Sec-WebSocket-Extensions: permessage-deflate']

/** What came of a script. */
interface Outcome {
  events: string[]
  bytes: string
  end: string | undefined
}

const observed = new Map<string, Observed>()
let count = 0

/** A socket of ws alone, but for the guard: without it some scripts end the process. */
class GuardedSocket extends WsWebSocket {
  override emit (event: string, ...parameters: never[]): boolean {
    if (event === 'open') guardReceiver(this)
    return super.emit(event as 'message', ...parameters)
  }
}

function observe (socket: WebSocket, path: string): void {
  observed.set(path, new Observed(socket))
  echo(socket)
}

function addRoute (app: FastifyInstance): void {
  app.get('/:id', { websocket: true }, (socket, request) => { observe(socket, request.url) })
}

function serveBare (options: object): Server {
  const server = createServer()
  const bare = new WebSocketServer({ ...options, server, WebSocket: GuardedSocket as never })
  bare.on('connection', (socket, request) => observe(socket, request.url!))
  return server
}

async function serveOwn (options: object, server: object = {}): Promise<Wire> {
  return await serve(t, addRoute, { plugin: { options, errorHandler: () => {} }, server })
}

const deferring = { maxPayload: MAX_PAYLOAD, allowSynchronousEvents: false }
const deflating = { maxPayload: MAX_PAYLOAD, perMessageDeflate: true }
const h2 = await serveOwn(deferring)
const h1 = (await serveOwn(deferring, { http2: false })).app.server as Server
const h1Deflating = (await serveOwn(deflating, { http2: false })).app.server as Server
const bare = serveBare(deferring)
const bareDeflating = serveBare(deflating)

const openStreamPeer = streamPeers(() => h2.client())

function overHttp1 (server: Server, fields?: string[]): () => Peer {
  return () => new MemoryPeer(server, fields)
}

/** Plays a script, and returns what came of it on both sides. */
async function play (peer: Peer, script: Script): Promise<Outcome> {
  const path = `/${count++}`
  const pieces = toPieces(script)
  await peer.open(path, script.isEarly ? pieces.shift()! : Buffer.alloc(0))
  const seen = observed.get(path)!
  for (const [index, piece] of pieces.entries()) {
    const padding = script.padding[index % script.padding.length]!
    peer.say(piece, padding, script.end === 'with' && index === pieces.length - 1)
    if (padding > 127) await turn()
  }
  // A peer that ends its side at once is not answered any more, or is: it depends on how quick it was.
  if (script.end === 'never') {
    await peer.settled()
    await until(() => isIdle(seen.socket), 'all is read, and answered')
  }
  if (script.end !== 'never' || seen.socket.readyState === seen.socket.OPEN) peer.endSide()
  await until(() => peer.end !== undefined, 'the server ends its side')
  peer.endSide()
  await seen.closed
  return { events: seen.events, bytes: peer.bytes.toString('hex'), end: peer.end }
}

function isIdle (socket: WebSocket): boolean {
  const { _receiver, _socket } = socket as unknown as { _receiver: Writable, _socket: Duplex }
  if (socket.readyState !== socket.OPEN || _receiver.destroyed) return true
  return _receiver.writableLength === 0 && _socket.readableLength === 0 && sendsImmediately(socket)
}

/** RFC 6455 section 7.1.7: an error fails the connection, so it is the last that happens before the close. */
function check ({ events, bytes }: Outcome): void {
  assert.equal(events.filter((event) => event.startsWith('close')).length, 1)
  assert.ok(events.at(-1)!.startsWith('close'))
  const errors = events.flatMap((event, index) => event.startsWith('error') ? [index] : [])
  assert.ok(errors.length === 0 || (errors.length === 1 && errors[0] === events.length - 2), String(events))
  const closes = readWsFrames(Buffer.from(bytes, 'hex'))[0].map(({ opcode }) => opcode === CLOSE)
  assert.ok(!closes.slice(0, -1).includes(true), 'a Close is the last frame')
}

/** After an error 'close' has 1006 or our code. A peer that ends its side at once is answered, or is not. */
function comparable ({ events, bytes, end }: Outcome, { end: ends }: Script): object {
  const isError = events.some((event) => event.startsWith('error '))
  const withoutCode = events.map((event) => isError ? event.replace(/^close .*/, 'close') : event)
  return { events: withoutCode, ...ends === 'never' ? { bytes, end } : {} }
}

/** Plays a script to several servers, and compares what came of it. */
async function compare (script: Script, ...open: Array<() => Peer | Promise<Peer>>): Promise<void> {
  const outcomes: Outcome[] = []
  for (const each of open) outcomes.push(await play(await each(), script))
  for (const outcome of outcomes) check(outcome)
  const [first, ...others] = outcomes.map((outcome) => comparable(outcome, script))
  for (const other of others) assert.deepEqual(other, first)
}

/** Scripts, in most of which each frame is a piece by itself. */
function toScripts (list: typeof frames): fc.Arbitrary<Script> {
  return fc.record({ script, frames: list, isCutByFrame: fc.nat(3) }).map(({ script, frames, isCutByFrame }) => {
    const pieces = isCutByFrame === 0 ? script.pieces : frames.map((frame) => encodeFrame(frame).length)
    return { ...script, frames, pieces }
  })
}

await holds('deferred events are the same over HTTP/1.1, HTTP/2 and in ws alone, and an error is the last of them',
  { runs: RUNS }, toScripts(frames),
  async (script) => { await compare(script, overHttp1(bare), overHttp1(h1), openStreamPeer) })

await holds('compressed messages, whole or corrupted, are the same with the plugin as in ws alone, and an error is the last',
  { runs: RUNS }, toScripts(fc.oneof(deflatedFrames, frames)),
  async (script) => { await compare(script, overHttp1(bareDeflating, DEFLATE), overHttp1(h1Deflating, DEFLATE)) })
