/** The server of the soak test: routes whose handlers use sockets in different ways, and a report of all resources in use. */
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import fastify from 'fastify'
import websocket from 'fastify-websocket-h2'
import { createWebSocketStream } from 'ws'
import { createCertificate } from '../helpers/certificate.js'

const MEGABYTE = Buffer.alloc(1024 * 1024)
/** The directory in which Linux lists the open files of a process. */
const OPEN_FILES = '/proc/self/fd'

// A client that has left during a write over TLS is noticed by these alone (nodejs/node#55804).
const LIMITS = { http2SessionTimeout: 1000, heartbeat: 3000 }

const app = fastify({ http2: true, http2SessionTimeout: LIMITS.http2SessionTimeout, https: { ...await createCertificate(), allowHTTP1: true } })
const connections = new Set()
const streams = new Set()

await app.register(websocket, { heartbeat: LIMITS.heartbeat, options: { closeTimeout: 500 }, sendLimit: 4 * MEGABYTE.length })

app.get('/echo', { websocket: true }, (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
app.get('/iterate', { websocket: true }, async (socket) => {
  for await (const message of socket) socket.send(message)
})
app.get('/slow-handler', { websocket: true }, async (socket) => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.on('message', (data) => socket.send(data))
})
app.get('/pause', { websocket: true }, (socket) => {
  socket.pause()
  // A TCP socket that is not read does not report that its peer has disconnected.
  setTimeout(() => socket.resume(), 200)
})
app.get('/flood', { websocket: true }, (socket) => {
  for (let count = 0; count < 8; count++) socket.send(MEGABYTE)
})
app.get('/file', { websocket: true }, async (socket) => {
  const file = createReadStream(process.execPath, { end: 4 * MEGABYTE.length })
  await pipeline(file, createWebSocketStream(socket)).catch(() => {})
})
app.get('/terminate', { websocket: true }, (socket) => { socket.on('message', () => socket.terminate()) })
app.get('/fail', { websocket: true }, async () => { throw new Error('of the handler') })
app.get('/slow-hook', {
  websocket: true,
  onRequest: async () => { await new Promise((resolve) => setTimeout(resolve, 50)) }
}, (socket) => { socket.send('delayed') })

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

/** Waits until nothing is open, for up to ten seconds, and collects garbage. */
async function settle () {
  for (let tries = 0; tries < 100 && connections.size + streams.size + app.websocketServer.clients.size > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  for (let count = 0; count < 3; count++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
