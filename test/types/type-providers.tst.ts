import type { FastifyPluginAsyncTypebox, TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, RawServerDefault } from 'fastify'
import type { FastifyPluginAsyncZod, ZodTypeProvider } from 'fastify-type-provider-zod'
import { describe, expect, test } from 'tstyche'
import { Type } from 'typebox'
import { z } from 'zod'
import websocket from '../../index.ts'
import type { WebSocket, WebsocketHandler } from '../../index.ts'

interface Room { room: string }
interface Since { since: number }

const TYPEBOX = { params: Type.Object({ room: Type.String() }), querystring: Type.Object({ since: Type.Number() }) }
const ZOD = { params: z.object({ room: z.string() }), querystring: z.object({ since: z.coerce.number() }) }

describe('TypeBox', () => {
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>()
  const secure = fastify({ http2: true, https: { allowHTTP1: true } }).withTypeProvider<TypeBoxTypeProvider>()
  app.register(websocket)
  secure.register(websocket)

  test('get() with the handler as the last argument', () => {
    app.get('/rooms/:room', { websocket: true, schema: TYPEBOX }, function (socket, request) {
      expect(this).type.toBe<typeof app>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.params).type.toBe<Room>()
      expect(request.query).type.toBe<Since>()
    })
    secure.get('/rooms/:room', { websocket: { maxPayload: 1024 }, schema: TYPEBOX }, function (socket, request) {
      expect(this).type.toBe<typeof secure>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.params).type.toBe<Room>()
      expect(request.query).type.toBe<Since>()
    })
  })

  test('get() with the handler among the options', () => {
    app.get('/rooms/:room', {
      websocket: { protocols: ['chat'] },
      schema: TYPEBOX,
      handler (socket, request) {
        expect(this).type.toBe<typeof app>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.params).type.toBe<Room>()
        expect(request.query).type.toBe<Since>()
      }
    })
    secure.get('/rooms/:room', {
      websocket: true,
      schema: TYPEBOX,
      handler: (_socket, request) => { expect(request.params).type.toBe<Room>() }
    })
  })

  test('route()', () => {
    app.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: true,
      schema: TYPEBOX,
      handler: (_socket, request) => { expect(request.params).type.toBe<Room>() }
    })
    secure.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: { sendLimit: 2 ** 20, slowConsumer: 'drop' },
      schema: TYPEBOX,
      handler (socket, request) {
        expect(this).type.toBe<typeof secure>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.params).type.toBe<Room>()
        expect(request.query).type.toBe<Since>()
      }
    })
  })

  test('a plain GET and a socket at one URL', () => {
    app.route({
      method: 'GET',
      url: '/rooms/:room',
      schema: { ...TYPEBOX, response: { 200: Type.Object({ open: Type.Boolean() }) } },
      handler (request, reply) {
        expect(request.params).type.toBe<Room>()
        expect(reply.code(200).send).type.toBeCallableWith({ open: true })
        expect(reply.code(200).send).type.not.toBeCallableWith({ open: 1 })
        return { open: true }
      },
      wsHandler (socket, request) {
        expect(this).type.toBe<typeof app>()
        expect(socket).type.toBe<WebSocket>()
        expect(request.params).type.toBe<Room>()
        expect(request.query).type.toBe<Since>()
      }
    })
    secure.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: { maxPayload: 1024 },
      schema: TYPEBOX,
      handler: (request, reply) => reply.send(request.params.room),
      wsHandler: (_socket, request) => { expect(request.query).type.toBe<Since>() }
    })
  })

  test('a plugin with routes', () => {
    const routes: FastifyPluginAsyncTypebox<{ greeting: string }> = async (scope, { greeting }) => {
      scope.get('/:room', { websocket: true, schema: TYPEBOX }, (socket, request) => {
        socket.send(`${greeting}, ${request.params.room}`)
      })
    }
    app.register(routes, { greeting: 'hello' })
  })

  test('properties without a schema', () => {
    app.get('/:room', { websocket: true, schema: { params: TYPEBOX.params } }, (_socket, request) => {
      expect(request.params).type.toBe<Room>()
      expect(request.query).type.toBe<unknown>()
    })
    app.get<{ Querystring: Since }>('/', { websocket: true }, (_socket, request) => {
      expect(request.query).type.toBe<Since>()
    })
    const handler: WebsocketHandler = (socket) => { socket.close() }
    app.get('/apart', { websocket: true }, handler)
    app.get('/this', { websocket: true }, function (this: FastifyInstance, socket) { socket.close() })
  })

  test('mistakes that do not compile', () => {
    // @ts-expect-error Property 'name' does not exist on type '{ room: string; }'
    app.get('/:room', { websocket: true, schema: TYPEBOX }, (socket, { params }) => { socket.send(params.name) })
    // @ts-expect-error Property 'toUpperCase' does not exist on type 'number'
    app.get('/', { websocket: {}, schema: TYPEBOX }, (_socket, { query }) => { query.since.toUpperCase() })
  })
})

