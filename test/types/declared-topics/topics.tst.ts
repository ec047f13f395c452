import fastify from 'fastify'
import { describe, expect, test } from 'tstyche'
import websocket from '../../../index.ts'
import type { PreparedMessage, PublishOptions, WebSocket, WebSocketTopic, WebSocketTopics } from '../../../index.ts'
import { connect } from '../../../lib/client/index.ts'

interface Price { symbol: string, price: number }
interface Line { author: string, text: string }

declare module '../../../index.ts' {
  interface WebSocketTopics {
    prices: Price
    files: Buffer
    notices: string
    events: { type: 'opened' } | { type: 'closed', code: number }
    [room: `room:${string}`]: Line
  }
}

// Another file, or a plugin, may declare topics of its own.
declare module '../../../index.ts' {
  interface WebSocketTopics {
    plugin: { version: number }
    [other: `other:${string}`]: unknown
  }
}

const app = fastify()
app.register(websocket)
const { websocketServer } = app
const price: Price = { symbol: 'EUR', price: 1.09 }
const line: Line = { author: 'ann', text: 'hello' }

app.get<{ Params: { room: string } }>('/rooms/:room', { websocket: true }, (socket, { params: { room } }) => {
  describe('names of topics', () => {
    test('a declared name, and a name that matches a template', () => {
      for (const method of [socket.subscribe, socket.unsubscribe, websocketServer.subscribers]) {
        expect(method).type.toBeCallableWith('prices')
        expect(method).type.toBeCallableWith('plugin')
        expect(method).type.toBeCallableWith('room:7')
        expect(method).type.toBeCallableWith(`room:${room}`)
        expect(method).type.not.toBeCallableWith('price')
        expect(method).type.not.toBeCallableWith(`rooms:${room}`)
        expect(method).type.not.toBeCallableWith(room)
      }
      expect(socket.subscribe).type.toBeCallableWith('prices', () => {})
      expect(websocketServer.subscribers('prices')).type.toBe<number>()
    })

    test('a template in a variable needs `as const`', () => {
      const topic = `room:${room}` as const
      expect(socket.subscribe).type.toBeCallableWith(topic)
      expect(socket.publish).type.toBeCallableWith(topic, line)
    })

    test('WebSocketTopic is the union of the names', () => {
      expect<WebSocketTopic>().type.toBe<
        'prices' | 'files' | 'notices' | 'events' | 'plugin' | `room:${string}` | `other:${string}`
      >()
      const join = (topic: WebSocketTopic): void => socket.subscribe(topic)
      join(`room:${room}`)
      expect<WebSocketTopics['room:7']>().type.toBe<Line>()
    })

    test('a name that is known at run time only', () => {
      socket.subscribe(room as WebSocketTopic)
      const isTopic = (name: string): name is 'prices' | 'notices' => ['prices', 'notices'].includes(name)
      if (isTopic(room)) socket.subscribe(room)
      socket.publish(`other:${room}`, { anything: true })
    })

    test('the topics of a socket have the declared names', () => {
      expect(socket.topics).type.toBe<ReadonlySet<WebSocketTopic>>()
      expect(socket.topics.has).type.not.toBeCallableWith('price')
      for (const topic of socket.topics) socket.unsubscribe(topic)
    })
  })

  describe('messages of topics', () => {
    test('publish() takes the data of the topic: objects, bytes, strings, unions', () => {
      for (const publish of [socket.publish, websocketServer.publish]) {
        expect(publish('prices', price)).type.toBe<number>()
        expect(publish).type.toBeCallableWith('prices', { symbol: 'EUR', price: 1.09 }, { except: socket })
        expect(publish).type.toBeCallableWith('files', Buffer.from(''), { compress: false })
        expect(publish).type.toBeCallableWith('notices', 'text')
        expect(publish).type.toBeCallableWith('events', { type: 'closed', code: 1000 })
        expect(publish).type.toBeCallableWith(`room:${room}`, line)
        expect(publish).type.not.toBeCallableWith('prices', line)
        expect(publish).type.not.toBeCallableWith('prices', '{}')
        expect(publish).type.not.toBeCallableWith('files', 'text')
        expect(publish).type.not.toBeCallableWith('notices', Buffer.from(''))
        expect(publish).type.not.toBeCallableWith('events', { type: 'closed' })
        expect(publish).type.not.toBeCallableWith(`room:${room}`, price)
        expect(publish).type.not.toBeCallableWith('price', price)
        expect(publish).type.not.toBeCallableWith(room, price)
        expect(publish).type.not.toBeCallableWith('prices')
        expect(publish).type.not.toBeCallableWith('prices', price, { route: '/' })
      }
    })

    test('errors name the property', () => {
      // @ts-expect-error Property 'price' is missing in type '{ symbol: string; }' but required in type 'Price'
      socket.publish('prices', { symbol: 'EUR' })
      // @ts-expect-error 'amount' does not exist in type
      websocketServer.publish('prices', { symbol: 'EUR', price: 1.09, amount: 1 })
      // @ts-expect-error Type 'string' is not assignable to type 'number'
      websocketServer.publish('prices', { symbol: 'EUR', price: '1.09' })
      // @ts-expect-error Argument of type '"price"' is not assignable to parameter of type
      socket.subscribe('price')
    })

    test('a prepared message has the type of its data', () => {
      const message = websocketServer.prepare(price)
      expect(message).type.toBe<PreparedMessage<Price>>()
      for (const publish of [socket.publish, websocketServer.publish]) {
        expect(publish).type.toBeCallableWith('prices', message)
        expect(publish).type.toBeCallableWith('prices', websocketServer.prepare({ symbol: 'EUR', price: 1.09 }))
        expect(publish).type.toBeCallableWith('notices', websocketServer.prepare('text'))
        expect(publish).type.toBeCallableWith('files', websocketServer.prepare(Buffer.from('')))
        expect(publish).type.not.toBeCallableWith('prices', websocketServer.prepare(line))
        expect(publish).type.not.toBeCallableWith('notices', message)
        // Its data is unknown.
        expect(publish).type.not.toBeCallableWith('prices', {} as PreparedMessage)
      }
      expect(socket.send).type.toBeCallableWith(message)
    })

    test('broadcast(), prepare() and send() have no topic, and take any data', () => {
      expect(websocketServer.broadcast(price)).type.toBe<number>()
      expect(websocketServer.prepare({ anything: true })).type.toBe<PreparedMessage<{ anything: boolean }>>()
      expect({ except: socket }).type.toBeAssignableTo<PublishOptions>()
    })
  })

  test('sockets of injectWS() and connect() have the same type', () => {
    expect(connect('wss://localhost')).type.toBe<WebSocket>()
    expect(connect('wss://localhost').publish).type.toBe<typeof socket.publish>()
  })
})
