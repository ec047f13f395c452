import assert from 'node:assert/strict'
import { once } from 'node:events'
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { Server } from 'socket.io'
import { createCertificate } from '../helpers/certificate.js'

const SOCKETS = 20

/** An HTTP/2 server with the plugin, socket.io and a page that loads the client which socket.io serves. */
class SocketIoServer {
  /** Handshakes of engine.io, in order: the transport, the HTTP version, and the HTTP/2 session that carried it. */
  handshakes = []
  io
  url
  #app

  static async start () {
    const server = new SocketIoServer()
    await server.#start()
    return server
  }

  async close () {
    await this.#app.close()
  }

  async #start () {
    // HTTP/1.1 is served too: whatever does not come over HTTP/2 is noticed.
    this.#app = Fastify({ http2: true, https: { allowHTTP1: true, ...await createCertificate() } })
    await this.#app.register(fastifyWebsocketH2)
    this.#app.get('/echo', { websocket: true }, (socket) => socket.on('message', (data) => socket.send(String(data))))
    this.#app.get('/', (_request, reply) => reply.type('text/html').send(
      '<!doctype html><link rel="icon" href="data:,"><script src="/socket.io/socket.io.js"></script>'
    ))
    this.io = new Server(this.#app.server)
    this.#app.addHook('preClose', async () => { this.io.engine.close() })
    this.io.engine.on('headers', (_headers, request) => {
      const { sid, transport } = request._query
      if (sid === undefined || transport === 'websocket') this.#record(transport, request)
    })
    this.io.of('/refused').use((_socket, next) => next(new Error('forbidden')))
    this.io.on('connection', (socket) => {
      socket.on('echo', (data, done) => done(data))
      socket.on('join', async (room, done) => { await socket.join(room); done() })
      socket.on('ask', async (done) => done(await socket.emitWithAck('question', Buffer.from('bytes'))))
    })
    await this.#app.listen({ host: '127.0.0.1', port: 0 })
    this.url = `https://127.0.0.1:${this.#app.server.address().port}/`
  }

  #record (transport, request) {
    const session = (request.stream ?? request.socket).session
    this.handshakes.push({ transport, httpVersion: session === undefined ? '1.1' : '2.0', session })
  }
}

/** Tests socket.io's own client in a browser, over HTTP/2. */
export async function testSocketIo (browser, checks, { openPage, recordConsole }) {
  const server = await SocketIoServer.start()
  const page = await openPage(browser, server.url)
  const messages = recordConsole(page)
  const check = (name, run) => checks.run(`socket.io, HTTP/2: ${name}`, async () => {
    server.handshakes.length = 0
    await run()
  })
  const transportsOf = () => server.handshakes.map(({ transport, httpVersion }) => `${transport} over ${httpVersion}`)

  await check('a client connects over websocket', async () => {
    assert.deepEqual(await page.evaluate(connectOnly, ['websocket']), { transport: 'websocket', echo: 'grüße' })
    assert.deepEqual(transportsOf(), ['websocket over 2.0'])
  })

  await check('a client that begins with polling is upgraded to websocket', async () => {
    assert.deepEqual(await page.evaluate(connectOnly, ['polling', 'websocket']), { transport: 'websocket', echo: 'grüße' })
    assert.deepEqual(transportsOf(), ['polling over 2.0', 'websocket over 2.0'])
  })

  await check('a client that uses polling only is served', async () => {
    assert.deepEqual(await page.evaluate(connectOnly, ['polling']), { transport: 'polling', echo: 'grüße' })
    assert.deepEqual(transportsOf(), ['polling over 2.0'])
  })

  await check('binary of any size arrives in both directions, and acknowledgements too', async () => {
    assert.deepEqual(await page.evaluate(exchangeBinary), { same: true, asked: 'bytes' })
    assert.deepEqual(transportsOf(), ['websocket over 2.0'])
  })

  await check(`${SOCKETS} sockets share one HTTP/2 session, and events reach those in a room`, async () => {
    await page.evaluate(joinRoom, SOCKETS)
    server.io.to('room').emit('news', 'to the room')
    assert.deepEqual(await page.evaluate(receivedNews), Array(SOCKETS / 2).fill('to the room'))
    assert.deepEqual(transportsOf(), Array(SOCKETS).fill('websocket over 2.0'))
    assert.equal(new Set(server.handshakes.map(({ session }) => session)).size, 1)
  })

  await check('a middleware of a namespace refuses a client', async () => {
    assert.equal(await page.evaluate(connectRefused), 'forbidden')
  })

  await check('a socket of the app is open beside them', async () => {
    assert.equal(await page.evaluate(openOwn), 'own')
  })

  await check('a client that the server disconnects learns why', async () => {
    const connection = once(server.io, 'connection')
    const reason = page.evaluate(untilDisconnected)
    const [socket] = await connection
    socket.once('ready', () => socket.disconnect(true))
    assert.equal(await reason, 'io server disconnect')
  })

  await check('the server notices that a page is left', async () => {
    const connection = once(server.io, 'connection')
    await page.evaluate(openAndStay)
    const [socket] = await connection
    const left = once(socket, 'disconnect')
    await page.close()
    assert.match(String(await left), /^transport (close|error)/)
  })

  await check('the browser reports no error and no warning', async () => assert.deepEqual(messages, []))
  await page.context().close()
  await checks.run('socket.io, HTTP/2: the server closes', () => server.close())
}

