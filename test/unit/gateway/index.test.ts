import { once } from 'node:events'
import { connect as openSession, createSecureServer, createServer } from 'node:http2'
import type { ClientHttp2Session, Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import websocket from '../../../index.ts'
import { connect } from '../../../lib/client/index.ts'
import { serveExtendedConnect } from '../../../lib/gateway/index.ts'
import type { GatewayOptions, UpgradeHandler } from '../../../lib/gateway/index.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { closed, nextText } from '../../helpers/waiting.ts'

const certificate = await createCertificate()

/** A ws server that echoes. Returns its handler of upgrades. */
function createEcho (): UpgradeHandler {
  const wss = new WebSocketServer({ noServer: true })
  wss.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  return (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (each) => wss.emit('connection', each, request))
  }
}

async function openTo (t: Test, server: Http2Server): Promise<ClientHttp2Session> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const scheme = 'addContext' in server ? 'https' : 'http'
  const session = openSession(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`, { rejectUnauthorized: false })
  t.teardown(() => { session.destroy(); server.close() })
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  return session
}

async function serve (t: Test, handler: UpgradeHandler, options?: GatewayOptions, server = createServer()) {
  const stop = serveExtendedConnect(server, handler, options)
  return { server, stop, session: await openTo(t, server) }
}

async function statusOf (session: ClientHttp2Session): Promise<number> {
  const [error] = await once(connect(session), 'error')
  return error.statusCode
}

for (const [name, create] of Object.entries({
  'without TLS': () => createServer(),
  'with TLS': () => createSecureServer(certificate),
  'with TLS and HTTP/1.1': () => createSecureServer({ ...certificate, allowHTTP1: true })
})) {
  void t.test(`serveExtendedConnect: a server of ws serves sockets of an HTTP/2 server ${name}`, async (t) => {
    const server = create()
    server.on('request', (_request, response) => { response.end('plain') })
    const { session } = await serve(t, createEcho(), {}, server as Http2Server)
    const sockets = await Promise.all([1, 2, 3].map(async (id) => {
      const socket = connect(session, { path: `/${id}` })
      await once(socket, 'open')
      return socket
    }))
    for (const socket of sockets) {
      const echoed = nextText(socket)
      socket.send('hello')
      t.equal(await echoed, 'hello')
    }
    const ends = sockets.map(closed)
    for (const socket of sockets) socket.close(4001)
    t.match(await Promise.all(ends), [{ code: 4001 }, { code: 4001 }, { code: 4001 }])
  })
}

void t.test('serveExtendedConnect: advertises Extended CONNECT with the limits of its options', async (t) => {
  const { session } = await serve(t, createEcho(), { maxConcurrentStreams: 7, receiveWindow: { initial: 100_000 } })
  t.match(session.remoteSettings, { enableConnectProtocol: true, maxConcurrentStreams: 7, initialWindowSize: 100_000 })
})

void t.test('serveExtendedConnect: a handshake that is not answered within handshakeTimeout is refused with 503', async (t) => {
  const { session } = await serve(t, () => {}, { handshakeTimeout: 1 })
  t.equal(await statusOf(session), 503)
})

void t.test('serveExtendedConnect: onError receives what the handler throws, with its request', async (t) => {
  const errors: unknown[] = []
  const { session } = await serve(t, () => { throw new Error('broken') }, {
    onError: (error, { url }) => errors.push([error.message, url])
  })
  t.equal(await statusOf(session), 500)
  t.same(errors, [['broken', '/']])
})

void t.test('serveExtendedConnect: without onError the error of a handler is an uncaught exception', async (t) => {
  const caught = new Promise((resolve) => t.capture(process, 'emit', (event: string, error: Error) => {
    if (event === 'uncaughtException') resolve(error)
    return true
  }))
  const { session } = await serve(t, async () => { throw new Error('broken') })
  t.equal(await statusOf(session), 500)
  t.match(await caught, { message: 'broken' })
})

void t.test('serveExtendedConnect: without onError an invalid response is a warning of the process', async (t) => {
  const warned = once(process, 'warning')
  const { session } = await serve(t, (_request, socket) => { socket.end('HTTP/1.1 200 OK\r\n\r\n') })
  t.equal(await statusOf(session), 502)
  const [warning] = await warned
  t.match(warning, { code: 'FST_WS_INVALID_RESPONSE', message: /got the status 200/ })
})

void t.test('serveExtendedConnect: a server is served once, by a gateway or by the plugin', async (t) => {
  const server = createServer()
  const stop = serveExtendedConnect(server, () => {})
  t.throws(() => serveExtendedConnect(server, () => {}), { code: 'FST_WS_ALREADY_REGISTERED' })
  stop()
  serveExtendedConnect(server, () => {})()

  const app = fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(websocket)
  t.throws(() => serveExtendedConnect(app.server, () => {}), { code: 'FST_WS_ALREADY_REGISTERED' })
})

void t.test('serveExtendedConnect: invalid arguments throw FST_WS_INVALID_OPTION, and leave the server alone', async (t) => {
  const server = createServer()
  for (const options of [{ handshakeTimeout: -1 }, { timeout: 1 }]) {
    t.throws(() => serveExtendedConnect(server, () => {}, options as never), { code: 'FST_WS_INVALID_OPTION' })
  }
  t.throws(() => serveExtendedConnect(server, undefined as never), { code: 'FST_WS_INVALID_OPTION', message: /handler/ })
  t.throws(() => serveExtendedConnect({} as never, () => {}), { code: 'FST_WS_INVALID_OPTION', message: /server/ })
  serveExtendedConnect(server, () => {})()
})

void t.test('serveExtendedConnect: the returned function stops it, and open sockets stay open', async (t) => {
  const { session, stop } = await serve(t, createEcho())
  const socket = connect(session)
  await once(socket, 'open')
  stop()
  t.equal(await statusOf(session), 405)
  const echoed = nextText(socket)
  socket.send('still open')
  t.equal(await echoed, 'still open')
  socket.terminate()
})

for (const order of ['before', 'after'] as const) {
  void t.test(`serveExtendedConnect: an idle session with a socket outlives a server.setTimeout() ${order} it`, async (t) => {
    const server = createServer()
    if (order === 'before') server.setTimeout(50)
    serveExtendedConnect(server, createEcho())
    if (order === 'after') server.setTimeout(50)
    const session = await openTo(t, server)
    const socket = connect(session)
    await once(socket, 'open')
    const other = openSession(session.originSet?.[0] ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await once(other, 'close')
    t.equal(session.closed, false)
    const ended = once(session, 'close')
    socket.close()
    await ended
  })
}

void t.test('serveExtendedConnect: a listener for \'stream\' that answers every stream does not end the process', async (t) => {
  const server = createServer().on('stream', (stream) => stream.respond({ ':status': 403 }, { endStream: true }))
  const { session } = await serve(t, () => { t.fail('called') }, {}, server)
  t.equal(await statusOf(session), 403)
  const [headers] = await once(session.request({ ':method': 'CONNECT', ':authority': 'example.org:443' }), 'response')
  t.equal(headers[':status'], 403)
})
