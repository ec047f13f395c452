import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket, * as exported from '../../index.ts'
import { addEcho, echo } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { H1, H1_BESIDE_H2, H2C, start } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

function createApp (t: Test, options: object = {}): FastifyInstance {
  const app: FastifyInstance = fastify(options)
  t.teardown(() => app.close())
  return app
}

void t.test('the plugin has one name, and is exported under several', async (t) => {
  t.equal(Reflect.get(websocket, Symbol.for('fastify.display-name')), 'fastify-websocket-h2')
  t.same(Object.keys(exported).sort(), ['default', 'fastifyWebsocket', 'fastifyWebsocketH2', 'module.exports'])
  for (const value of Object.values(exported)) t.equal(value, websocket)
})

void t.test('the plugin has all names as properties, because require() returns the function alone', async (t) => {
  t.equal(websocket.default, websocket)
  t.equal(websocket.fastifyWebsocketH2, websocket)
  t.equal(websocket.fastifyWebsocket, websocket)
})

void t.test('registering twice rejects with FST_WS_ALREADY_REGISTERED', async (t) => {
  const app = createApp(t)
  await app.register(websocket)
  await t.rejects(Promise.resolve(app.register(websocket)), { code: 'FST_WS_ALREADY_REGISTERED' })
})

void t.test('registering in two scopes of one server rejects with FST_WS_ALREADY_REGISTERED', async (t) => {
  const app = createApp(t)
  await app.register(async (scope) => { await scope.register(websocket) })
  await t.rejects(Promise.resolve(app.register(async (scope) => { await scope.register(websocket) })), {
    code: 'FST_WS_ALREADY_REGISTERED'
  })
})

void t.test('after app.close() another app may register the plugin for the same server', async (t) => {
  const { server } = createApp(t)
  for (let count = 0; count < 2; count++) {
    const app: FastifyInstance = fastify()
    await app.register(websocket, { options: { server } })
    app.get('/', { websocket: true }, echo)
    await app.ready()
    t.equal(server.listenerCount('upgrade'), 1)
    await app.close()
    t.equal(server.listenerCount('upgrade'), 0)
  }
})

void t.test('a server without a websocket route has no listeners of the plugin', async (t) => {
  const app = createApp(t, { http2: true })
  await app.register(websocket)
  app.get('/', async () => 'plain')
  await app.ready()
  for (const event of ['upgrade', 'connect', 'session', 'stream']) {
    const { length } = fastify({ http2: true } as object).server.listeners(event)
    t.equal(app.server.listenerCount(event), length, event)
  }
})

void t.test('app.close() removes the listeners of the plugin', async (t) => {
  const app = createApp(t, { http2: true })
  const events = ['upgrade', 'connect', 'session', 'connection', 'secureConnection']
  const counts = events.map((event) => app.server.listenerCount(event))
  await app.register(websocket)
  addEcho(app)
  await app.ready()
  for (const event of events) t.ok(app.server.listenerCount(event) > 0, event)
  await app.close()
  t.same(events.map((event) => app.server.listenerCount(event)), counts)
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: a handshake that Fastify fails to route is logged, and answered with 500`, async (t) => {
    const { refused, logs } = await start(t, transport, addEcho, {}, { genReqId () { throw new Error('boom') } })
    t.equal((await refused('/echo')).status, 500)
    t.match(errorsIn(logs), [{ msg: 'Fastify threw an error while it routed a websocket handshake', err: { message: 'boom' } }])
  })
}

void t.test('errors that the logger cannot serialize are logged as text, and sockets still close with 1011', async (t) => {
  for (const transport of [H1, H2C]) {
    const lines: string[] = []
    const { connect, refused } = await start(t, transport, (app) => {
      app.get('/fails', { websocket: true }, () => { throw new Error('boom') })
    }, {
      options: { verifyClient: async ({ req }, done) => req.url === '/fails' ? done(true) : Promise.reject(new Error('no')) }
    }, {
      logger: {
        stream: { write (line: string) { lines.push(JSON.parse(line).msg) } },
        serializers: { err () { throw new Error('not today') } }
      }
    } as FastifyServerOptions)
    t.equal((await closed(connect('/fails'))).code, 1011)
    t.ok(lines.some((line) => line.includes('boom')))
    t.equal((await refused('/fails?not')).status, 500)
    t.ok(lines.some((line) => line.includes('verifyClient failed: no')))
  }
})

void t.test('with advertise: false an HTTP/2 client falls back to HTTP/1.1', async (t) => {
  const { app, open } = await start(t, H1_BESIDE_H2, (app) => {
    app.get('/ws', { websocket: true }, (socket, request) => socket.send(request.raw.httpVersion))
  }, { advertise: false })
  t.equal(await nextText(await app.injectWS('/ws')), '1.1')
  await open('/ws')
})
