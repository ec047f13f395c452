import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { readSecondaryServers } from '../../lib/internals/fastify.ts'
import { addEcho } from '../helpers/echo.ts'
import { FrameClient } from '../helpers/h2-frames.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed } from '../helpers/waiting.ts'
import { wsClose } from '../helpers/ws-frames.ts'

const TRANSPORTS = [H1, H1_TLS, H1_BESIDE_H2, H2C, H2_TLS]
const SHORT = { shutdownTimeout: 200, heartbeat: 0 }
const WARN = 40

function addRoutes (app: FastifyInstance): void {
  addEcho(app)
  app.get('/reads-nothing', { websocket: true }, (socket) => { socket.pause() })
  app.get('/waits', { websocket: true, onRequest: () => { app.server.emit('waits') } }, () => {})
  app.post('/upload', async (request) => request.body)
  app.addContentTypeParser('*', (_request, payload, done) => { payload.on('end', () => done(null, '')).resume() })
}

function portOf ({ origin }: Fixture): number {
  return Number(new URL(origin).port)
}

/** Opens a TCP or TLS connection, and sends nothing. The end of the test destroys it. */
async function connectBare (t: Test, fixture: Fixture, { secure, httpVersion }: Transport): Promise<Socket> {
  const options = {
    port: portOf(fixture),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: [httpVersion === '2.0' ? 'h2' : 'http/1.1']
  }
  const socket = secure ? connectTls(options) : connectTcp(options)
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, secure ? 'secureConnect' : 'connect')
  return socket
}

/** Behaviours of peers while the server closes. Each resolves when the server has received what the peer sends. */
const PEERS: Record<string, (t: Test, fixture: Fixture, transport: Transport) => Promise<unknown>> = {
  async 'no client' () {},

  async 'a client that sends nothing on its TCP connection' (t, fixture) {
    const connected = once(fixture.app.server, 'connection')
    await connectBare(t, fixture, H1)
    await connected
  },

  async 'a client that sends nothing after its TLS handshake, or no HTTP/2 preface' (t, fixture, transport) {
    const connected = once(fixture.app.server, 'connection')
    await connectBare(t, fixture, transport)
    await connected
  },

  async 'a client that stops in the middle of a request' (t, fixture, transport) {
    const received = once(fixture.app.server, 'request')
    if (transport.httpVersion === '2.0') {
      const request = fixture.session!.request({ ':method': 'POST', ':path': '/upload', 'content-type': 'text/x' })
      request.on('error', () => {})
      request.write('begin')
    } else {
      const socket = await connectBare(t, fixture, transport)
      socket.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\nContent-Length: 10\r\n\r\nbegin')
    }
    await received
  },

  async 'sockets of clients that do not read' (_t, { open }) {
    for (let count = 0; count < 3; count++) (await open('/echo')).pause()
  },

  async 'a client that sends 8 MB to a handler that does not read' (_t, { open }) {
    const socket = await open('/reads-nothing')
    socket.on('error', () => {})
    for (let count = 0; count < 8; count++) socket.send(Buffer.alloc(1024 * 1024))
  },

  async 'a handshake that a hook does not answer' (_t, { app, connect }) {
    const waits = once(app.server, 'waits')
    connect('/waits').on('error', () => {})
    await waits
  },

  async 'a client whose process is stopped' (t, fixture, { httpVersion }) {
    const opened = once(fixture.app.websocketServer, 'connection')
    const child = spawn(process.execPath, ['-e', httpVersion === '2.0' ? H2_CLIENT : H1_CLIENT, fixture.origin], {
      env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, stdio: 'ignore'
    })
    t.teardown(() => child.kill('SIGKILL'))
    await opened
    child.kill('SIGSTOP')
  }
}

const H1_CLIENT = `
  const [,, origin = process.argv[1]] = process.argv
  require(origin.split(':')[0]).get(origin + '/echo', { headers: {
    connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': 13, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  } }).on('upgrade', () => {})`

