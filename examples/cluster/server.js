/** A node of the cluster. cluster.js starts three of them, and sets the variables of their environment. */
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { PARAMS, parse } from '../chat/input.js'
import { addLogin, requireLogin } from '../chat/login.js'
import { Health } from '../shared/health.js'
import { servePage } from '../shared/page.js'
import { INPUT } from './input.js'
import { Log } from './log.js'
import { Newest } from './newest.js'
import { createRelay } from './relay.js'

const { NODE, PORT, REDIS, SECRET } = process.env

/** In ms. A node that ends closes its sockets one after the other within this time. */
const DRAIN_TIME = 500
/** In ms. A node that ends waits for this time at most until HAProxy has noticed it. */
const HEALTH_CHECK_TIMEOUT = 1000

const log = new Log(REDIS)

// HAProxy decrypts TLS, and speaks HTTP/2 in clear to the nodes.
const app = Fastify({ http2: true, logger: { level: 'warn' } })
await app.register(fastifyWebsocketH2, {
  relay: createRelay(REDIS),
  options: { maxPayload: 4096, closeTimeout: 3000 },
  shutdown: { code: 1012, reason: 'restart' }
})
const newest = new Newest(app, log)
await addLogin(app, SECRET)
// The page of examples/chat, with another module for the messages.
await app.register(servePage, {
  directory: new URL('../chat/page/', import.meta.url),
  files: { '/room.js': new URL('page/room.js', import.meta.url) }
})

const health = new Health(app)

app.get('/rooms/:room', {
  websocket: true,
  onRequest: requireLogin,
  schema: { params: PARAMS }
}, (socket, request) => {
  const { user, params: { room } } = request
  let isJoining = false

  send({ type: 'welcome', httpVersion: socket.httpVersion, node: NODE })
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? undefined : parse(data)
    if (!request.validateInput(message, INPUT)) return socket.close(1007, 'not a message of this chat')
    if ('after' in message) join(message.after)
    else say(message)
  })

  /** Subscribes the socket. Sends the messages after a number, or the last ones. */
  function join (after) {
    if (isJoining) return
    isJoining = true
    newest.add(room)
    // The log is read when the node is subscribed at the relay: what is logged later is relayed.
    socket.subscribe(room, async () => {
      try {
        const messages = await log.read(room, after)
        const [number] = await log.readNewest([room])
        send({ type: 'history', messages, newest: number })
      } catch {
        // Redis is down. The client requests it again.
      }
      isJoining = false
    })
  }

  /** Logs a message, acknowledges it, and publishes it. One that was not logged has no number: it will be sent again. */
  async function say ({ id, text }) {
    const message = { type: 'message', id, name: user, text }
    const time = Date.now()
    try {
      const number = await log.append(room, { ...message, time })
      Object.assign(message, { time, number })
      send({ type: 'acknowledged', id })
    } catch {
      send({ type: 'unlogged', id })
    }
    app.websocketServer.publish(room, message)
  }

  function send (message) {
    socket.send(JSON.stringify(message))
  }
})

/** Lets HAProxy lead new sockets to the other nodes, closes the sockets, and ends. */
async function drain () {
  health.status = 404
  await health.answered(404, HEALTH_CHECK_TIMEOUT)
  await app.websocketServer.drain({ over: DRAIN_TIME })
  await close()
}

async function close () {
  newest.stop()
  await app.close()
  await log.close()
  if (process.connected) process.disconnect()
}

await app.listen({ port: Number(PORT), host: '127.0.0.1' })
health.answered(200).then(() => process.send?.('healthy'))
process.once('SIGTERM', drain)
// After Ctrl-C, SIGINT arrives twice: from the terminal, and from start.js.
process.on('SIGINT', close)
process.once('disconnect', close)