/* The functions below run in the page. */
/* global io, WebSocket, location */

async function connectOnly (transports) {
  const socket = io({ forceNew: true, transports })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject))
  const { engine } = socket.io
  if (transports.length > 1 && engine.transport.name === 'polling') {
    await new Promise((resolve) => engine.once('upgrade', resolve))
  }
  const echo = await socket.emitWithAck('echo', 'grüße')
  const { name } = engine.transport
  socket.disconnect()
  return { transport: name, echo }
}

async function exchangeBinary () {
  const socket = io({ forceNew: true, transports: ['websocket'] })
  const asked = new Promise((resolve) => socket.once('question', (bytes, done) => {
    const text = new TextDecoder().decode(bytes)
    done(text)
    resolve(text)
  }))
  let same = true
  for (const size of [0, 1, 126, 70_000, 300_000]) {
    const sent = new Uint8Array(size).map((_, index) => index)
    const echoed = new Uint8Array(await socket.emitWithAck('echo', sent))
    same &&= echoed.length === size && sent.every((byte, index) => byte === echoed[index])
  }
  same &&= await socket.emitWithAck('ask') === await asked
  socket.disconnect()
  return { same, asked: await asked }
}

/** Opens sockets, every second of which joins a room. */
async function joinRoom (count) {
  const sockets = Array.from({ length: count }, () => io({ forceNew: true, transports: ['websocket'] }))
  const received = []
  globalThis.news = new Promise((resolve) => {
    for (const socket of sockets) {
      socket.on('news', (text) => { if (received.push(text) === count / 2) resolve(received) })
    }
  })
  await Promise.all(sockets.map((socket, index) => socket.emitWithAck('join', index % 2 === 0 ? 'room' : 'other')))
  globalThis.sockets = sockets
}

async function receivedNews () {
  const received = await globalThis.news
  for (const socket of globalThis.sockets) socket.disconnect()
  return received
}

async function connectRefused () {
  const socket = io('/refused', { forceNew: true, transports: ['websocket'] })
  const error = await new Promise((resolve) => socket.once('connect_error', resolve))
  socket.disconnect()
  return error.message
}

async function openOwn () {
  const socket = new WebSocket(`wss://${location.host}/echo`)
  await new Promise((resolve) => { socket.onopen = resolve })
  const echoed = new Promise((resolve) => { socket.onmessage = ({ data }) => resolve(data) })
  socket.send('own')
  const data = await echoed
  socket.close()
  return data
}

async function untilDisconnected () {
  const socket = io({ forceNew: true, transports: ['websocket'] })
  const reason = new Promise((resolve) => socket.once('disconnect', resolve))
  socket.once('connect', () => socket.emit('ready'))
  return await reason
}

async function openAndStay () {
  const socket = io({ forceNew: true, transports: ['websocket'] })
  await new Promise((resolve) => socket.once('connect', resolve))
}
