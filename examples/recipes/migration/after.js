import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { WebSocketServer } from 'ws'
import { startIfMain } from '../../shared/main.js'

const SEND_LIMIT = 2 ** 20

export async function build (options, { heartbeat = 30_000, closeTimeout = 5000 } = {}) {
  const app = fastify(options)
  await app.register(websocket, {
    heartbeat,
    sendLimit: SEND_LIMIT,
    shutdownTimeout: closeTimeout,
    shutdown: { code: 1001, reason: 'restart' },
    upgradeFallback (request, socket, head) {
      if (request.url !== '/other') return socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
      other.handleUpgrade(request, socket, head, (client) => other.emit('connection', client))
    }
  })

  const other = new WebSocketServer({ noServer: true })
  // A socket of ws emits 'error' for an invalid frame. Without a listener, that ends the process.
  other.on('connection', (socket) => socket.on('error', (error) => app.log.info(error))
    .on('message', (data) => socket.send(`other: ${data}`)))
  app.addHook('preClose', async () => { for (const client of other.clients) client.close(1001) })

  app.get('/chat', {
    websocket: true,
    onRequest: async ({ query }, reply) => { if (query.user === undefined) return reply.code(401).send() }
  }, (socket, { query }) => {
    socket.on('message', (data) => app.websocketServer.broadcast(`${query.user}: ${data}`))
  })
  return app
}

await startIfMain(import.meta.url, build)
