import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import mercurius from 'mercurius'
import { startIfMain } from '../shared/main.js'

const schema = `
  enum Room { coffee, tea }
  type Message { room: Room!, text: String! }
  type Query { rooms: [Room!]! }
  type Mutation { say(room: Room!, text: String!): Message! }
  type Subscription { said(room: Room!): Message! }
`

export async function build (options) {
  const app = fastify(options)

  // First: mercurius uses this plugin if it finds it, and registers @fastify/websocket otherwise.
  await app.register(websocket, { options: { maxPayload: 64 * 1024 } })
  await app.register(mercurius, {
    schema,
    resolvers: {
      Query: { rooms: () => ['coffee', 'tea'] },
      Mutation: {
        async say (_root, message, { pubsub }) {
          await pubsub.publish({ topic: `said ${message.room}`, payload: { said: message } })
          return message
        }
      },
      Subscription: {
        said: { subscribe: (_root, { room }, { pubsub }) => pubsub.subscribe(`said ${room}`) }
      }
    },
    // Queries and mutations also work on the socket.
    subscription: { fullWsTransport: true }
  })
  return app
}

await startIfMain(import.meta.url, build)
