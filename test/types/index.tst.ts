import type { IncomingMessage, Server } from 'node:http'
import type { Http2SecureServer, Http2Server, Http2ServerRequest } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import fastify from 'fastify'
import type {
  FastifyBaseLogger, FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest,
  RouteOptions as FastifyRouteOptions
} from 'fastify'
import { describe, expect, test } from 'tstyche'
import { WebSocket as WsWebSocket } from 'ws'
import type { VerifyClientCallbackAsync, VerifyClientCallbackSync, WebSocketServer } from 'ws'
import websocket, { fastifyWebsocket, fastifyWebsocketH2 } from '../../index.ts'
import type {
  PreCloseHook, RouteOptions, VerifyClient, WebSocket, WebsocketErrorHandler, WebsocketHandler, WebsocketPluginOptions,
  WebsocketServerOptions
} from '../../index.ts'

test('an echo server', async () => {
  const app = fastify()
  await app.register(websocket)

  app.get('/echo', { websocket: true }, (socket, request) => {
    expect(socket).type.toBe<WebSocket>()
    expect(socket).type.toBeAssignableTo<WsWebSocket>()
    expect(request).type.toBe<FastifyRequest>()
    expect(request.ws).type.toBe<boolean>()
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })

  app.get('/page', (request, reply) => {
    expect(request.ws).type.toBe<boolean>()
    expect(reply).type.toBe<FastifyReply>()
  })

  app.get('/page-that-says-so', { websocket: false }, (_request, reply) => {
    expect(reply).type.toBe<FastifyReply>()
  })

  expect(app.websocketServer).type.toBeAssignableTo<WebSocketServer>()
  for (const client of app.websocketServer.clients) expect(client).type.toBe<WebSocket>()
  expect(app.websocketServer.drain()).type.toBe<Promise<number>>()
  expect(app.websocketServer.drain).type.toBeCallableWith({ over: 1000, code: 1012, reason: 'moved' })
  expect(app.websocketServer.drain).type.not.toBeCallableWith({ over: '1000' })
})

test('the plugin is exported under each of its names', () => {
  expect(websocket).type.toBe<typeof fastifyWebsocketH2>()
  expect(fastifyWebsocket).type.toBe<typeof fastifyWebsocketH2>()
  for (const name of ['default', 'fastifyWebsocketH2', 'fastifyWebsocket'] as const) {
    expect(websocket[name]).type.toBeAssignableTo<FastifyPluginAsync<WebsocketPluginOptions>>()
  }
  expect(websocket).type.toBeAssignableTo<FastifyPluginAsync<WebsocketPluginOptions>>()
  expect<WebSocket>().type.toBeAssignableTo<WsWebSocket>()
  expect<RouteOptions>().type.toBe<FastifyRouteOptions>()
})

test('origin: false, an origin, a RegExp, a list of these, or a function', async () => {
  const app = fastify()
  for (const origin of [false, 'same', 'https://a.example', /^https:/, undefined] as const) {
    await app.register(websocket, { origin })
  }
  await app.register(websocket, { origin: ['same', 'https://a.example', /^https:/] })
  await app.register(websocket, {
    async origin (origin, request) {
      expect(origin).type.toBe<string>()
      expect(request).type.toBe<FastifyRequest>()
      return origin === `https://${request.hostname}`
    }
  })
  app.get('/', { websocket: { origin: (origin) => origin.endsWith('.example') } }, () => {})
  expect(websocket).type.not.toBeCallableWith(app, { origin: true })
  expect(websocket).type.not.toBeCallableWith(app, { origin: [false] })
  expect(websocket).type.not.toBeCallableWith(app, { origin: () => 'https://a.example' })
})

test('backpressure: options and members of a socket', async () => {
  const app = fastify()
  await app.register(websocket, {
    receiveWindow: { initial: 65_535, max: 2 ** 20, sessionBudget: 2 ** 24 },
    sendLimit: Infinity,
    slowConsumer (socket, bytes) {
      expect(socket).type.toBe<WebSocket>()
      expect(bytes).type.toBe<number>()
      return 'drop'
    }
  })
  await app.register(websocket, { receiveWindow: {}, slowConsumer: 'close' })
  await app.register(websocket, { slowConsumer: (socket) => { socket.terminate() } })
  expect(websocket).type.not.toBeCallableWith(app, { slowConsumer: 'wait' })
  expect(websocket).type.not.toBeCallableWith(app, { slowConsumer: async () => 'drop' as const })
  expect(websocket).type.not.toBeCallableWith(app, { slowConsumer: async () => {} })
  expect(websocket).type.not.toBeCallableWith(app, { receiveWindow: 65_535 })

  app.get('/sum', { websocket: true }, async (socket) => {
    for await (const message of socket) expect(message).type.toBe<string | Buffer>()
    expect(socket.writableNeedDrain).type.toBe<boolean>()
    expect(socket.bufferedAmount).type.toBe<number>()
    socket.once('drain', () => {})
  })
})

