import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { echo, serve } from '../wire/server.ts'
import { script, toPieces } from './frames.ts'
import type { Script } from './frames.ts'
import { Observed, TcpPeer, connectionsOf, streamPeers } from './peers.ts'
import type { Peer } from './peers.ts'
import { holds, until } from './runs.ts'

const RUNS = 200
const MAX_PAYLOAD = 16 * 1024

/** What the server pings with to learn that all before it has arrived. */
const QUIET = Buffer.from('\x89\x05quiet', 'latin1')

/** What came of a script. */
interface Outcome {
  events: string[]
  bytes: string
  end: string | undefined
}

const observed = new Map<string, Observed>()
let count = 0

function observe (socket: WebSocket, path: string): void {
  observed.set(path, new Observed(socket))
  echo(socket)
}

function addRoute (app: FastifyInstance): void {
  app.get('/:id', { websocket: true }, (socket, request) => { observe(socket, request.url) })
}

async function listenBare (): Promise<[Server, WebSocketServer]> {
  const server = createServer()
  const bare = new WebSocketServer({ server, maxPayload: MAX_PAYLOAD })
  bare.on('connection', (socket, request) => observe(socket, request.url!))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return [server, bare]
}

const plugin = { options: { maxPayload: MAX_PAYLOAD }, errorHandler: () => {} }
const h2 = await serve(t, addRoute, { plugin })
const h1 = await serve(t, addRoute, { plugin, server: { http2: false } })
const [bareServer, bare] = await listenBare()
t.teardown(() => bareServer.close())
const connections = connectionsOf(h1.app.server as Server)
const bareConnections = connectionsOf(bareServer)

const openStreamPeer = streamPeers(() => h2.client())

/** Plays a script, and tells what came of it on both sides. */
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
  if (script.end !== 'never') peer.endSide()
  else if (await isStillOpen(peer, seen)) return breakOff(peer, seen)

  await until(() => peer.end !== undefined, 'the server ends its side')
  peer.endSide()
  await seen.closed
  return { events: seen.events, bytes: peer.bytes.toString('hex'), end: peer.end }
}

async function isStillOpen (peer: Peer, { socket }: Observed): Promise<boolean> {
  await peer.settled()
  return socket.readyState === socket.OPEN
}

async function breakOff (peer: Peer, { socket, closed, events }: Observed): Promise<Outcome> {
  socket.ping('quiet')
  await until(() => peer.bytes.subarray(-QUIET.length).equals(QUIET), 'the ping')
  const bytes = peer.bytes.toString('hex')
  peer.breakOff()
  await closed
  return { events, bytes, end: undefined }
}

/** ws itself tells 1006 of a socket whose peer broke the protocol, whatever it told the peer. */
function withoutCode ({ events, ...rest }: Outcome): Outcome {
  const isError = events.some((event) => event.startsWith('error '))
  return { ...rest, events: isError ? events.map((event) => event.replace(/^close .*/, 'close')) : events }
}

await holds('the same bytes, cut anywhere, are the same events and answers over HTTP/1.1 and HTTP/2', { runs: RUNS }, script,
  async (script) => {
    const stream = await play(await openStreamPeer(), script)
    const tcp = await play(new TcpPeer(h1.port, connections), script)
    assert.deepEqual(stream, tcp)
    await until(() => h2.app.websocketServer.clients.size === 0, 'no socket is left over HTTP/2')
    await until(() => h1.app.websocketServer.clients.size === 0, 'no socket is left over HTTP/1.1')
    assert.deepEqual([...h1.warnings, ...h2.warnings], [])
  })

await holds('the same bytes are the same events and answers as of ws without the plugin', { runs: RUNS }, script,
  async (script) => {
    const own = await play(new TcpPeer(h1.port, connections), script)
    const { port } = bareServer.address() as AddressInfo
    const theirs = await play(new TcpPeer(port, bareConnections), script)
    assert.deepEqual(withoutCode(own), withoutCode(theirs))
    await until(() => bare.clients.size === 0, 'no socket is left')
  })

await holds('the same bytes in one piece are the same events and answers as cut over HTTP/2', { runs: RUNS }, script,
  async (script) => {
    const whole = await play(await openStreamPeer(), { ...script, pieces: [], padding: [0], isEarly: false })
    assert.deepEqual(await play(await openStreamPeer(), script), whole)
  })