const H2_CLIENT = `
  const [,, origin = process.argv[1]] = process.argv
  const session = require('http2').connect(origin)
  session.once('remoteSettings', () => session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', ':authority': 'x', 'sec-websocket-version': '13'
  }, { endStream: false }))`

for (const transport of TRANSPORTS) {
  for (const [name, appear] of Object.entries(PEERS)) {
    void t.test(`${transport.name}: app.close() resolves and every connection is closed, with ${name}`, async (t) => {
      const fixture = await start(t, transport, addRoutes, SHORT)
      const { app, logs } = fixture
      const open = follow(app)
      await appear(t, fixture, transport)
      await app.close()
      await open.ended()
      t.equal(app.websocketServer.clients.size, 0)
      t.same(logs.filter(({ level, msg }) => level > WARN || (level === WARN && !msg.startsWith('shutdownTimeout'))), [])
    })
  }
}

/** Follows the connections of a server from now on. */
function follow (app: FastifyInstance): { ended: () => Promise<unknown> } {
  const ends: Array<Promise<unknown>> = []
  app.server.on('connection', (connection: Socket) => {
    ends.push(new Promise((resolve) => connection.once('close', resolve)))
  })
  return { ended: () => Promise.all(ends) }
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: app.close() closes sockets even with clientTracking: false`, async (t) => {
    const { app, open } = await start(t, transport, addRoutes, { options: { clientTracking: false } })
    const ends = [await open('/echo'), await open('/echo')].map(closed)
    await app.close()
    t.same((await Promise.all(ends)).map(({ code }) => code), [1001, 1001])
  })

  void t.test(`${transport.name}: the option shutdown sets the code and reason of Close frames`, async (t) => {
    const shutdown = { code: 1012, reason: 'update' }
    const { app, open } = await start(t, transport, addRoutes, { shutdown })
    const end = closed(await open('/echo'))
    await app.close()
    t.same(await end, shutdown)
  })

  void t.test(`${transport.name}: a preClose that does not end delays app.close() for shutdownTimeout at most`, async (t) => {
    const never = (): Promise<never> => new Promise(() => {})
    const { app, open } = await start(t, transport, addRoutes, { ...SHORT, preClose: never })
    const end = closed(await open('/echo'))
    await app.close()
    t.equal((await end).code, 1006)
  })

  void t.test(`${transport.name}: after a preClose that closes no socket, sockets are terminated after shutdownTimeout`, async (t) => {
    const { app, open, logs } = await start(t, transport, addRoutes, { ...SHORT, preClose: (done) => done() })
    const end = closed(await open('/echo'))
    await app.close()
    t.equal((await end).code, 1006)
    t.match(logs.filter(({ level }) => level >= WARN), [{
      level: WARN, msg: 'shutdownTimeout exceeded: open sockets and connections are terminated', sockets: 1, connections: 1
    }])
  })

  void t.test(`${transport.name}: a handshake whose hooks end during app.close() is refused with 503`, async (t) => {
    let finishHook = (): void => {}
    const { app, connect } = await start(t, transport, (app) => {
      app.get('/slow', {
        websocket: true,
        onRequest: (_request, _reply, done) => { finishHook = done; app.server.emit('waits') }
      }, () => { t.fail('the handler must not be called') })
    }, { preClose: (done) => { app.server.emit('closing'); done() } })
    const [waits, closing] = [once(app.server, 'waits'), once(app.server, 'closing')]
    const socket = connect('/slow')
    const answered = once(socket, 'unexpected-response')
    await waits
    const ended = app.close()
    await closing
    finishHook()
    const [request, response] = await answered
    t.equal(response.statusCode, 503)
    socket.on('error', () => {})
    request.destroy()
    await ended
  })
}

void t.test('HTTP/1.1: a handshake during app.close() is refused with 503', async (t) => {
  const { app, open, refused } = await start(t, H1, addRoutes, { shutdownTimeout: 9000 }, { return503OnClosing: false })
  const socket = await open('/echo')
  socket.pause()
  const ended = app.close()
  await until(() => [...app.websocketServer.clients].every(({ readyState }) => readyState === socket.CLOSING))
  t.equal((await refused('/echo')).status, 503)
  socket.resume()
  await ended
})

for (const transport of [H2C, H2_TLS]) {
  void t.test(`${transport.name}: a handshake during app.close() is refused with REFUSED_STREAM, and GOAWAY ends each session`, async (t) => {
    const fixture = await start(t, transport, addRoutes, { shutdownTimeout: 9000 })
    const client = await FrameClient.open(portOf(fixture), { tls: transport.secure })
    const idle = await FrameClient.open(portOf(fixture), { tls: transport.secure })
    t.teardown(() => { client.destroy(); idle.destroy() })
    client.connect(1, '/echo')
    await client.response(1)
    const ended = fixture.app.close()
    await client.untilReceived(1, 'Close 1001')
    await idle.waitForFrame(({ type }) => type === 'GOAWAY')
    client.connect(3, '/echo')
    await client.waitForFrame(({ type, streamId }) => type === 'RST_STREAM' && streamId === 3)
    t.strictSame(client.trace(3), ['RST_STREAM REFUSED_STREAM'])
    t.notOk(client.trace(0).includes('GOAWAY NO_ERROR'), 'a session that has a socket receives no GOAWAY')
    client.data(1, wsClose(1001), true)
    await Promise.all([ended, client.closed])
    t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
  })
}

void t.test('Close frames are sent in batches of the size of the option shutdown.batch', async (t) => {
  const { app, open } = await start(t, H1, addRoutes, { shutdownTimeout: 3000, shutdown: { batch: 4 } })
  const sockets = await Promise.all(Array.from({ length: 10 }, () => open('/echo')))
  const seen: number[] = []
  const ends = sockets.map(async (socket) => {
    await once(socket, 'close')
    seen.push(sockets.filter(({ readyState }) => readyState === socket.OPEN).length)
  })
  await app.close()
  await Promise.all(ends)
  t.ok(seen[0]! >= 6, 'when the first socket is closed, those of later batches are still open')
  t.equal(seen.at(-1), 0)
})

void t.test('app.close() closes sockets although another preClose hook does not end', async (t) => {
  const app = fastify({ pluginTimeout: 1000 })
  app.addHook('preClose', () => new Promise(() => {}))
  await app.register(websocket, SHORT)
  addRoutes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const opened = once(app.websocketServer, 'connection')
  const { port } = app.server.address() as { port: number }
  const socket = connectTcp({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write('GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  await opened
  socket.resume()
  // Fastify rejects because of the hook, and closes nevertheless.
  await Promise.allSettled([app.close(), once(socket, 'close')])
  t.equal(app.websocketServer.clients.size, 0)
  t.notOk(app.server.listening)
})

void t.test('after app.close() the process exits by itself', async (t) => {
  const program = fileURLToPath(new URL('../helpers/closing-app.ts', import.meta.url))
  for (const transport of TRANSPORTS) {
    const child = spawn(process.execPath, [...process.execArgv, program], { stdio: ['pipe', 'inherit', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    child.stdin.end(JSON.stringify(transport.server))
    t.same(await once(child, 'exit'), [0, null], transport.name)
  }
})

void t.test('app.close() closes connections of secondary servers, too', async (t) => {
  const { app, second } = await listenTwice(t)
  const accepted = once(second, 'connection')
  const socket = connectTcp({ host: '127.0.0.1', port: (second.address() as AddressInfo).port })
  t.teardown(() => socket.destroy())
  const end = once(socket, 'close')
  await accepted
  await app.close()
  await end
})

/** Listens on two addresses, as Fastify does for "localhost" if it resolves to two. */
async function listenTwice (t: Test): Promise<{ app: FastifyInstance, second: Server }> {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, SHORT)
  addRoutes(app)
  const second = createServer()
  await app.ready()
  readSecondaryServers(app).push(second)
  app.server.once('close', () => second.close())
  await once(second.listen(0, '127.0.0.1'), 'listening')
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, second }
}

void t.test('with options.server only sockets are closed, and other connections of that server stay open', async (t) => {
  const server = createHttp2Server({}, (_request, response) => { response.end('still here') })
  const app = fastify()
  t.teardown(() => { server.close() })
  await app.register(websocket, { ...SHORT, options: { server } })
  addRoutes(app)
  await app.ready()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const [client, other] = [await FrameClient.open(port), await FrameClient.open(port)]
  t.teardown(() => { client.destroy(); other.destroy() })
  client.connect(1, '/echo')
  await client.response(1)
  other.connect(1, '/waits')
  await other.roundTrip()
  await app.close()
  await client.waitForFrame(({ type }) => type === 'RST_STREAM')
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 1001', 'RST_STREAM CANCEL'])
  const again = await FrameClient.open(port)
  t.teardown(() => again.destroy())
  again.get(1, '/')
  t.match(await again.response(1), { ':status': '200' })
})

void t.test('a closed session has no timer that retains it until http2SessionTimeout', async (t) => {
  const app: FastifyInstance = fastify({ http2: true } as object)
  t.teardown(() => app.close())
  await app.register(websocket)
  addRoutes(app)
  const opened = once(app.server, 'session')
  const socket = await app.injectWS('/echo')
  const [session] = await opened
  socket.terminate()
  await once(session, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  const timers = Object.getOwnPropertySymbols(session).map((symbol) => session[symbol])
    .filter((value) => value?.constructor?.name === 'Timeout' && !value._destroyed)
  t.same(timers, [])
})

const REFUSED: Array<[options: WebsocketPluginOptions, message: string, pluginTimeout?: number]> = [
  [{ shutdownTimeout: 0 }, 'option "shutdownTimeout" must be an integer from 1 to 2147483647 (ms), got 0'],
  [
    { shutdownTimeout: 10_000 },
    'option "shutdownTimeout" must be at most 9500 (ms), 500 less than the pluginTimeout of Fastify: raise that too, got 10000'
  ],
  [
    { shutdownTimeout: 4000 },
    'option "shutdownTimeout" must be at most 2500 (ms), 500 less than the pluginTimeout of Fastify: raise that too, got 4000',
    3000
  ],
  [
    { shutdown: { code: 1006 } },
    'option "shutdown.code" must be a close code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999, got 1006'
  ],
  [{ shutdown: { reason: 'x'.repeat(124) } }, `option "shutdown.reason" must be a string of at most 123 bytes, got "${'x'.repeat(124)}"`],
  [{ shutdown: { batch: 0 } }, 'option "shutdown.batch" must be an integer of at least 1, or Infinity, got 0'],
  [{ shutdown: { size: 1 } } as object, 'option "shutdown.size" must be one of code, reason, batch, got an option "size"']
]

for (const [options, message, pluginTimeout] of REFUSED) {
  void t.test(`register rejects: ${message}`, async (t) => {
    const app = fastify(pluginTimeout === undefined ? {} : { pluginTimeout })
    t.teardown(() => app.close())
    await t.rejects(Promise.resolve(app.register(websocket, options)), { code: 'FST_WS_INVALID_OPTION', message })
  })
}

void t.test('the default of shutdownTimeout is valid with any pluginTimeout', async (t) => {
  for (const pluginTimeout of [0, 100, 3000]) {
    const app = fastify({ pluginTimeout })
    await app.register(websocket)
    await app.close()
    t.pass(String(pluginTimeout))
  }
})

async function until (holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
