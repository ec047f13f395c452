/**
 * One WebSocket route, served over HTTP/2 and HTTP/1.1. `npm start` builds the plugin and runs this.
 *
 *   PORT=8444    listens on another port
 *   ADVERTISE=0  does not advertise WebSocket over HTTP/2: browsers then use HTTP/1.1
 */
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { createCertificate } from './certificate.js'
import { servePage } from './page.js'

const port = readPort(process.env.PORT || '8443')

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

await app.register(servePage)

try {
  await app.listen({ host: 'localhost', port })
} catch (error) {
  fail(error.code === 'EADDRINUSE'
    ? `Port ${port} is taken. Set PORT to a free one, for example: PORT=${port === 8444 ? 8445 : 8444} npm start`
    : `Cannot listen on port ${port}: ${error.message}`)
}
console.log(`Open https://localhost:${app.server.address().port} (its certificate is self-signed: the browser will warn)`)

// After Ctrl-C, SIGINT may arrive twice: from the terminal, and from npm. app.close() may be called twice.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => app.close())

function readPort (value) {
  if (/^\d{1,5}$/.test(value) && Number(value) < 65536) return Number(value)
  return fail(`PORT must be an integer from 0 to 65535, got ${JSON.stringify(value)}`)
}

function fail (message) {
  console.error(message)
  process.exit(1)
}
