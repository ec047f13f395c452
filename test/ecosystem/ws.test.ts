import { once } from 'node:events'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { TRANSPORTS, WAYS, carrierOf, checkOwnRoute, startBeside } from '../helpers/beside.ts'
import type { Way } from '../helpers/beside.ts'
import { addEcho } from '../helpers/echo.ts'
import { WARN } from '../helpers/logs.ts'
import { start } from '../helpers/transports.ts'
import type { Fixture } from '../helpers/transports.ts'
import { closed, nextText, roundTrip, waitUntil } from '../helpers/waiting.ts'

/** Time after the last progress, in ms, at which a peer that does not read is taken to have stopped the sender. */
const STANDSTILL = 100

const MEGABYTE = 0x100000

interface WsServer extends Fixture {
  /** Transports of the sockets of ws, by name. */
  carriers: string[]
  /** URLs for which a hook has run. */
  hooks: string[]
}

/** Starts an app whose server is also that of a WebSocketServer: `new WebSocketServer({ server, path })`. */
async function startWs (t: Test, transport: typeof TRANSPORTS[number], path: string | undefined): Promise<WsServer> {
  const carriers: string[] = []
  const hooks: string[] = []
  const fixture = await start(t, transport, (app: FastifyInstance) => {
    app.addHook('onRequest', async ({ url }) => { hooks.push(url) })
    addEcho(app)
    const wss = new WebSocketServer({ server: app.server as Server, ...(path === undefined ? {} : { path }) })
    wss.on('connection', (socket, request) => {
      carriers.push(carrierOf(request.socket))
      socket.send('ws')
    })
  })
  return Object.assign(Object.create(fixture) as Fixture, { carriers, hooks })
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: new WebSocketServer({ server, path }) serves its path, and refuses all others with 400`, async (t) => {
    const fixture = await startWs(t, transport, '/ws')
    const { hooks, carriers, logs, connect, refused } = fixture
    const socket = connect('/ws')
    t.equal(await nextText(socket), 'ws')
    t.same(carriers, [transport.name])
    t.equal((await refused('/unknown')).status, 400)
    t.same(hooks, [])
    const warnings = (): string[] => logs.filter(({ level }) => level >= WARN).map(({ msg }) => msg)
    if (transport.httpVersion === '2.0') {
      await checkOwnRoute(t, fixture)
      t.same(warnings(), [])
      return
    }
    // Node emits each upgrade to all listeners, and ws answers first.
    t.equal((await refused('/echo')).status, 400)
    t.same(hooks, [])
    t.match(warnings(), [/^another listener for 'upgrade' has answered the handshake of a websocket route/])
  })

  void t.test(`${transport.name}: new WebSocketServer({ server }) without a path takes every handshake over HTTP/1.1`, async (t) => {
    const { connect, hooks, carriers } = await startWs(t, transport, undefined)
    const isServed = transport.httpVersion === '2.0'
    const [other, echo] = [connect('/unknown'), connect('/echo')]
    const [text] = await Promise.all([nextText(other), isServed ? once(echo, 'open') : nextText(echo)])
    t.equal(text, 'ws')
    await roundTrip(echo)
    t.same(hooks, isServed ? ['/echo'] : [])
    t.same(carriers, Array(isServed ? 1 : 2).fill(transport.name))
  })

  for (const way of WAYS) {
    void t.test(`${transport.name}: a slow reader stops a server of ws, but no other socket, by ${way}`, async (t) => {
      const { client, server, own, carriers } = await openPair(t, transport, way)
      client.pause()
      const message = Buffer.alloc(32 * MEGABYTE, 'x')
      let isSent = false
      server.send(message, () => { isSent = true })
      // It does not fit into the buffers of the connection, so its sender has to wait.
      await untilStandstill(() => server.bufferedAmount)
      t.notOk(isSent)
      t.ok(server.bufferedAmount > MEGABYTE)
      await roundTrip(own)

      const received = once(client, 'message')
      client.resume()
      const [data] = await received
      t.ok(message.equals(data))
      await waitUntil(() => isSent && server.bufferedAmount === 0)
      t.same(carriers, [transport.name])
      client.terminate()
    })

    void t.test(`${transport.name}: a server of ws that reads slowly stops its client, but no other socket, by ${way}`, async (t) => {
      const { client, server, own, carriers } = await openPair(t, transport, way)
      server.pause()
      const message = Buffer.alloc(32 * MEGABYTE, 'x')
      client.send(message)
      await untilStandstill(() => client.bufferedAmount)
      t.ok(client.bufferedAmount > MEGABYTE)
      await roundTrip(own)

      const received = once(server, 'message')
      server.resume()
      const [data] = await received
      t.ok(message.equals(data))
      await waitUntil(() => client.bufferedAmount === 0)
      t.same(carriers, [transport.name])
      const end = closed(client)
      server.close(4000)
      t.equal((await end).code, 4000)
    })
  }
}

interface Pair {
  client: WebSocket
  /** The server's end of it. */
  server: WebSocket
  /** Socket of a route of the app, on the same port. */
  own: Awaited<ReturnType<Fixture['open']>>
  carriers: string[]
}

async function openPair (t: Test, transport: typeof TRANSPORTS[number], way: Way): Promise<Pair> {
  const wss = new WebSocketServer({ noServer: true })
  const { ClientWebSocket, url, open, carriers } = await startBeside(t, transport, way, '/ws', wss)
  const client = new ClientWebSocket(url)
  const [[server], own] = await Promise.all([once(wss, 'connection'), open('/echo'), once(client, 'open')])
  return { client, server, own, carriers }
}

/** Waits until an amount has not changed for a time. */
async function untilStandstill (measure: () => number): Promise<void> {
  let last = measure()
  let since = performance.now()
  await waitUntil(() => {
    const now = measure()
    if (now !== last) since = performance.now()
    last = now
    return performance.now() - since > STANDSTILL
  }, 'nothing more is sent')
}
