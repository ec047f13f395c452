/** The server of the soak: routes that do to a socket what handlers do, and a report of what is left of it all. */
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import fastify from 'fastify'
import { generate } from 'selfsigned'
import { createWebSocketStream } from 'ws'
import websocket from '../../dist/index.js'

const MEGABYTE = Buffer.alloc(1024 * 1024)
/** Where Linux lists what a process has open. */
const OPEN_FILES = '/proc/self/fd'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
const app = fastify({ http2: true, https: { key, cert, allowHTTP1: true } })
const connections = new Set()
const streams = new Set()

await app.register(websocket, { options: { closeTimeout: 500 }, sendLimit: 4 * MEGABYTE.length })

app.get('/echo', { websocket: true }, (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
app.get('/iterate', { websocket: true }, async (socket) => {
  for await (const message of socket) socket.send(message)
})
app.get('/late', { websocket: true }, async (socket) => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.on('message', (data) => socket.send(data))
})
app.get('/pause', { websocket: true }, (socket) => {
  socket.pause()
  // Over TCP, who does not read does not learn that the other side has gone.
  setTimeout(() => socket.resume(), 200)
})
app.get('/flood', { websocket: true }, (socket) => {
  for (let count = 0; count < 8; count++) socket.send(MEGABYTE)
})
app.get('/file', { websocket: true }, async (socket) => {
  const file = createReadStream(process.execPath, { end: 4 * MEGABYTE.length })
  await pipeline(file, createWebSocketStream(socket)).catch(() => {})
})
app.get('/cut', { websocket: true }, (socket) => { socket.on('message', () => socket.terminate()) })
app.get('/fail', { websocket: true }, async () => { throw new Error('soaked') })
app.get('/slow', {
  websocket: true,
  onRequest: async () => { await new Promise((resolve) => setTimeout(resolve, 50)) }
}, (socket) => { socket.send('at last') })

app.server.on('secureConnection', (connection) => {
  connections.add(connection)
  connection.once('close', () => connections.delete(connection))
})
app.server.on('stream', (stream) => {
  streams.add(stream)
  stream.once('close', () => streams.delete(stream))
})

await app.listen({ port: 0, host: '127.0.0.1' })
process.on('message', async () => {
  await settle()
  process.send({
    connections: connections.size,
    streams: streams.size,
    sockets: app.websocketServer.clients.size,
    files: existsSync(OPEN_FILES) ? readdirSync(OPEN_FILES).length : 0,
    resources: process.getActiveResourcesInfo().length,
    heap: process.memoryUsage().heapUsed,
    buffers: process.memoryUsage().arrayBuffers
  })
})
process.once('disconnect', () => process.exit())
process.send({ port: app.server.address().port })

/** Waits until nothing is open any more, or has been for too long. */
async function settle () {
  for (let tries = 0; tries < 100 && connections.size + streams.size + app.websocketServer.clients.size > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  for (let count = 0; count < 3; count++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
