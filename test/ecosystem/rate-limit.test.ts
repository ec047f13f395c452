import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { addEcho } from '../helpers/echo.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, start } from '../helpers/transports.ts'

for (const transport of [H1, H1_TLS, H1_BESIDE_H2, H2C, H2_TLS]) {
  void t.test(`${transport.name}: @fastify/rate-limit refuses handshakes beyond its limit with 429 and its headers`, async (t) => {
    const { app, open, refused } = await start(t, transport, async (app: FastifyInstance) => {
      await app.register(rateLimit, { max: 3, timeWindow: '1 minute' })
      addEcho(app)
      app.get('/page', async () => 'page')
    })
    t.equal((await app.inject('/page')).headers['x-ratelimit-remaining'], '2', 'routes share a count unless they have options')
    for (let count = 0; count < 2; count++) await open('/echo')
    const { status, headers } = await refused('/echo')
    t.equal(status, 429)
    t.match(headers, { 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '0', 'retry-after': /^\d+$/ })
    t.equal(app.websocketServer.clients.size, 2)
  })

  void t.test(`${transport.name}: @fastify/rate-limit counts by a key that an earlier hook has set, for one route`, async (t) => {
    const { open, refused } = await start(t, transport, async (app: FastifyInstance) => {
      await app.register(rateLimit, { global: false })
      app.decorateRequest('user', '')
      app.addHook('onRequest', async (request) => { Object.assign(request, { user: request.headers['x-user'] }) })
      app.get('/mine', {
        websocket: true,
        config: {
          rateLimit: { max: 1, hook: 'preHandler', keyGenerator: (request) => String(Reflect.get(request, 'user')) }
        }
      }, () => {})
      addEcho(app)
    })
    for (const user of ['ada', 'bob']) await open('/mine', { headers: { 'x-user': user } })
    for (const user of ['ada', 'bob']) t.equal((await refused('/mine', { headers: { 'x-user': user } })).status, 429)
    for (let count = 0; count < 3; count++) await open('/echo')
  })

  void t.test(`${transport.name}: a handshake that @fastify/rate-limit allows has its headers`, async (t) => {
    const { connect } = await start(t, transport, async (app: FastifyInstance) => {
      await app.register(rateLimit, { max: 5 })
      addEcho(app)
    })
    const socket = connect('/echo')
    const headers = await new Promise((resolve) => socket.once('upgrade', (response) => resolve(response.headers)))
    t.match(headers, { 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '4' })
  })
}
