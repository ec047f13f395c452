import fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import websocket from '../../index.ts'
import type {
  BroadcastOptions, MessageOptions, PreparedMessage, PublishOptions, WebSocket, WebSocketTopic, WebSocketTopics
} from '../../index.ts'
import type { WebSocket as ClientWebSocket } from '../../lib/client/index.ts'

interface Price { symbol: string, price: number }

const app = fastify()
await app.register(websocket)
const { websocketServer } = app

test('a socket subscribes to topics, and its topics are read-only', () => {
  app.get('/rooms/:room', { websocket: true }, (socket) => {
    expect(socket.subscribe('a')).type.toBe<void>()
    expect(socket.subscribe).type.toBeCallableWith('a', () => {})
    expect(socket.subscribe).type.not.toBeCallableWith(5)
    expect(socket.subscribe).type.not.toBeCallableWith()
    expect(socket.subscribe).type.not.toBeCallableWith('a', (_error: Error) => {})
    expect(socket.unsubscribe('a')).type.toBe<void>()
    expect(socket.topics).type.toBe<ReadonlySet<string>>()
    // @ts-expect-error Property 'add' does not exist on type 'ReadonlySet<string>'
    socket.topics.add('a')
    // @ts-expect-error Cannot assign to 'topics' because it is a read-only property
    socket.topics = new Set<string>()
    expect(socket.publish('a', 'text')).type.toBe<number>()
    expect(socket.publish('a', { any: 'object' }, { except: socket })).type.toBe<number>()
  })
})

test('publish<T>() and broadcast<T>() take strings, bytes, objects and prepared messages', () => {
  expect(websocketServer.publish('a', 'text')).type.toBe<number>()
  expect(websocketServer.publish<Price>('prices', { symbol: 'EUR', price: 1.09 })).type.toBe<number>()
  // @ts-expect-error Property 'price' is missing
  websocketServer.publish<Price>('prices', { symbol: 'EUR' })
  // @ts-expect-error 'amount' does not exist in type 'Price'
  websocketServer.broadcast<Price>({ symbol: 'EUR', price: 1.09, amount: 1 })
  const views = [Buffer.alloc(1), new Uint8Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), [1, 2]]
  for (const data of views) {
    expect(websocketServer.publish('a', data)).type.toBe<number>()
    expect(websocketServer.broadcast(data)).type.toBe<number>()
  }
  const message = websocketServer.prepare<Price>({ symbol: 'EUR', price: 1.09 }, { compress: false })
  expect(message).type.toBe<PreparedMessage<Price>>()
  expect(message).type.toBeAssignableTo<PreparedMessage>()
  expect(websocketServer.publish('a', message)).type.toBe<number>()
  expect(websocketServer.broadcast(message)).type.toBe<number>()
  expect(websocketServer.publish).type.not.toBeCallableWith('a', undefined)
  expect(websocketServer.publish).type.not.toBeCallableWith('a', 5)
  expect(websocketServer.publish).type.not.toBeCallableWith(5, 'text')
  expect(websocketServer.publish).type.not.toBeCallableWith('a')
  expect(websocketServer.subscribers('a')).type.toBe<number>()
})

test('while no topics are declared, any string is a topic, of any data', () => {
  expect<keyof WebSocketTopics>().type.toBe<never>()
  expect<WebSocketTopic>().type.toBe<string>()
  const publish = <Data extends object>(topic: string, data: Data): number => websocketServer.publish(topic, data)
  expect(publish('a', { any: 'object' })).type.toBe<number>()
})

test('a prepared message is read-only, and send() takes it with a callback', () => {
  const message = websocketServer.prepare('text')
  expect(message.isBinary).type.toBe<boolean>()
  expect(message.byteLength).type.toBe<number>()
  // @ts-expect-error Cannot assign to 'byteLength' because it is a read-only property
  message.byteLength = 5
  for (const socket of [{} as WebSocket, {} as ClientWebSocket]) {
    expect(socket.send).type.toBeCallableWith(message)
    expect(socket.send).type.toBeCallableWith(message, (_error?: Error) => {})
    expect(socket.send).type.toBeCallableWith('text', { binary: true, compress: false, fin: true }, () => {})
    expect(socket.send).type.not.toBeCallableWith(message, { binary: true })
  }
})

test('options of publish(), broadcast() and prepare()', () => {
  const socket = {} as WebSocket
  for (const except of [socket, [socket], new Set([socket]), websocketServer.clients, undefined]) {
    expect({ except }).type.toBeAssignableTo<PublishOptions>()
  }
  expect({ binary: true, compress: false, except: undefined }).type.toBeAssignableTo<PublishOptions>()
  expect<{ binary: undefined, compress: undefined }>().type.toBeAssignableTo<MessageOptions>()
  expect<{ route: undefined, filter: undefined }>().type.toBeAssignableTo<BroadcastOptions>()
  expect(websocketServer.publish).type.not.toBeCallableWith('a', 'text', { route: '/' })
  expect(websocketServer.publish).type.not.toBeCallableWith('a', 'text', { except: 'me' })
  expect(websocketServer.prepare).type.not.toBeCallableWith('text', { except: socket })
  websocketServer.broadcast('text', {
    route: '/rooms/:room',
    filter (each, request) {
      expect(each).type.toBe<WebSocket>()
      expect(request).type.toBe<FastifyRequest>()
      return each !== socket
    }
  })
  expect(websocketServer.broadcast).type.not.toBeCallableWith('text', { filter: async () => true })
  expect(websocketServer.broadcast).type.not.toBeCallableWith('text', { filter: () => 'yes' })
})

test('statistics of topics', () => {
  const { topics } = websocketServer.stats()
  for (const number of [topics.open, topics.subscriptions, topics.published, topics.delivered]) {
    expect(number).type.toBe<number>()
  }
})