describe('Zod', () => {
  const app = fastify().withTypeProvider<ZodTypeProvider>()
  const secure = fastify({ http2: true }).withTypeProvider<ZodTypeProvider>()
  app.register(websocket)
  secure.register(websocket)

  test('get() with the handler as the last argument', () => {
    app.get('/rooms/:room', { websocket: { protocols: ['chat'] }, schema: ZOD }, function (socket, request) {
      expect(this).type.toBe<typeof app>()
      expect(socket).type.toBe<WebSocket>()
      expect(request.params).type.toBe<Room>()
      expect(request.query).type.toBe<Since>()
    })
    secure.get('/rooms/:room', { websocket: true, schema: ZOD }, async function (_socket, request) {
      expect(this).type.toBe<typeof secure>()
      expect(request.params).type.toBe<Room>()
      expect(request.query).type.toBe<Since>()
    })
  })

  test('get() with the handler among the options', () => {
    app.get('/rooms/:room', {
      websocket: true,
      schema: ZOD,
      handler: (_socket, request) => { expect(request.params).type.toBe<Room>() }
    })
    secure.get('/rooms/:room', {
      websocket: { closeTimeout: 5000 },
      schema: ZOD,
      async handler (_socket, request) {
        expect(this).type.toBe<typeof secure>()
        expect(request.query).type.toBe<Since>()
      }
    })
  })

  test('route()', () => {
    app.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: { maxPayload: 1024 },
      schema: ZOD,
      handler: (_socket, request) => { expect(request.params).type.toBe<Room>() }
    })
    secure.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: true,
      schema: ZOD,
      handler: (_socket, request) => { expect(request.query).type.toBe<Since>() }
    })
  })

  test('a plain GET and a socket at one URL', () => {
    app.route({
      method: 'GET',
      url: '/rooms/:room',
      websocket: { maxPayload: 1024 },
      schema: { ...ZOD, response: { 200: z.object({ open: z.boolean() }) } },
      handler (request, reply) {
        expect(request.params).type.toBe<Room>()
        expect(reply.code(200).send).type.not.toBeCallableWith({ open: 1 })
        return { open: true }
      },
      wsHandler: (_socket, request) => { expect(request.params).type.toBe<Room>() }
    })
    secure.route({
      method: 'GET',
      url: '/rooms/:room',
      schema: ZOD,
      handler: (request, reply) => reply.send(request.params.room),
      wsHandler (_socket, request) {
        expect(this).type.toBe<typeof secure>()
        expect(request.query).type.toBe<Since>()
      }
    })
  })

  test('a value that the schema transforms', () => {
    const schema = { querystring: z.object({ tags: z.string().transform((tags) => tags.split(',')) }) }
    app.get('/', { websocket: true, schema }, (_socket, request) => {
      expect(request.query).type.toBe<{ tags: string[] }>()
      expect(request.params).type.toBe<unknown>()
    })
  })

  test('a plugin with routes', () => {
    const routes: FastifyPluginAsyncZod<{ greeting: string }> = async (scope, { greeting }) => {
      scope.get('/:room', { websocket: true, schema: ZOD }, (socket, request) => {
        socket.send(`${greeting}, ${request.params.room}`)
      })
    }
    app.register(routes, { greeting: 'hello' })
    const apart: FastifyPluginAsync<object, RawServerDefault, ZodTypeProvider> = async (scope) => {
      scope.get('/', { websocket: true }, (_socket, request) => { expect(request.query).type.toBe<unknown>() })
    }
    app.register(apart)
  })

  test('an ordinary route', () => {
    app.get('/rooms/:room', { schema: ZOD }, (request, reply) => {
      expect(request.params).type.toBe<Room>()
      expect(reply).type.toBeAssignableTo<FastifyReply>()
    })
  })
})
