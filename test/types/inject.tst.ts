import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import fastify from 'fastify'
import type {
  FastifyInstance, InjectWSContext, InjectWSFn, InjectWSOption, RawRequestDefaultExpression
} from 'fastify'
import { describe, expect, test } from 'tstyche'
import type { WebSocket as WsWebSocket } from 'ws'
import websocket from '../../index.ts'
import type { WebSocket } from '../../index.ts'

describe('injectWS', () => {
  const app = fastify()
  app.register(websocket)

  test('it resolves with the type WebSocket of the plugin', async () => {
    expect(app.injectWS).type.toBe<InjectWSFn<IncomingMessage>>()
    expect(app.injectWS()).type.toBe<Promise<WebSocket>>()
    expect(app.injectWS('/rooms/7?since=1')).type.toBe<Promise<WebSocket>>()
    expect(app.injectWS('/', {}, {})).type.toBe<Promise<WebSocket>>()
    expect(app.injectWS(undefined, undefined, undefined)).type.toBe<Promise<WebSocket>>()

    const socket: WsWebSocket = await app.injectWS()
    socket.terminate()
    for await (const message of await app.injectWS()) expect(message).type.toBe<string | Buffer>()
  })

  test('upgradeContext', async () => {
    await app.injectWS('/', { headers: { authorization: 'Bearer of tea', 'x-room': ['a', 'b'] } })
    await app.injectWS('/', { headers: { 'api-key': 'tea' }, socket: { remoteAddress: '192.0.2.1' } })
    await app.injectWS('/', { socket: { remoteAddress: '192.0.2.1', encrypted: true, authorized: false } })
    await app.injectWS('/', { headers: undefined, socket: undefined })
    expect(app.injectWS).type.toBeCallableWith('/', { socket: {} as Socket })
    expect(app.injectWS).type.toBeCallableWith('/', { socket: {} as TLSSocket })
    expect(app.injectWS).type.toBeCallableWith('/', {} as Partial<IncomingMessage>)
    expect<Partial<IncomingMessage>>().type.toBeAssignableTo<InjectWSContext<IncomingMessage>>()
  })

  test('onInit and onOpen', async () => {
    await app.injectWS('/', {}, {
      http: '1.1',
      onInit (socket) {
        expect(socket).type.toBe<WebSocket>()
        socket.on('message', (data, isBinary) => {
          expect(data).type.toBeAssignableFrom<Buffer>()
          expect(isBinary).type.toBe<boolean>()
        })
      },
      onOpen: (socket) => { expect(socket).type.toBe<WebSocket>() }
    })
    await app.injectWS('/', {}, { onInit: (socket: WsWebSocket) => { socket.pause() } })
    const apart: InjectWSOption = { http: undefined, onInit: undefined, onOpen: (socket) => { socket.ping() } }
    await app.injectWS('/', {}, apart)
  })

  test('an HTTP/2 server', async () => {
    for (const secure of [fastify({ http2: true }), fastify({ http2: true, https: { allowHTTP1: true } })]) {
      expect(secure.injectWS).type.toBe<InjectWSFn<Http2ServerRequest>>()
      expect(secure.injectWS()).type.toBe<Promise<WebSocket>>()
      await secure.injectWS('/', { headers: { a: 'b' }, socket: { remoteAddress: '192.0.2.1' } }, { http: '2' })
      expect(secure.injectWS).type.toBeCallableWith('/', {} as Partial<Http2ServerRequest>)
    }
  })

  test('a helper function in the tests of a user', () => {
    async function open (app: FastifyInstance, path: string, inject = app.injectWS): Promise<WebSocket> {
      expect(inject).type.toBe<InjectWSFn<RawRequestDefaultExpression>>()
      return await inject(path, { headers: { origin: 'https://localhost' } })
    }
    expect(open(app, '/')).type.toBe<Promise<WebSocket>>()
  })

  test('mistakes that do not compile', async () => {
    // @ts-expect-error Argument of type 'number' is not assignable to parameter of type 'string'
    await app.injectWS(8080)
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    await app.injectWS('/', { headers: { host: 1 } })
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    await app.injectWS('/', { socket: { remoteAddress: 1 } })
    // @ts-expect-error 'header' does not exist in type 'InjectWSContext<IncomingMessage>'
    await app.injectWS('/', { header: {} })
    // @ts-expect-error Type '"3"' is not assignable
    await app.injectWS('/', {}, { http: '3' })
    // @ts-expect-error Type 'WebSocket' is not assignable to type 'string'
    await app.injectWS('/', {}, { onOpen: (_socket: string) => {} })
    // @ts-expect-error Target signature provides too few arguments
    await app.injectWS('/', {}, { onInit: (_socket: WebSocket, _request: unknown) => {} })
    // @ts-expect-error 'onClose' does not exist in type 'InjectWSOption'
    await app.injectWS('/', {}, { onClose: () => {} })
  })
})