describe('a server of each kind', () => {
  test('http', async () => {
    const app = fastify()
    await app.register(websocket, { maxConcurrentStreams: 256 })
    app.get('/', { websocket: true }, function (socket, request) {
      expect(this).type.toBe<FastifyInstance>()
      expect(this.server).type.toBe<Server>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.raw).type.toBe<IncomingMessage>()
    })
  })

  test('https', async () => {
    const app = fastify({ https: { key: '', cert: '' } })
    await app.register(websocket, { maxConcurrentStreams: 256 })
    app.get('/', { websocket: true }, function (socket, request) {
      expect(this.server).type.toBe<HttpsServer>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.raw).type.toBe<IncomingMessage>()
    })
  })

  test('http2 without TLS', async () => {
    const app = fastify({ http2: true })
    await app.register(websocket, { maxConcurrentStreams: 256 })
    app.get('/', { websocket: true }, function (socket, request) {
      expect(this.server).type.toBe<Http2Server>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.raw).type.toBe<Http2ServerRequest>()
    })
  })

  test('http2 with allowHTTP1', async () => {
    const app = fastify({ http2: true, https: { allowHTTP1: true, key: '', cert: '' } })
    await app.register(websocket, { maxConcurrentStreams: 256 })
    app.get('/', { websocket: true }, function (socket, request) {
      expect(this.server).type.toBe<Http2SecureServer>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.raw).type.toBe<Http2ServerRequest>()
    })
    app.route({
      method: 'GET',
      url: '/both',
      handler: (_request, reply) => { reply.send() },
      wsHandler: (socket, request) => {
        expect(socket).type.toBe<WebSocket>()
        expect(request.raw).type.toBe<Http2ServerRequest>()
      }
    })
    app.route({
      method: 'GET',
      url: '/route',
      websocket: true,
      handler (socket, request) {
        expect(this.server).type.toBe<Http2SecureServer>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.raw).type.toBe<Http2ServerRequest>()
      }
    })
  })
})

