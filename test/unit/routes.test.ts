import { once } from 'node:events'
import fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { Admission } from '../../lib/handshake/admission.ts'
import { createWebSocketServer } from '../../lib/handshake/websocket-server.ts'
import { Sessions } from '../../lib/http2/sessions.ts'
import { Monitor } from '../../lib/monitoring/monitor.ts'
import { readOptions } from '../../lib/options/plugin.ts'
import { addWebsocketRoutes } from '../../lib/routes.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { Topics } from '../../lib/topics/topics.ts'
import { ERROR, INFO, WARN, linesWithError } from '../helpers/logs.ts'
import { createLog } from '../helpers/pending-upgrade.ts'
import { MIB } from '../helpers/sizes.ts'
import { H1, H2C, start } from '../helpers/transports.ts'
import { closed, waitTurns } from '../helpers/waiting.ts'

/** Creates an app whose routes may be websocket routes, without a server that handshakes reach. */
function build (options: WebsocketPluginOptions = {}): { app: FastifyInstance, calls: string[] } {
  const { log } = createLog()
  const app: FastifyInstance = fastify()
  const settings = readOptions(options, 0, log)
  const websocketServer = createWebSocketServer({}, log) as never
  const shutdown = new Shutdown(settings.shutdown, websocketServer, new Sessions({ receiveWindow: {} }), { log })
  const calls: string[] = []
  const admission = new Admission(settings, log, () => {})
  const parts = { shutdown, admission, monitor: new Monitor(app), topics: new Topics() }
  addWebsocketRoutes(app, websocketServer, settings, parts, () => calls.push('first route'))
  app.addHook('onRoute', ({ url, method }) => { calls.push(`${method} ${url}`) })
  return { app, calls }
}

async function register (t: Test, options: WebsocketPluginOptions = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, options)
  return app
}

void t.test('onFirstRoute is called once, before the first websocket route is added', async (t) => {
  const { app, calls } = build()
  app.get('/page', async () => 'page')
  app.get('/plain', { websocket: false }, async () => 'page')
  t.notOk(calls.includes('first route'))
  app.get('/one', { websocket: true }, () => {})
  app.get('/two', { websocket: true }, () => {})
  await app.ready()
  t.equal(calls.filter((call) => call === 'first route').length, 1)
  t.ok(calls.indexOf('first route') < calls.indexOf('GET /one'))
  t.ok(calls.indexOf('first route') > calls.indexOf('GET /plain'))
})

void t.test('onFirstRoute is not called for a websocket route that is invalid', async (t) => {
  const { app, calls } = build()
  t.throws(() => app.post('/x', { websocket: true } as object, async () => {}), { code: 'FST_WS_INVALID_METHOD' })
  t.same(calls, [])
})

void t.test('a websocket route with a method other than GET or HEAD throws', async (t) => {
  const { app } = build()
  t.throws(() => app.route({ method: 'POST', url: '/x', websocket: true, handler () {} }), {
    code: 'FST_WS_INVALID_METHOD', message: 'websocket route "/x" must have the method GET, got POST'
  })
  t.throws(() => app.route({ method: ['GET', 'PUT'], url: '/y', handler () {}, wsHandler () {} }), {
    message: 'websocket route "/y" must have the method GET, got GET, PUT'
  })
  app.route({ method: ['GET', 'HEAD'], url: '/z', websocket: true, handler () {} })
})

void t.test('a websocket route whose wsHandler is not a function throws', async (t) => {
  const { app } = build()
  t.throws(() => app.route({ method: 'GET', url: '/x', handler () {}, wsHandler: 'no' as never }), {
    code: 'FST_WS_INVALID_HANDLER', message: 'wsHandler of websocket route "/x" must be a function, got string'
  })
})

void t.test('an invalid option of a websocket route throws an error that names the route', async (t) => {
  const { app } = build()
  t.throws(() => app.get('/x', { websocket: { heartbeat: -1 } }, () => {}), {
    code: 'FST_WS_INVALID_OPTION', message: /\/x/
  })
})

void t.test('a websocket route is hidden from API documents, and the schema of the user is not changed', async (t) => {
  const app = await register(t)
  const schemas: unknown[] = []
  app.addHook('onRoute', (route) => { if (route.method === 'GET') schemas.push(route.schema) })
  const schema = { querystring: {} }
  app.get('/hidden', { websocket: true, schema }, () => {})
  app.route({ method: 'GET', url: '/shown', handler () {}, wsHandler () {} })
  t.same(schemas, [{ querystring: {}, hide: true }, undefined])
  t.same(schema, { querystring: {} })
})

