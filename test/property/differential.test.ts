import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { KIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { PING, wsFrame } from '../helpers/ws-frames.ts'
import { script } from './frame-arbitraries.ts'
import type { Script } from './frame-arbitraries.ts'
import { ObservedEchoes, TcpPeer, connectionsOf, outcomeOf, sendScript, streamPeers } from './peers.ts'
import type { ObservedSocket, Outcome, Peer } from './peers.ts'
import { testProperty, waitUntil } from './property.ts'

const RUNS = 200
const MAX_PAYLOAD = 16 * KIB

/** A ping of the server. When it arrives, everything before it has arrived. */
const LAST_PAYLOAD = 'last'
const LAST_PING = wsFrame(PING, LAST_PAYLOAD, { masked: false })

const echoes = new ObservedEchoes()

async function listenBare (): Promise<[Server, WebSocketServer]> {
  const server = createServer()
  const bare = new WebSocketServer({ server, maxPayload: MAX_PAYLOAD })
  bare.on('connection', (socket, request) => echoes.add(socket, request.url!))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return [server, bare]
}

const addRoute = (app: FastifyInstance): void => echoes.addRoute(app)
const plugin = { options: { maxPayload: MAX_PAYLOAD }, errorHandler: () => {} }
const h2 = await startServer(t, addRoute, { plugin })
const h1 = await startServer(t, addRoute, { plugin, server: { http2: false } })
const [bareServer, bare] = await listenBare()
t.teardown(() => bareServer.close())
const connections = connectionsOf(h1.app.server as Server)
const bareConnections = connectionsOf(bareServer)

const openStreamPeer = streamPeers(() => h2.client())

/** Plays a script, and returns its outcome. */
async function play (peer: Peer, script: Script): Promise<Outcome> {
  const path = echoes.nextPath()
  await sendScript(peer, path, script)
  const observed = echoes.get(path)
  if (script.end !== 'never') peer.endSide()
  else if (await isStillOpen(peer, observed)) return await abort(peer, observed)

  await waitUntil(() => peer.end !== undefined, 'the server ends its side')
  peer.endSide()
  await observed.closed
  return outcomeOf(observed, peer)
}

async function isStillOpen (peer: Peer, { socket }: ObservedSocket): Promise<boolean> {
  await peer.settled()
  return socket.readyState === socket.OPEN
}

/** Waits until the client has received everything, and aborts its socket. */
async function abort (peer: Peer, observed: ObservedSocket): Promise<Outcome> {
  observed.socket.ping(LAST_PAYLOAD)
  await waitUntil(() => peer.bytes.subarray(-LAST_PING.length).equals(LAST_PING), 'the ping')
  const bytes = peer.bytes.toString('hex')
  peer.abort()
  await observed.closed
  return { events: observed.events, bytes, end: undefined }
}

/** Omits the code of 'close' after an error. ws alone reports 1006 in any case. */
function withoutCode ({ events, ...rest }: Outcome): Outcome {
  const isError = events.some((event) => event.startsWith('error '))
  return { ...rest, events: isError ? events.map((event) => event.replace(/^close .*/, 'close')) : events }
}

await testProperty('the same bytes, split anywhere, have the same events and answers over HTTP/1.1 and HTTP/2', { runs: RUNS }, script,
  async (script) => {
    const stream = await play(await openStreamPeer(), script)
    const tcp = await play(new TcpPeer(h1.port, connections), script)
    assert.deepEqual(stream, tcp)
    await waitUntil(() => h2.app.websocketServer.clients.size === 0, 'no socket is left over HTTP/2')
    await waitUntil(() => h1.app.websocketServer.clients.size === 0, 'no socket is left over HTTP/1.1')
    assert.deepEqual([...h1.warnings, ...h2.warnings], [])
  })

await testProperty('the same bytes have the same events and answers with the plugin and in ws alone', { runs: RUNS }, script,
  async (script) => {
    const own = await play(new TcpPeer(h1.port, connections), script)
    const { port } = bareServer.address() as AddressInfo
    const theirs = await play(new TcpPeer(port, bareConnections), script)
    assert.deepEqual(withoutCode(own), withoutCode(theirs))
    await waitUntil(() => bare.clients.size === 0, 'no socket is left')
  })

await testProperty('the same bytes have the same events and answers over HTTP/2 in one piece and split anywhere', { runs: RUNS }, script,
  async (script) => {
    const whole = await play(await openStreamPeer(), { ...script, pieces: [], padding: [0], isEarly: false })
    assert.deepEqual(await play(await openStreamPeer(), script), whole)
  })
