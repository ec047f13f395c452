import type { IncomingMessage } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import type {
  FastifyBaseLogger, FastifyInstance, FastifyPluginAsync, FastifyPluginCallback, FastifyReply, FastifyRequest,
  FastifySchema, InjectWSFn, InjectWSOption, RawRequestDefaultExpression, RawServerDefault, RequestGenericInterface,
  RouteGenericInterface, RouteOptions as FastifyRouteOptions
} from 'fastify'
import { describe, expect, test } from 'tstyche'
import { WebSocket as WsWebSocket } from 'ws'
import type { Server, WebSocketServer } from 'ws'
import websocket, { fastifyWebsocket } from '../../index.ts'
import type { RouteOptions, WebSocket, WebsocketHandler, WebsocketPluginOptions } from '../../index.ts'

describe('a program for @fastify/websocket with another import', () => {
  const app = fastify()

  test('register with options', () => {
    app.register(websocket)
    app.register(fastifyWebsocket, { options: { maxPayload: 1024, perMessageDeflate: true, clientTracking: true } })
    app.register(import('../../index.ts'))
    app.register(websocket, { preClose: function closeAtOnce () {} })
    app.register(websocket, { preClose: async function closeLater () {} })
    app.register(websocket, {
      errorHandler: function log (error: Error, socket: WebSocket, request: FastifyRequest, reply: FastifyReply): void {
        expect(this).type.toBe<FastifyInstance>()
        request.log.error(error, String(reply.sent))
        socket.terminate()
      }
    })
    app.register(websocket, {
      options: {
        handleProtocols: (protocols: Set<string>) => [...protocols][0] ?? false,
        verifyClient: (info: { origin: string, secure: boolean, req: IncomingMessage }, next) => { next(info.secure) }
      }
    })
  })

  test('a plugin that wraps the plugin', () => {
    expect(fastifyWebsocket).type.toBeAssignableTo<FastifyPluginCallback<WebsocketPluginOptions>>()
    expect(fastifyWebsocket).type.toBeAssignableTo<FastifyPluginAsync<WebsocketPluginOptions>>()
    const routes: FastifyPluginAsync<WebsocketPluginOptions> = async (scope, options) => {
      await scope.register(fastifyWebsocket, options)
      scope.get('/', { websocket: true }, async (socket) => { socket.close() })
    }
    app.register(routes, { options: {} })
  })

  test('sockets in a collection', () => {
    const rooms = new Map<string, Set<WebSocket>>()
    const all = new Set<WsWebSocket>()
    app.get('/:room', { websocket: true }, (socket, request) => {
      rooms.set(request.url, new Set([socket]))
      all.add(socket)
      socket.on('message', (data) => { for (const client of all) client.send(data) })
      socket.addEventListener('close', ({ code }) => { request.log.info(code) })
    })
  })

  test('a broadcast to all clients', () => {
    expect(app.websocketServer).type.toBeAssignableTo<Server>()
    expect(app.websocketServer).type.toBeAssignableTo<WebSocketServer>()
    for (const client of app.websocketServer.clients) {
      if (client.readyState === WsWebSocket.OPEN) client.send('hello')
    }
    app.websocketServer.clients.forEach((client: WsWebSocket) => client.ping())
    app.websocketServer.on('connection', (socket, request) => {
      expect(socket).type.toBeAssignableTo<WsWebSocket>()
      expect(request).type.toBe<IncomingMessage>()
    })
  })

  test('handlers and routes with declared types', () => {
    const handler: WebsocketHandler = async (socket, request) => {
      expect(socket).type.toBe<WebSocket>()
      expect(request).type.toBe<FastifyRequest<RequestGenericInterface>>()
      expect(request.log).type.toBe<FastifyBaseLogger>()
    }
    app.get('/', { websocket: true }, handler)
    app.all('/all', { websocket: true }, handler)
    app.get('/page', { websocket: false }, async (request, reply) => {
      expect(request).type.toBe<FastifyRequest>()
      expect(reply).type.toBe<FastifyReply>()
    })
    const routes: Array<RouteOptions | FastifyRouteOptions> = [{
      method: 'GET',
      url: '/both',
      handler: (_request, reply) => { expect(reply).type.toBe<FastifyReply>() },
      wsHandler: (_socket, request) => { expect(request).type.toBe<FastifyRequest<RouteGenericInterface>>() }
    }]
    for (const route of routes) app.route(route)
  })

  test('type parameters for the request', () => {
    interface Chat {
      Params: { room: string }
      Querystring: { since: string }
      Headers: { 'api-key': string }
      Body: { never: string }
    }

    app.get<Chat>('/:room', { websocket: true }, async (_socket, request) => {
      expect(request.params).type.toBe<{ room: string }>()
      expect(request.query).type.toBe<{ since: string }>()
      expect(request.body).type.toBe<{ never: string }>()
      expect(request.headers).type.toBe<IncomingMessage['headers'] & { 'api-key': string }>()
    })
  })

  test('a type provider without a schema', () => {
    app.withTypeProvider<TypeBoxTypeProvider>().get('/', { websocket: true }, async function (_socket, request) {
      // More than there: the type provider is known.
      expect(this).type.toBeAssignableTo<FastifyInstance>()
      expect(request).type.toBe<FastifyRequest<
        RequestGenericInterface, RawServerDefault, RawRequestDefaultExpression, FastifySchema, TypeBoxTypeProvider,
        unknown, FastifyBaseLogger
      >>()
      expect(request.params).type.toBe<unknown>()
    })
  })

  test('injectWS', async () => {
    const inject: InjectWSFn<RawRequestDefaultExpression> = app.injectWS
    const options: InjectWSOption = {
      onInit (socket) { expect(socket).type.toBe<WebSocket>() },
      onOpen (socket: WsWebSocket) { socket.ping() }
    }
    const socket: WsWebSocket = await inject('/', { headers: { 'api-key': 'tea' } }, options)
    socket.terminate()
    await app.injectWS('/', {}, {})
  })

  test('types that have to be changed', () => {
    // A client of ws is no socket of ours: its type is that of ws.
    expect<WsWebSocket>().type.not.toBeAssignableTo<WebSocket>()
    // A route needs a handler.
    // @ts-expect-error Property 'handler' is missing
    app.get('/', { websocket: true })
    // There it fails when it runs.
    // @ts-expect-error 'noServer' does not exist in type 'WebsocketServerOptions'
    app.register(websocket, { options: { noServer: true } })
  })
})
