import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import websocket from 'fastify-websocket-h2'
import type { PreparedMessage, WebSocketTopic } from 'fastify-websocket-h2'

interface Price { symbol: string, price: number }

declare module 'fastify-websocket-h2' {
  interface WebSocketTopics {
    prices: Price
    notices: string
    [room: `room:${string}`]: { text: string }
  }
}

const app: FastifyInstance = fastify()
app.register(websocket)

app.get<{ Params: { room: string } }>('/rooms/:room', { websocket: true }, (socket, request) => {
  const topic = `room:${request.params.room}` as const
  socket.subscribe(topic)
  socket.subscribe('prices', () => {})
  socket.subscribe(request.params.room as WebSocketTopic)
  socket.publish(topic, { text: 'hello' }, { compress: false })
  for (const each of socket.topics) socket.unsubscribe(each)
  // @ts-expect-error no such topic
  socket.subscribe('price')
  // @ts-expect-error any string is no topic
  socket.unsubscribe(request.params.room)
  // @ts-expect-error data of another topic
  socket.publish(topic, 'hello')
})

const message: PreparedMessage<Price> = app.websocketServer.prepare({ symbol: 'EUR', price: 1.09 })
app.websocketServer.publish('prices', message)
app.websocketServer.publish('notices', 'closing')
export const subscribers: number = app.websocketServer.subscribers(`room:${message.byteLength}`)
// @ts-expect-error a property is missing
app.websocketServer.publish('prices', { symbol: 'EUR' })
// @ts-expect-error a prepared message of another topic
app.websocketServer.publish('notices', message)