describe('a route', () => {
  const app = fastify()

  test('handlers: synchronous, async, with and without parameters', () => {
    app.get('/function', { websocket: true }, function (socket) {
      expect(this).type.toBe<FastifyInstance>()
      expect(socket).type.toBe<WebSocket>()
    })
    app.get('/async', { websocket: true }, async function (socket) {
      expect(this).type.toBe<FastifyInstance>()
      expect(socket).type.toBe<WebSocket>()
    })
    app.get('/promise-of-something', { websocket: true }, async (socket) => socket.readyState)
    app.get('/no-parameters', { websocket: true }, () => {})
    app.get('/annotated', { websocket: true }, (socket: WsWebSocket, request: FastifyRequest) => {
      socket.send(request.url)
    })
    app.get('/among-the-options', {
      websocket: true,
      handler (socket, request) {
        expect(this).type.toBe<FastifyInstance>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    })
    app.get('/hooks', {
      websocket: true,
      preHandler: async (request, reply) => { if (!request.ws) return reply.code(426).send() }
    }, (socket) => { socket.close(1000, 'bye') })
  })

  test('a handler that is declared separately', () => {
    const handler: WebsocketHandler = async function (socket, request) {
      expect(this).type.toBe<FastifyInstance>()
      expect(socket).type.toBe<WebSocket>()
      expect(request).type.toBe<FastifyRequest>()
    }
    app.get('/get', { websocket: true }, handler)
    app.route({ method: 'GET', url: '/route', websocket: true, handler })
    app.route({ method: 'GET', url: '/both', handler: () => 'page', wsHandler: handler })

    const secure: WebsocketHandler<Http2SecureServer> = (_socket, request) => {
      expect(request.raw).type.toBe<Http2ServerRequest>()
    }
    fastify({ http2: true, https: {} }).get('/', { websocket: true }, secure)
  })

  test('route options that are declared separately', () => {
    const options: RouteOptions = {
      method: 'GET',
      url: '/apart',
      handler: (_request, reply) => { expect(reply).type.toBe<FastifyReply>() },
      wsHandler: (socket, request) => {
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    }
    app.route(options)
  })

  test('a plain GET and a socket at one URL', () => {
    app.route({
      method: 'GET',
      url: '/both',
      handler (request, reply) {
        expect(request).type.toBe<FastifyRequest>()
        expect(reply).type.toBe<FastifyReply>()
      },
      async wsHandler (socket, request) {
        expect(this).type.toBe<FastifyInstance>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    })
    app.route({
      method: 'GET',
      url: '/page',
      websocket: false,
      handler: (_request, reply) => { expect(reply).type.toBe<FastifyReply>() }
    })
  })

  test('types of params, query and headers', () => {
    interface Chat {
      Params: { room: string }
      Querystring: { since: number }
      Headers: { 'x-token': string }
      Reply: { items: string[] }
    }

    app.get<Chat>('/chat/:room', { websocket: true }, (_socket, request) => {
      expect(request.params).type.toBe<{ room: string }>()
      expect(request.query).type.toBe<{ since: number }>()
      expect(request.headers['x-token']).type.toBe<string>()
    })
    app.get<Chat>('/options/:room', {
      websocket: true,
      handler: (_socket, request) => { expect(request.params).type.toBe<{ room: string }>() }
    })
    app.route<Chat>({
      method: 'GET',
      url: '/route/:room',
      websocket: true,
      handler: (_socket, request) => { expect(request.params).type.toBe<{ room: string }>() }
    })
    app.route<Chat>({
      method: 'GET',
      url: '/both/:room',
      handler: () => ({ items: [] }),
      wsHandler: (_socket, request) => { expect(request.query).type.toBe<{ since: number }>() }
    })
  })

  test('the logger of the server', () => {
    interface Audit extends FastifyBaseLogger { audit (message: string): void }
    const audited = fastify({ loggerInstance: {} as Audit })

    audited.get('/', { websocket: true }, function (_socket, request) {
      expect(this.log).type.toBe<Audit>()
      expect(request.log).type.toBe<Audit>()
    })
    audited.route({
      method: 'GET',
      url: '/route',
      websocket: true,
      handler: (_socket, request) => { request.log.audit('opened') }
    })
    audited.route({
      method: 'GET',
      url: '/both',
      handler: () => 'page',
      wsHandler: (_socket, request) => { request.log.audit('opened') }
    })
    const handler: WebsocketHandler = (_socket, request) => { request.log.info('opened') }
    audited.get('/apart', { websocket: true }, handler)
  })

  test('mistakes that do not compile', () => {
    // @ts-expect-error Argument of type 'string' is not assignable
    app.get('/', { websocket: true }, (socket) => { socket.close('bye') })
    // @ts-expect-error Property 'send' does not exist on type 'FastifyRequest
    app.get('/', { websocket: true }, (_request, reply) => { reply.send() })
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: true }, (_socket: string) => {})
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: true }, (_socket: WebSocket, _reply: FastifyReply) => {})
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: true }, (_socket: WebSocket, _request: FastifyRequest, _third: unknown) => {})
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: true }, (_socket) => 1)
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: 'yes' }, () => {})
    // @ts-expect-error Property 'send' does not exist on type 'FastifyRequest
    app.route({ method: 'GET', url: '/', websocket: true, handler: (_request, reply) => { reply.send() } })
    // @ts-expect-error No overload matches this call
    app.route({ method: 'GET', url: '/', wsHandler: () => {} })
    // @ts-expect-error No overload matches this call
    app.route({ method: 'GET', url: '/', handler: () => 'page', wsHandler: 'no' })
    // @ts-expect-error No overload matches this call
    app.route({ method: 'GET', url: '/', handler: () => 'page', wsHandler: () => 1 })
  })
})

