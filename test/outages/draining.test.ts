import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'
import type { Reconnecting } from '../../lib/client/index.ts'
import { createNetworkPath } from '../helpers/network-path.ts'
import { findPort } from '../helpers/ports.js'
import { waitUntil } from '../helpers/waiting.ts'
import { WAYS, reconnecting } from './setup.ts'
import type { Recorded } from './setup.ts'

const CLIENTS = 20
const OVER = 100
/** Large enough to be compressed. */
const PADDING = '.'.repeat(2048)

/** Client that sends a message when it has received one, each with a number of its own. */
interface Exchanging extends Recorded {
  sent: number
  /** Attempts and connections that have not ended. */
  active: number
  /** The most of them at one time. */
  peak: number
}

/** The texts that the server has received, and the sessions of its sockets, in the order in which they opened. */
interface Seen {
  texts: string[]
  sessions: unknown[]
}

for (const way of WAYS.filter(({ options }) => options.session === 'shared')) {
  void t.test(`${way.title}: clients that reconnect move to one new session after drain(), and after a restart`, async (t) => {
    const port = await findPort()
    const path = await createNetworkPath(t, port)
    const seen: Seen = { texts: [], sessions: [] }
    let isStopped = false
    let app = await serve()
    t.teardown(() => app.close())
    const clients = Array.from({ length: CLIENTS }, () => start())
    await Promise.all(clients.map(({ socket }) => once(socket, 'open')))
    t.ok(clients.every(({ socket }) => socket.extensions.startsWith('permessage-deflate')))
    const first = sessionsFrom(0)

    await exchangeMore()

    // drain(): the server continues.
    const moved = allReconnected()
    t.equal(await app.websocketServer.drain({ over: OVER }), CLIENTS)
    await moved
    await exchangeMore()
    const second = sessionsFrom(CLIENTS)
    t.same([first.size, second.size, path.accepted], [1, 1, 2], 'all sockets have one session, before and after')
    t.not([...first][0], [...second][0])
    await stopExchange()
    await waitUntil(() => app.websocketServer.stats().sessions.open === 1, 'the first session has ended')
    t.match(app.websocketServer.stats(), {
      sockets: { open: CLIENTS, opened: 2 * CLIENTS, byHttpVersion: { 1.1: 0, 2: CLIENTS }, closed: { 1012: CLIENTS } },
      messages: { received: seen.texts.length, sent: countReceived() },
      sessions: { opened: 2 }
    })
    t.same(closesOf(clients), { 1012: CLIENTS }, 'the clients have seen the same')
    t.notMatch(app.websocketServer.stats().sockets.closed, { 1006: Number })

    // A restart, which begins with drain().
    const opened = seen.sessions.length
    isStopped = false
    for (const client of clients) sendNext(client)
    await exchangeMore()
    const restarted = allReconnected()
    await app.close()
    app = await serve()
    await restarted
    await exchangeMore()
    t.equal(sessionsFrom(opened).size, 1)
    t.notOk(second.has(seen.sessions.at(-1)))
    await stopExchange()
    t.match(app.websocketServer.stats(), {
      sockets: { open: CLIENTS, opened: CLIENTS, closed: {} }, sessions: { open: 1, opened: 1 }
    })
    t.same(closesOf(clients), { 1012: 2 * CLIENTS })

    // Each message at most once, in order, and one attempt at a time.
    t.equal(new Set(seen.texts).size, seen.texts.length)
    for (const { texts, peak } of clients) {
      const numbers = texts.map((text) => Number.parseInt(text))
      t.same(numbers, [...new Set(numbers)].sort((one, other) => one - other))
      t.equal(peak, 1)
    }

    async function serve (): Promise<FastifyInstance> {
      const app: FastifyInstance = fastify(way.transport.server)
      await app.register(websocket, {
        options: { perMessageDeflate: true },
        async preClose () { await this.websocketServer.drain({ over: OVER }) }
      })
      app.get('/echo', { websocket: true }, (socket, { raw }) => {
        seen.sessions.push((raw as unknown as { stream: ServerHttp2Stream }).stream.session)
        socket.on('message', (data) => {
          seen.texts.push(String(data))
          socket.send(`${seen.texts.length} ${PADDING}`)
        })
      })
      await app.listen({ port, host: '127.0.0.1' })
      return app
    }

    function start (): Exchanging {
      const counts = { sent: 0, active: 0, peak: 0 }
      const recorded = reconnecting(t, way, path.port, {
        finishRequest (request) {
          counts.peak = Math.max(counts.peak, ++counts.active)
          request.end()
        }
      })
      const client = Object.assign(counts, recorded)
      const next = (): void => { if (!isStopped) sendNext(client) }
      client.socket.on('open', next).on('reconnected', next).on('message', next)
      client.socket.on('reconnecting', () => { client.active-- })
      return client
    }

    function sendNext (client: Exchanging): void {
      client.socket.send(`${clients.indexOf(client)}.${client.sent++} ${PADDING}`)
    }

    function sessionsFrom (index: number): Set<unknown> {
      return new Set(seen.sessions.slice(index))
    }

    function allReconnected (): Promise<unknown> {
      return Promise.all(clients.map(({ socket }) => once(socket, 'reconnected')))
    }

    /** Waits until each client has received some more messages. */
    async function exchangeMore (): Promise<void> {
      const goals = clients.map(({ texts }) => texts.length + 5)
      await waitUntil(() => clients.every(({ texts }, index) => texts.length >= goals[index]!), 'messages are exchanged')
    }

    /** Stops sending. A pong follows all messages that were sent before it. */
    async function stopExchange (): Promise<void> {
      isStopped = true
      await Promise.all(clients.map(async ({ socket }) => {
        socket.ping()
        await once(socket, 'pong')
      }))
    }

    function countReceived (): number {
      return clients.reduce((sum, { texts }) => sum + texts.length, 0)
    }
  })
}

/** Counts the connections that have ended, by their code, without the attempts that failed. */
function closesOf (clients: Exchanging[]): Record<number, number> {
  const closes = clients.flatMap(({ ends }) => ends.filter(({ error }: Reconnecting) => error === undefined))
  const counts: Record<number, number> = {}
  for (const { code } of closes) counts[code] = (counts[code] ?? 0) + 1
  return counts
}
