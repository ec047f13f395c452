/** Limits of each user, over all of their sockets and both transports: handshakes, open sockets, and messages. */
import rateLimit from '@fastify/rate-limit'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { startIfMain } from '../shared/main.js'

const USERS = new Map([['Bearer secret-of-ada', 'ada'], ['Bearer secret-of-grace', 'grace']])
const HANDSHAKES = { max: 20, timeWindow: '1 minute' }
const MAX_SOCKETS = 3
// 10 messages a second on average: a user may send 100 of them at once.
const MESSAGES = { points: 100, duration: 10 }

export async function build (options) {
  const app = fastify(options)
  const messages = new RateLimiterMemory(MESSAGES)
  const openSockets = new Map()
  await app.register(rateLimit, { global: false })
  await app.register(websocket)

  app.get('/chat', {
    websocket: true,
    onRequest: async (request, reply) => { if (userOf(request) === '') return reply.code(401).send() },
    config: { rateLimit: { ...HANDSHAKES, hook: 'preValidation', keyGenerator: userOf } },
    preHandler: limitSockets
  }, async (socket, request) => {
    const user = userOf(request)
    addSockets(user, 1)
    socket.on('close', () => addSockets(user, -1))
    for await (const message of socket) {
      try {
        await messages.consume(user)
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal
        return socket.close(1008, `retry in ${Math.ceil(refusal.msBeforeNext / 1000)} s`)
      }
      socket.send(message)
    }
  })
  return app

  function addSockets (user, change) {
    const count = (openSockets.get(user) ?? 0) + change
    if (count > 0) openSockets.set(user, count)
    else openSockets.delete(user)
  }

  // The last hook, and not async: the handler counts the socket before another handshake is checked.
  function limitSockets (request, reply, done) {
    if ((openSockets.get(userOf(request)) ?? 0) < MAX_SOCKETS) return done()
    reply.code(429).header('retry-after', 10).send()
  }
}

function userOf ({ headers }) {
  return USERS.get(headers.authorization ?? '') ?? ''
}

await startIfMain(import.meta.url, build)
