import { EventEmitter } from 'node:events'
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import { WebSocketServer } from 'ws'
import { startIfMain } from '../../shared/main.js'

const SEND_LIMIT = 2 ** 20

export async function build (options, { heartbeat = 30_000, closeTimeout = 5000 } = {}) {
  const app = fastify(options)
  const upgrades = new EventEmitter()
  await app.register(websocket, {
    options: { server: upgrades, verifyClient: ({ req }) => isSameOrigin(req.headers) },
    preClose (done) {
      clearInterval(timer)
      for (const client of this.websocketServer.clients) client.close(1001, 'restart')
      setTimeout(() => { for (const client of this.websocketServer.clients) client.terminate() }, closeTimeout).unref()
      this.websocketServer.close(() => done())
    }
  })
  const timer = setInterval(() => {
    for (const client of app.websocketServer.clients) {
      if (!client.isAlive) client.terminate()
      client.isAlive = false
      client.ping()
    }
  }, heartbeat)

  const other = new WebSocketServer({ noServer: true })
  // A socket of ws emits 'error' for an invalid frame. Without a listener, that ends the process.
  other.on('connection', (socket) => socket.on('error', (error) => app.log.info(error))
    .on('message', (data) => socket.send(`other: ${data}`)))
  app.server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/other') return upgrades.emit('upgrade', request, socket, head)
    other.handleUpgrade(request, socket, head, (client) => other.emit('connection', client))
  })
  app.addHook('preClose', async () => { for (const client of other.clients) client.close(1001) })

  app.get('/chat', {
    websocket: true,
    onRequest: async ({ query }, reply) => { if (query.user === undefined) return reply.code(401).send() }
  }, (socket, { query }) => {
    socket.isAlive = true
    socket.on('pong', () => { socket.isAlive = true })
    socket.on('message', (data) => {
      for (const client of app.websocketServer.clients) {
        if (client.bufferedAmount > SEND_LIMIT) client.terminate()
        else client.send(`${query.user}: ${data}`)
      }
    })
  })
  return app
}

function isSameOrigin ({ origin, host }) {
  return [undefined, `http://${host}`, `https://${host}`].includes(origin)
}

await startIfMain(import.meta.url, build)
