/**
 * An echo server: `server.js reference|http1|http2`, in a forked process. It sends its port as an IPC message. On any
 * message, it waits until its sockets have closed, and sends the numbers of handshakes by kind.
 */
import { once } from 'node:events'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { WebSocketServer } from 'ws'

// The suite sends messages of up to 16 MiB and up to 65,536 fragments, four times ws's default limit of fragments.
const OPTIONS = { perMessageDeflate: true, maxPayload: 64 * 1024 * 1024, maxFragments: 128 * 1024 }
const LISTEN = { port: 0, host: '127.0.0.1' }
const STARTS = { reference: startReference, http1: () => startPlugin({}), http2: () => startPlugin({ http2: true }) }

const handshakes = { upgrades: 0, streams: 0, others: 0, offers: 0, compressed: 0 }
const closes = []
const port = await STARTS[process.argv[2]]()
process.on('message', async () => {
  await Promise.all(closes)
  process.send(handshakes)
})
process.once('disconnect', () => process.exit())
process.send({ port })

async function startReference () {
  const server = new WebSocketServer({ ...OPTIONS, ...LISTEN })
  server.on('connection', (socket, request) => {
    // Many cases violate the protocol.
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
  handshakes[kindOf(request)]++
  if (request.headers['sec-websocket-extensions']?.includes('permessage-deflate')) handshakes.offers++
  if (socket.extensions.includes('permessage-deflate')) handshakes.compressed++
  closes.push(new Promise((resolve) => socket.once('close', resolve)))
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
}

function kindOf ({ httpVersionMajor, headers }) {
  if (httpVersionMajor === 1 && headers.upgrade?.toLowerCase() === 'websocket') return 'upgrades'
  // HAProxy copies the value of the client's Upgrade header, which is "WebSocket" here.
  if (httpVersionMajor === 2 && headers[':protocol']?.toLowerCase() === 'websocket') return 'streams'
  return 'others'
}