describe('the options', () => {
  const app = fastify()

  test('all options', () => {
    app.register(websocket, {
      options: {
        server: app.server,
        path: '/only',
        maxPayload: 1024,
        maxBufferedChunks: 1024,
        maxFragments: 128,
        closeTimeout: 5000,
        autoPong: true,
        maxPendingAutoPongs: 10,
        perMessageDeflate: { threshold: 1024 },
        clientTracking: true,
        allowSynchronousEvents: true,
        skipUTF8Validation: false,
        WebSocket: class extends WsWebSocket {},
        handleProtocols (protocols, request) {
          expect(protocols).type.toBe<Set<string>>()
          expect(request).type.toBe<IncomingMessage>()
          return protocols.has('chat') && 'chat'
        },
        verifyClient ({ origin, secure, req }) {
          expect(origin).type.toBe<string>()
          expect(secure).type.toBe<boolean>()
          expect(req).type.toBe<IncomingMessage>()
          return secure
        }
      },
      errorHandler (error, socket, request, reply) {
        expect(this).type.toBe<FastifyInstance>()
        expect(error).type.toBe<Error>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
        expect(reply).type.toBe<FastifyReply>()
      },
      preClose (done) {
        expect(this).type.toBe<FastifyInstance>()
        done()
      },
      shutdownTimeout: 8000,
      shutdown: { code: 1012, reason: 'update', batch: Infinity },
      advertise: false,
      handshakeTimeout: 10_000,
      heartbeat: 30_000,
      maxConcurrentStreams: 256,
      prefix: '/v1'
    })
  })

  test('no options', () => {
    app.register(websocket)
    app.register(websocket, {})
    app.register(fastifyWebsocketH2, { options: {} })
  })

  test('an option that is undefined', () => {
    const open = { options: undefined, errorHandler: undefined, preClose: undefined, advertise: undefined }
    expect(open).type.toBeAssignableTo<WebsocketPluginOptions>()
    expect<{ maxPayload: undefined, verifyClient: undefined }>().type.toBeAssignableTo<WebsocketServerOptions>()
  })

  test('preClose with a promise and with a callback', () => {
    app.register(websocket, {
      async preClose () {
        expect(this).type.toBe<FastifyInstance>()
        for (const client of this.websocketServer.clients) client.terminate()
      }
    })
    app.register(websocket, { preClose: (done) => { done(new Error('no')) } })
    app.register(websocket, { preClose: () => {} })
    const apart: PreCloseHook = async function () { await this.close() }
    app.register(websocket, { preClose: apart })
  })

  test('errorHandler: synchronous and async', () => {
    const errors: Error[] = []
    app.register(websocket, { errorHandler: (error) => errors.push(error) })
    app.register(websocket, { errorHandler: async (_error, socket) => { socket.terminate() } })
    const apart: WebsocketErrorHandler = (_error, socket) => { socket.close(1011) }
    app.register(websocket, { errorHandler: apart })
  })

  test('verifyClient with a result, a promise and a callback', () => {
    app.register(websocket, { options: { verifyClient: (info) => info.secure } })
    app.register(websocket, { options: { verifyClient: (_info, done) => setImmediate(done, true) } })
    app.register(websocket, {
      options: { verifyClient: async (_info, done) => { done(false, 403, 'Forbidden', { 'x-why': 'origin' }) } }
    })
    expect<VerifyClientCallbackSync>().type.toBeAssignableTo<VerifyClient>()
    expect<VerifyClientCallbackAsync>().type.toBeAssignableTo<VerifyClient>()
  })

  test('mistakes that do not compile', () => {
    // @ts-expect-error 'compress' does not exist in type
    app.register(websocket, { advertise: true, compress: true })
    // @ts-expect-error 'noServer' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { noServer: true } })
    // @ts-expect-error 'port' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { port: 8080 } })
    // @ts-expect-error 'host' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { host: 'localhost' } })
    // @ts-expect-error 'backlog' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { backlog: 511 } })
    // @ts-expect-error 'maxPayloadLength' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { maxPayloadLength: 1 } })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    app.register(websocket, { options: { maxPayload: '1 MB' } })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    app.register(websocket, { maxConcurrentStreams: '256' })
    // @ts-expect-error Type 'string' is not assignable to type 'boolean | undefined'
    app.register(websocket, { advertise: 'yes' })
    // @ts-expect-error is not assignable to type 'WebsocketErrorHandler'
    app.register(websocket, { errorHandler: (_error: string) => {} })
    // @ts-expect-error is not assignable to type 'PreCloseHook'
    app.register(websocket, { preClose: (_instance: FastifyInstance) => {} })
  })
})
