import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import fastify from 'fastify'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import type { WebSocketServer } from 'ws'
import websocket from '../../index.ts'
import type {
  BackpressureMessage, HandshakeMessage, HandshakeRefusedMessage, HttpVersion, ReceiveWindowMessage, RefusalCause,
  SessionCloseMessage, SessionMessage, SessionOpenMessage, ShutdownMessage, SlowConsumerMessage, SocketCloseMessage,
  SocketMessage, SocketOpenMessage, SocketTraffic, UnresponsiveMessage, WebSocket, WebsocketServer, WebsocketStats
} from '../../index.ts'

test('app.websocketServer.stats()', async () => {
  const app = fastify()
  await app.register(websocket)
  expect(app.websocketServer).type.toBe<WebsocketServer>()
  expect(app.websocketServer).type.toBeAssignableTo<WebSocketServer>()
  expect(app.websocketServer.stats).type.toBeCallableWith()
  const stats = app.websocketServer.stats()
  expect(stats).type.toBe<WebsocketStats>()
  expect(stats.sockets.byHttpVersion['2']).type.toBe<number>()
  expect(stats.handshakes.refused).type.toBe<Record<RefusalCause, number>>()
  expect(stats.handshakes.refused).type.not.toHaveProperty('unknown')
  expect(stats.sockets.slowConsumers).type.toBe<{ closed: number, dropped: number }>()
  app.get('/stats', async () => app.websocketServer.stats())
})

test('the HTTP version of a socket', () => {
  expect<HttpVersion>().type.toBe<'1.1' | '2'>()
  expect<WebSocket['httpVersion']>().type.toBe<HttpVersion | undefined>()
})

test('messages about sockets', () => {
  expect<SocketMessage>().type.toBe<{
    socket: WebSocket, request: FastifyRequest, route: string, httpVersion: HttpVersion
  }>()
  expect<SocketOpenMessage>().type.toBe<SocketMessage>()
  expect<UnresponsiveMessage>().type.toBe<SocketMessage>()
  expect<SocketCloseMessage>().type.toBeAssignableTo<SocketMessage & SocketTraffic>()
  expect<SocketCloseMessage['closedBy']>().type.toBe<'client' | 'server' | undefined>()
  expect<SocketCloseMessage['duration']>().type.toBe<number>()
  expect<SlowConsumerMessage['action']>().type.toBe<'close' | 'drop'>()
  expect<BackpressureMessage['direction']>().type.toBe<'receive' | 'send'>()
  expect<BackpressureMessage['active']>().type.toBe<boolean>()
})

test('messages about handshakes', () => {
  expect<HandshakeMessage['rawRequest']>().type.toBe<IncomingMessage | Http2ServerRequest>()
  expect<HandshakeMessage['request']>().type.toBe<FastifyRequest | undefined>()
  expect<HandshakeMessage['socket']>().type.toBe<WebSocket | undefined>()
  expect<HandshakeMessage['cause']>().type.toBe<RefusalCause | undefined>()
  expect<HandshakeRefusedMessage['cause']>().type.toBe<RefusalCause>()
  expect<HandshakeRefusedMessage['status']>().type.toBe<number | undefined>()
})

test('messages about sessions and the shutdown', () => {
  expect<SessionMessage>().type.toBe<{ session: Http2Session, fastify: FastifyInstance }>()
  expect<SessionOpenMessage>().type.toBe<SessionMessage>()
  expect<SessionCloseMessage['sockets']>().type.toBe<number>()
  expect<ReceiveWindowMessage['size' | 'previous']>().type.toBe<number>()
  expect<ShutdownMessage>().type.toBe<{ fastify: FastifyInstance, sockets: number }>()
})
