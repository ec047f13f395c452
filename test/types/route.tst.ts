import type { IncomingMessage } from 'node:http'
import type { Http2SecureServer, Http2ServerRequest } from 'node:http2'
import fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, test } from 'tstyche'
import websocket from '../../index.ts'
import type {
  RouteOptions, SlowConsumer, WebSocket, WebsocketErrorHandler, WebsocketHandler, WebsocketRouteOptions
} from '../../index.ts'

describe('route options', () => {
  const app = fastify()
  const secure = fastify({ http2: true, https: { allowHTTP1: true } })
  app.register(websocket)
  secure.register(websocket)

  test('all options', () => {
    app.get('/upload', {
      websocket: {
        protocols: ['upload.v2', 'upload.v1'],
        maxPayload: 2 ** 30,
        maxBufferedChunks: 1024,
        maxFragments: 128,
        closeTimeout: 5000,
        autoPong: true,
        maxPendingAutoPongs: 10,
        perMessageDeflate: { threshold: 1024 },
        allowSynchronousEvents: true,
        skipUTF8Validation: false,
        sendLimit: Infinity,
        slowConsumer (socket, bytes) {
          expect(socket).type.toBe<WebSocket>()
          expect(bytes).type.toBe<number>()
          return 'send'
        },
        errorHandler (error, socket, request, reply) {
          expect(this).type.toBe<FastifyInstance>()
          expect(error).type.toBe<Error>()
          expect(socket).type.toBe<WebSocket>()
          expect(request).type.toBe<FastifyRequest>()
          expect(reply).type.toBe<FastifyReply>()
        }
      }
    }, (socket) => { expect(socket).type.toBe<WebSocket>() })
  })

  test('no options', () => {
    app.get('/', { websocket: {} }, (socket) => { expect(socket).type.toBe<WebSocket>() })
    const none: Required<WebsocketRouteOptions>['protocols'] = []
    app.get('/none', { websocket: { protocols: none, perMessageDeflate: undefined, maxPayload: undefined } }, () => {})
  })

  test('get() with the handler as the last argument', () => {
    app.get('/', { websocket: { maxPayload: 1024 } }, function (socket, request) {
      expect(this).type.toBe<FastifyInstance>()
      expect(socket).type.toBe<WebSocket>()
      expect(request).type.toBe<FastifyRequest>()
      expect(request.raw).type.toBe<IncomingMessage>()
    })
    secure.get('/', { websocket: { maxPayload: 1024 } }, async function (socket, request) {
      expect(this.server).type.toBe<Http2SecureServer>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.raw).type.toBe<Http2ServerRequest>()
    })
  })

  test('get() with the handler among the options', () => {
    app.get('/', {
      websocket: { maxPayload: 1024 },
      handler (socket, request) {
        expect(this).type.toBe<FastifyInstance>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    })
    secure.get('/', {
      websocket: { maxPayload: 1024 },
      async handler (socket, request) {
        expect(this.server).type.toBe<Http2SecureServer>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.raw).type.toBe<Http2ServerRequest>()
      }
    })
  })

  test('route()', () => {
    app.route({
      method: 'GET',
      url: '/',
      websocket: { maxPayload: 1024 },
      handler (socket, request) {
        expect(this).type.toBe<FastifyInstance>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    })
    secure.route({
      method: 'GET',
      url: '/',
      websocket: { maxPayload: 1024 },
      handler (socket, request) {
        expect(this.server).type.toBe<Http2SecureServer>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.raw).type.toBe<Http2ServerRequest>()
      }
    })
  })

  test('a plain GET and a socket at one URL', () => {
    app.route({
      method: 'GET',
      url: '/both',
      websocket: { maxPayload: 1024 },
      handler (request, reply) {
        expect(this).type.toBe<FastifyInstance>()
        expect(request).type.toBe<FastifyRequest>()
        expect(reply).type.toBe<FastifyReply>()
      },
      wsHandler (socket, request) {
        expect(this).type.toBe<FastifyInstance>()
        expect(socket).type.toBe<WebSocket>()
        expect(request).type.toBe<FastifyRequest>()
      }
    })
    secure.route<{ Params: { room: string }, Reply: { open: boolean } }>({
      method: 'GET',
      url: '/both/:room',
      websocket: { protocols: ['chat'] },
      handler (request, reply) {
        expect(this.server).type.toBe<Http2SecureServer>()
        expect(request.raw).type.toBe<Http2ServerRequest>()
        reply.send({ open: request.params.room !== '' })
      },
      wsHandler (socket, request) {
        expect(this.server).type.toBe<Http2SecureServer>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.params).type.toBe<{ room: string }>()
      }
    })
  })

  test('types of the request', () => {
    interface Chat { Params: { room: string }, Querystring: { since: number } }

    app.get<Chat>('/:room', { websocket: { maxPayload: 1024 } }, (_socket, request) => {
      expect(request.params).type.toBe<{ room: string }>()
    })
    app.route<Chat>({
      method: 'GET',
      url: '/:room',
      websocket: { maxPayload: 1024 },
      handler: (_socket, request) => { expect(request.query).type.toBe<{ since: number }>() }
    })
  })

  test('options that are declared separately', () => {
    const own: WebsocketRouteOptions = { protocols: undefined, sendLimit: undefined, errorHandler: undefined }
    const handler: WebsocketHandler = (socket) => { socket.close() }
    app.get('/get', { websocket: own }, handler)
    app.route({ method: 'GET', url: '/route', websocket: own, handler })
    app.route({ method: 'GET', url: '/both', websocket: own, handler: () => 'page', wsHandler: handler })

    const both: RouteOptions = {
      method: 'GET', url: '/apart', websocket: own, handler: (_request, reply) => reply.send(), wsHandler: handler
    }
    app.route(both)
    const protocols = ['chat'] as const
    const errorHandler: WebsocketErrorHandler = (error) => { throw error }
    const slowConsumer: SlowConsumer = 'drop'
    app.get('/parts', { websocket: { protocols, errorHandler, slowConsumer } }, handler)
  })

  test('websocket: true or options', () => {
    const choose = (limited: boolean): true | WebsocketRouteOptions => limited ? { maxPayload: 1024 } : true
    app.get('/', { websocket: choose(true) }, (socket) => { expect(socket).type.toBe<WebSocket>() })
  })

  test('mistakes that do not compile', () => {
    // @ts-expect-error 'maxPayloads' does not exist in type 'WebsocketRouteOptions'
    app.get('/', { websocket: { maxPayloads: 1024 } }, () => {})
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    app.get('/', { websocket: { maxPayload: '1 MB' } }, () => {})
    // @ts-expect-error Type 'string' is not assignable to type 'readonly string[]'
    app.get('/', { websocket: { protocols: 'chat' } }, () => {})
    // @ts-expect-error Type '"wait"' is not assignable to type 'SlowConsumer | undefined'
    app.get('/', { websocket: { slowConsumer: 'wait' } }, () => {})
    // @ts-expect-error Type '() => Promise<string>' is not assignable to type 'SlowConsumer | undefined'
    app.get('/', { websocket: { slowConsumer: async () => 'close' } }, () => {})
    // @ts-expect-error No overload matches this call
    app.get('/', { websocket: { errorHandler: (_error: string) => {} } }, () => {})
    // @ts-expect-error 'verifyClient' does not exist in type 'WebsocketRouteOptions'
    app.get('/', { websocket: { verifyClient: () => true } }, () => {})
    // @ts-expect-error 'maxPayloads' does not exist in type 'WebsocketRouteOptions'
    app.route({ method: 'GET', url: '/', websocket: { maxPayloads: 1024 }, handler () {} })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    app.route({ method: 'GET', url: '/', websocket: { sendLimit: '1 MB' }, handler: () => 'page', wsHandler () {} })
    // @ts-expect-error Property 'send' does not exist on type 'FastifyRequest
    app.get('/', { websocket: { maxPayload: 1024 } }, (_request, reply) => { reply.send() })
    // @ts-expect-error Property 'handler' is missing
    app.get('/', { websocket: { maxPayload: 1024 } })
  })
})
