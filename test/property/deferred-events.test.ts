import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { Duplex, Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { WebSocket as WsWebSocket, WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { guardReceiver } from '../../lib/frames/ws-receiver.ts'
import { sendsImmediately, wsSenderOf } from '../../lib/internals/ws.ts'
import { KIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { OFFER_DEFLATE } from '../helpers/upgrade-request.ts'
import { CLOSE, readWsFrames } from '../helpers/ws-frames.ts'
import { compressedFrames, encodeFrame, frames, script } from './frame-arbitraries.ts'
import type { Script } from './frame-arbitraries.ts'
import { MemoryPeer, ObservedEchoes, outcomeOf, sendScript, streamPeers } from './peers.ts'
import type { Outcome, Peer } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'

// With deferred events and with compression, ws's receiver has chunks in its queue.

const RUNS = 150
const MAX_PAYLOAD = 16 * KIB

const echoes = new ObservedEchoes()

/** A socket of ws without the plugin, except for its guard: without it some scripts end the process. */
class GuardedSocket extends WsWebSocket {
  override emit (event: string, ...parameters: never[]): boolean {
    if (event === 'open') guardReceiver(this)
    return super.emit(event as 'message', ...parameters)
  }
}

function serveBare (options: object): Server {
  const server = createServer()
  const bare = new WebSocketServer({ ...options, server, WebSocket: GuardedSocket as never })
  bare.on('connection', (socket, request) => echoes.add(socket, request.url!))
  return server
}

async function serveOwn (options: object, server: object = {}): Promise<TestServer> {
  return await startServer(t, (app) => echoes.addRoute(app), { plugin: { options, errorHandler: () => {} }, server })
}

const deferring = { maxPayload: MAX_PAYLOAD, allowSynchronousEvents: false }
const compressing = { maxPayload: MAX_PAYLOAD, perMessageDeflate: true }
const h2 = await serveOwn(deferring)
const h1 = (await serveOwn(deferring, { http2: false })).app.server as Server
const h1Compressing = (await serveOwn(compressing, { http2: false })).app.server as Server
const bare = serveBare(deferring)
const bareCompressing = serveBare(compressing)

const openStreamPeer = streamPeers(() => h2.client())

function overHttp1 (server: Server, fields?: string[]): () => Peer {
  return () => new MemoryPeer(server, fields)
}

/** Plays a script, and returns its outcome. */
async function play (peer: Peer, script: Script): Promise<Outcome> {
  const path = echoes.nextPath()
  await sendScript(peer, path, script)
  const observed = echoes.get(path)
  // If a peer ends its side immediately, it depends on the timing whether it receives an answer.
  if (script.end === 'never') {
    await peer.settled()
    await waitUntil(() => isIdle(observed.socket), 'everything is read and answered')
  }
  if (script.end !== 'never' || observed.socket.readyState === observed.socket.OPEN) peer.endSide()
  await waitUntil(() => peer.end !== undefined, 'the server ends its side')
  peer.endSide()
  await observed.closed
  return outcomeOf(observed, peer)
}

function isIdle (socket: WebSocket): boolean {
  const { _receiver, _socket } = socket as unknown as { _receiver: Writable, _socket: Duplex }
  if (socket.readyState !== socket.OPEN || _receiver.destroyed) return true
  return _receiver.writableLength === 0 && _socket.readableLength === 0 && sendsImmediately(wsSenderOf(socket))
}

/** Checks that an error fails the connection (RFC 6455 section 7.1.7): it is the last event before the close. */
function check ({ events, bytes }: Outcome): void {
  assert.equal(events.filter((event) => event.startsWith('close')).length, 1)
  assert.ok(events.at(-1)!.startsWith('close'))
  const errors = events.flatMap((event, index) => event.startsWith('error') ? [index] : [])
  assert.ok(errors.length === 0 || (errors.length === 1 && errors[0] === events.length - 2), String(events))
  const closes = readWsFrames(Buffer.from(bytes, 'hex'))[0].map(({ opcode }) => opcode === CLOSE)
  assert.ok(!closes.slice(0, -1).includes(true), 'a Close is the last frame')
}

/** Omits the code of 'close' after an error, and the answer to a client that ended its side: they may differ. */
function comparable ({ events, bytes, end }: Outcome, { end: ends }: Script): object {
  const isError = events.some((event) => event.startsWith('error '))
  const withoutCode = events.map((event) => isError ? event.replace(/^close .*/, 'close') : event)
  return { events: withoutCode, ...ends === 'never' ? { bytes, end } : {} }
}

/** Plays a script to several servers, and compares the outcomes. */
async function compare (script: Script, ...open: Array<() => Peer | Promise<Peer>>): Promise<void> {
  const outcomes: Outcome[] = []
  for (const each of open) outcomes.push(await play(await each(), script))
  for (const outcome of outcomes) check(outcome)
  const [first, ...others] = outcomes.map((outcome) => comparable(outcome, script))
  for (const other of others) assert.deepEqual(other, first)
}

/** Returns scripts. In most of them each frame is a piece of its own. */
function toScripts (list: typeof frames): fc.Arbitrary<Script> {
  return fc.record({ script, frames: list, isCutByFrame: fc.nat(3) }).map(({ script, frames, isCutByFrame }) => {
    const pieces = isCutByFrame === 0 ? script.pieces : frames.map((frame) => encodeFrame(frame).length)
    return { ...script, frames, pieces }
  })
}

await testProperty('deferred events are the same over HTTP/1.1, over HTTP/2 and in ws alone, and an error is the last before the close',
  { runs: RUNS }, toScripts(frames),
  async (script) => { await compare(script, overHttp1(bare), overHttp1(h1), openStreamPeer) })

await testProperty('valid and corrupted compressed messages emit the same events as in ws alone, and an error is the last before the close',
  { runs: RUNS }, toScripts(fc.oneof(compressedFrames, frames)),
  async (script) => {
    await compare(script, ...[bareCompressing, h1Compressing].map((server) => overHttp1(server, [OFFER_DEFLATE])))
  })
