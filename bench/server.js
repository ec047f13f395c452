/** The server under test: one port, the plugin as it comes, both transports. Started by flow.js. */
import fastify from 'fastify'
import { generate } from 'selfsigned'
import fastifyWebsocketH2 from '../dist/index.js'

// One message may wait while the other is being written, so that the socket never runs dry.
const SOURCE_AHEAD = 2

const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
const app = fastify({ http2: true, https: { allowHTTP1: true, key, cert } })
await app.register(fastifyWebsocketH2)

app.get('/echo', { websocket: true }, (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})

// The answer says that a message has arrived as a whole, and is too small to be what is measured.
app.get('/sink', { websocket: true }, (socket) => {
  socket.on('message', () => socket.send('1'))
})

app.get('/source', { websocket: true }, (socket, request) => {
  const message = Buffer.alloc(Number(request.query.bytes))
  const send = (error) => { if (!error) socket.send(message, send) }
  for (let ahead = 0; ahead < SOURCE_AHEAD; ahead++) send()
})

app.get('/stall', { websocket: true }, (socket) => socket.pause())

await app.listen({ host: '127.0.0.1', port: 0 })

// Whichever way the benchmark ends, nothing of it stays behind.
process.once('disconnect', () => process.exit())
process.send({ port: app.server.address().port, version: process.version })
