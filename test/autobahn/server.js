/**
 * A server that echoes: `server.js reference|http1|http2`, forked. It sends the port that it listens on. Asked with any
 * message, it waits until its sockets have closed, and sends what they came as.
 */
import { once } from 'node:events'
import fastify from 'fastify'
import { WebSocketServer } from 'ws'
import websocket from '../../dist/index.js'

// The largest message of the suite has 16 MiB, and the one of the most fragments 65,536: four times ws's default limit.
const OPTIONS = { perMessageDeflate: true, maxPayload: 64 * 1024 * 1024, maxFragments: 128 * 1024 }
const LISTEN = { port: 0, host: '127.0.0.1' }
const STARTS = { reference: startReference, http1: () => startPlugin({}), http2: () => startPlugin({ http2: true }) }

const seen = { upgrades: 0, streams: 0, others: 0, offers: 0, compressed: 0 }
const closes = []
const port = await STARTS[process.argv[2]]()
process.on('message', async () => {
  await Promise.all(closes)
  process.send(seen)
})
process.once('disconnect', () => process.exit())
process.send({ port })

async function startReference () {
  const server = new WebSocketServer({ ...OPTIONS, ...LISTEN })
  server.on('connection', (socket, request) => {
    // Many a case breaks the protocol.
    socket.on('error', () => {})
    serve(socket, request)
  })
  await once(server, 'listening')
  return server.address().port
}

async function startPlugin (serverOptions) {
  const app = fastify(serverOptions)
  await app.register(websocket, { options: OPTIONS })
  app.get('/', { websocket: true }, (socket, request) => serve(socket, request.raw))
  await app.listen(LISTEN)
  return app.server.address().port
}

function serve (socket, request) {
  seen[nameHandshake(request)]++
  if (request.headers['sec-websocket-extensions']?.includes('permessage-deflate')) seen.offers++
  if (socket.extensions.includes('permessage-deflate')) seen.compressed++
  closes.push(new Promise((resolve) => socket.once('close', resolve)))
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
}

function nameHandshake ({ httpVersionMajor, headers }) {
  if (httpVersionMajor === 1 && headers.upgrade?.toLowerCase() === 'websocket') return 'upgrades'
  // HAProxy writes it as the client wrote its Upgrade header: "WebSocket", here.
  if (httpVersionMajor === 2 && headers[':protocol']?.toLowerCase() === 'websocket') return 'streams'
  return 'others'
}
