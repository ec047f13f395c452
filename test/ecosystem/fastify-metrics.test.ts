import fastifyMetrics from 'fastify-metrics'
import type { FastifyPluginAsync } from 'fastify'
import { Registry } from 'prom-client'
import t from 'tap'
import type { SocketCloseMessage } from '../../index.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { record } from '../helpers/channels.ts'
import { addEcho } from '../helpers/echo.ts'
import { get } from '../helpers/get.ts'
import { start } from '../helpers/transports.ts'
import { nextText, waitUntil } from '../helpers/waiting.ts'

// A variable path: the examples are JavaScript without types.
const { default: prometheus } = await import(String(new URL('../../examples/metrics/prometheus.js', import.meta.url))) as
  { default: FastifyPluginAsync<{ registry: Registry, endpoint: null }> }

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: fastify-metrics observes requests and refused handshakes, and not the lifetimes of sockets`, async (t) => {
    const registry = new Registry()
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const fixture = await start(t, transport, async (app) => {
      await app.register(fastifyMetrics as never, {
        endpoint: null,
        defaultMetrics: { enabled: false },
        routeMetrics: { overrides: { histogram: { registers: [registry] }, summary: { registers: [registry] } } }
      })
      addEcho(app)
      app.get('/page', async () => 'page')
      app.get('/private', { websocket: true, onRequest: async (_request, reply) => await reply.code(401).send() }, () => {})
    })
    const observed = async (): Promise<string[]> => {
      const text = await registry.metrics()
      return [...text.matchAll(/^http_request_duration_seconds_count(.*)$/gm)].map(([, sample]) => sample!)
    }

    const socket = await fixture.open('/echo')
    socket.send('hello')
    await nextText(socket)
    t.same(await observed(), [], 'an open socket is not observed')

    await get(fixture, '/page')
    await fixture.refused('/private')
    await waitUntil(() => fixture.app.websocketServer.stats().handshakes.refused.reply === 1)
    const expected = [
      '{method="GET",route="/page",status_code="200"} 1', '{method="GET",route="/private",status_code="401"} 1'
    ]
    t.same((await observed()).sort(), expected)

    const lost = await fixture.open('/echo')
    socket.close(1000)
    lost.terminate()
    await ends.next(2)
    t.same((await observed()).sort(), expected, 'neither are closed ones')
  })
}

void t.test('fastify-metrics serves the metrics of sockets together with its own', async (t) => {
  const fixture = await start(t, TRANSPORTS[0]!, async (app) => {
    await app.register(fastifyMetrics as never)
    const { client } = (app as unknown as { metrics: { client: { register: Registry } } }).metrics
    await app.register(prometheus, { registry: client.register, endpoint: null })
    addEcho(app)
  })
  await fixture.open('/echo')
  await get(fixture, '/metrics')
  const text = await get(fixture, '/metrics')
  t.match(text, 'http_request_duration_seconds_count{method="GET",route="/metrics",status_code="200"} 1')
  t.match(text, 'websocket_server_active_connections{route="/echo",transport="http/1.1"} 1')
})