void t.test('the config of the user is not changed, and is available to hooks', async (t) => {
  const app = await register(t)
  const configs: unknown[] = []
  app.addHook('onRequest', async (request) => { configs.push(Reflect.get(request.routeOptions.config, 'role')) })
  const config = Object.freeze({ role: 'chat' })
  app.get('/', { websocket: true, config } as object, () => {})
  const socket = await app.injectWS('/')
  t.same(configs, ['chat'])
  socket.terminate()
})

void t.test('a plain request for a websocket route is answered with 426, and request.ws is false', async (t) => {
  const app = await register(t)
  const seen: boolean[] = []
  app.addHook('onRequest', async (request) => { seen.push(request.ws) })
  app.get('/', { websocket: true }, () => t.fail('the handler runs'))
  for (const method of ['GET', 'HEAD'] as const) t.equal((await app.inject({ method, url: '/' })).statusCode, 426)
  t.same(seen, [false, false])
})

void t.test('setErrorHandler receives FST_WS_NO_WEBSOCKET_ROUTE for a handshake that matches no websocket route', async (t) => {
  const app = await register(t)
  const errors: unknown[] = []
  app.setErrorHandler(async (error: Error, _request: FastifyRequest, reply: FastifyReply) => {
    errors.push(error)
    return reply.code(418).send()
  })
  app.get('/', { websocket: true }, () => {})
  app.get('/page', async () => t.fail('the handler runs'))
  for (const path of ['/page', '/nowhere']) await t.rejects(app.injectWS(path), { message: /: 418$/ })
  t.match(errors, [
    { code: 'FST_WS_NO_WEBSOCKET_ROUTE', statusCode: 404, message: /^no websocket route matches "\/page", but a plain route does: add websocket routes after "await app\.register\(websocket\)"$/ },
    { code: 'FST_WS_NO_WEBSOCKET_ROUTE', statusCode: 404, message: /^no websocket route matches "\/nowhere"$/ }
  ])
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: a protocol error that an iterating handler throws is reported once`, async (t) => {
    const errors: unknown[] = []
    const { open } = await start(t, transport, (app) => {
      app.get('/', { websocket: { maxPayload: 10, errorHandler (error) { errors.push(error) } } }, async (socket) => {
        for await (const message of socket) t.fail(`received ${message}`)
      })
    })
    const socket = await open('/')
    socket.send(Buffer.alloc(11))
    t.equal((await closed(socket)).code, 1009)
    await waitTurns(2)
    t.match(errors, [{ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }], '\'error\' and the rejected handler are one error')
    t.equal(errors.length, 1)
  })

  void t.test(`${transport.name}: the log level is that of the error: info, warn or error`, async (t) => {
    const { app, open, logs } = await start(t, transport, (app) => {
      app.get('/protocol', { websocket: { maxPayload: 10 } }, () => {})
      app.get('/slow', { websocket: { sendLimit: 0 } }, (socket) => {
        socket.send(Buffer.alloc(4 * MIB))
        socket.send('late')
      })
      app.get('/handler', { websocket: true }, () => { throw new Error('boom') })
    })
    const protocol = await open('/protocol')
    protocol.send(Buffer.alloc(11))
    await closed(protocol)
    const ended = once(app.websocketServer, 'connection').then(([socket]) => closed(socket))
    const slow = await open('/slow')
    slow.on('message', () => {})
    await ended
    await closed(await open('/handler'))
    t.match(linesWithError(logs), [
      { level: INFO, err: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' } },
      { level: WARN, err: { code: 'FST_WS_SLOW_CONSUMER' } },
      { level: ERROR, err: { message: 'boom' } }
    ])
  })
}

void t.test('a handshake that times out in a hook is logged by the logger of its request', async (t) => {
  const { refused, logs } = await start(t, H1, (app) => {
    app.get('/', { websocket: true, onRequest: () => {} }, () => t.fail('the handler runs'))
  }, { handshakeTimeout: 20 })
  t.equal((await refused('/')).status, 503)
  t.match(logs.filter(({ level }) => level === WARN), [{ reqId: 'req-1', msg: /handshakeTimeout/ }])
})
