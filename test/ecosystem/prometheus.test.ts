import { once } from 'node:events'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Registry } from 'prom-client'
import t from 'tap'
import type { Test } from 'tap'
import type { HandshakeRefusedMessage, SocketCloseMessage, WebsocketPluginOptions } from '../../index.ts'
import { readPage } from '../docs/pages.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { record } from '../helpers/channels.ts'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { get } from '../helpers/get.ts'
import { nextText } from '../helpers/waiting.ts'

type Prometheus = FastifyPluginAsync<{ registry?: Registry, endpoint?: string | null }>

// A variable path: the examples are JavaScript without types.
const { default: prometheus } = await import(String(new URL('../../examples/metrics/prometheus.js', import.meta.url))) as
  { default: Prometheus }

interface Measured extends Fixture {
  /** Returns the samples at /metrics whose names begin with `websocket_server_`, without that prefix. */
  scrape (): Promise<Record<string, number>>
  /** Waits until that many sockets have closed on the server. */
  ended (count: number): Promise<void>
}

for (const transport of TRANSPORTS) {
  const http = transport.httpVersion === '2.0' ? 'http/2' : 'http/1.1'

  void t.test(`${transport.name}: Prometheus scrapes open sockets, messages and bytes while the sockets are open`, async (t) => {
    const { open, scrape, ended } = await startMeasured(t, transport, (app) => {
      addEcho(app)
      app.get('/rooms/:room', { websocket: true }, () => {})
    })
    const before = await scrape()
    t.equal(before['messages_total{direction="received"}'], 0)
    t.equal(before['handshakes_refused_total{cause="reply"}'], 0)

    const [echo, room] = [await open('/echo'), await open('/rooms/tea'), await open('/rooms/coffee')]
    echo.send('hello')
    t.equal(await nextText(echo), 'hello')
    t.match(await scrape(), {
      [`active_connections{route="/echo",transport="${http}"}`]: 1,
      [`active_connections{route="/rooms/:room",transport="${http}"}`]: 2,
      'messages_total{direction="received"}': 1,
      'messages_total{direction="sent"}': 1,
      'message_bytes_total{direction="received"}': 5,
      'message_bytes_total{direction="sent"}': 5,
      buffered_bytes: 0,
      pending_handshakes: 0
    })
    t.notMatch(Object.keys(await scrape()), /duration/, 'a duration is observed when its socket closes')

    echo.close(1000)
    room!.close(4001)
    await ended(2)
    const after = await scrape()
    t.match(after, {
      [`active_connections{route="/echo",transport="${http}"}`]: 0,
      [`active_connections{route="/rooms/:room",transport="${http}"}`]: 1,
      'messages_total{direction="received"}': 1,
      [count('/echo', http, 'normal_closure')]: 1,
      [count('/rooms/:room', http, 'normal_closure')]: 1
    })
    const sum = after[count('/echo', http, 'normal_closure').replace('count', 'sum')]!
    t.ok(sum > 0 && sum < 60, 'it is measured in seconds')
  })

  void t.test(`${transport.name}: Prometheus scrapes durations by the way in which sockets ended`, async (t) => {
    const { open, scrape, ended } = await startMeasured(t, transport, (app) => {
      app.get('/terminate', { websocket: true }, (socket) => socket.terminate())
      app.get('/fail', { websocket: true }, (socket) => socket.close(1011))
      app.get('/unresponsive', { websocket: { heartbeat: 20 } }, () => {})
    })
    for (const path of ['/terminate', '/fail', '/unresponsive']) await open(path, { autoPong: false })
    await ended(3)
    t.match(await scrape(), {
      [count('/terminate', http, 'abnormal_closure')]: 1,
      [count('/fail', http, 'error')]: 1,
      [count('/unresponsive', http, 'timeout')]: 1
    })
  })

  void t.test(`${transport.name}: Prometheus collects the sockets that a shutdown closes as app_shutdown`, async (t) => {
    const registry = new Registry()
    const { app, open } = await startMeasured(t, transport, addEcho, { registry })
    const socket = await open('/echo')
    await Promise.all([once(socket, 'close'), app.close()])
    t.match(parse(await registry.metrics()), { [count('/echo', http, 'app_shutdown')]: 1 })
  })

  void t.test(`${transport.name}: Prometheus scrapes the sockets that drain() closes as app_shutdown`, async (t) => {
    const { app, open, scrape, ended } = await startMeasured(t, transport, addEcho)
    await open('/echo')
    await Promise.all([ended(1), app.websocketServer.drain({ over: 0 })])
    t.match(await scrape(), { [count('/echo', http, 'app_shutdown')]: 1 })
  })

  void t.test(`${transport.name}: Prometheus scrapes refused handshakes by cause`, async (t) => {
    const { refused, scrape } = await startMeasured(t, transport, (app) => {
      app.get('/private', { websocket: true, onRequest: async (_request, reply) => await reply.code(401).send() }, () => {})
    })
    const seen = record<HandshakeRefusedMessage>(t, 'handshake:refused')
    for (const path of ['/private', '/private', '/nowhere']) await refused(path)
    await seen.next(3)
    t.match(await scrape(), {
      'handshakes_refused_total{cause="reply"}': 2,
      'handshakes_refused_total{cause="no_route"}': 1,
      'handshakes_refused_total{cause="origin"}': 0
    })
  })

  void t.test(`${transport.name}: Prometheus scrapes slow consumers, and the bytes that wait for them`, async (t) => {
    const { app, open, scrape } = await startMeasured(t, transport, (app) => {
      app.get('/flood', { websocket: true }, (socket) => {
        socket.on('message', () => {
          for (let count = 0; count < 3; count++) socket.send(Buffer.alloc(16 * MIB))
          app.server.emit('flooded')
        })
      })
    }, {}, { sendLimit: 1, slowConsumer: 'drop' })
    const socket = await open('/flood')
    socket.pause()
    const flooded = once(app.server, 'flooded')
    socket.send('go')
    await flooded
    const metrics = await scrape()
    t.match(metrics, { 'slow_consumers_total{action="dropped"}': 2, 'slow_consumers_total{action="closed"}': 0 })
    t.ok(metrics.buffered_bytes! > 0)
    socket.terminate()
  })
}

