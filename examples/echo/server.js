/**
 * One WebSocket route, served over HTTP/2 and HTTP/1.1. `npm start` builds the plugin and runs this.
 *
 *   PORT=8444    listens on another port
 *   ADVERTISE=0  does not advertise WebSocket over HTTP/2: browsers then use HTTP/1.1
 */
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { createCertificate } from '../shared/certificate.js'
import { listen } from '../shared/listen.js'
import { servePage } from '../shared/page.js'

const app = Fastify({
  http2: true,
  // For clients that open sockets over HTTP/1.1: Safari, most command-line clients, and all clients with ADVERTISE=0.
  https: { allowHTTP1: true, ...await createCertificate() },
  logger: { level: 'warn' }
})

await app.register(fastifyWebsocketH2, {
  advertise: process.env.ADVERTISE !== '0',
  // Limits how long an unresponsive browser can delay the shutdown after Ctrl-C.
  options: { closeTimeout: 3000 }
})

app.get('/echo', { websocket: true }, (socket, request) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.send(JSON.stringify({ httpVersion: request.raw.httpVersion }))
})

await app.register(servePage, { directory: new URL('page/', import.meta.url) })
await listen(app, 'npm start')