void t.test('Prometheus counts the sockets of each application of a process separately', async (t) => {
  const [one, two] = [await startMeasured(t, TRANSPORTS[0]!, addEcho), await startMeasured(t, TRANSPORTS[0]!, addEcho)]
  await one.open('/echo')
  t.match(await one.scrape(), { 'active_connections{route="/echo",transport="http/1.1"}': 1 })
  t.notMatch(Object.keys(await two.scrape()), /active_connections/)
})

void t.test('Prometheus counts sockets of routes in encapsulated plugins', async (t) => {
  const { open, scrape } = await startMeasured(t, TRANSPORTS[0]!, async (app) => {
    await app.register(async (child) => addEcho(child), { prefix: '/child' })
  })
  await open('/child/echo')
  t.match(await scrape(), { 'active_connections{route="/child/echo",transport="http/1.1"}': 1 })
})

void t.test('Prometheus metrics are those of the table and the alerts in examples/metrics/README.md', async (t) => {
  const registry = new Registry()
  await startMeasured(t, TRANSPORTS[0]!, addEcho, { registry })
  const names = (await registry.getMetricsAsArray()).map(({ name }) => name)
  const { text, tables } = readPage('examples/metrics/README.md')
  const listed = tables[0]!.rows.flatMap(([cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => `websocket_server_${name}`))
  t.same(listed.sort(), names.sort())
  const used = [...text.matchAll(/\bwebsocket_server_\w+(?=[{[])/g)].map(([name]) => name.replace(/_count$/, ''))
  t.same(used.filter((name) => !names.includes(name)), [])
  t.ok(used.length > 0)
})

/** Starts a server with the plugin of examples/metrics. */
async function startMeasured (
  t: Test, transport: Transport, routes: (app: FastifyInstance) => unknown,
  options: { registry?: Registry } = {}, pluginOptions: WebsocketPluginOptions = {}
): Promise<Measured> {
  const ends = record<SocketCloseMessage>(t, 'socket:close')
  const fixture = await start(t, transport, async (app) => {
    await app.register(prometheus, options)
    await routes(app)
  }, pluginOptions)
  return Object.assign(Object.create(fixture) as Fixture, {
    ended: ends.next,
    scrape: async () => parse(await get(fixture, '/metrics'))
  })
}

/** Returns the name of the samples that count durations. */
function count (route: string, transport: string, status: string): string {
  return `connection_duration_seconds_count{route="${route}",transport="${transport}",status="${status}"}`
}

/** Reads the text format of Prometheus. */
function parse (text: string): Record<string, number> {
  const samples = [...text.matchAll(/^websocket_server_(\S+) (\S+)$/gm)]
  return Object.fromEntries(samples.map(([, name, value]) => [name!, Number(value)]))
}
