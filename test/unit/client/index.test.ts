import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect as openSession, constants, createServer as createHttp2Server } from 'node:http2'
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { createServer, connect as connectTcp } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../../index.ts'
import { connect } from '../../../lib/client/index.ts'
import type { ConnectOptions, WebSocket } from '../../../lib/client/index.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, start } from '../../helpers/transports.ts'
import type { Transport } from '../../helpers/transports.ts'
import { closed, nextText } from '../../helpers/waiting.ts'
import { readWsFrames, wsFrame, wsText } from '../../helpers/ws-frames.ts'

const NO_CHECK = { rejectUnauthorized: false }

/** Starts a server with an echo that first sends the HTTP version, and that counts its connections. */
async function serve (
  t: Test, transport: Transport, advertise = true
): Promise<{ app: FastifyInstance, url: string, connections: () => number }> {
  let connections = 0
  const { app, origin } = await start(t, transport, (app) => {
    app.server.on('connection', () => { connections++ })
    app.get('/echo', { websocket: true }, (socket, request) => {
      socket.send(request.raw.httpVersion)
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }, { advertise })
  return { app, url: `${origin.replace('http', 'ws')}/echo`, connections: () => connections }
}

async function portOf (server: Server | Http2Server): Promise<number> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** Starts a plain HTTP/2 server that passes each Extended CONNECT to a function. */
async function serveBare (
  t: Test, serverOnStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
): Promise<string> {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } })
  const sessions = new Set<{ destroy: () => void }>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    serverOnStream(stream, headers)
  })
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return `ws://127.0.0.1:${await portOf(server)}`
}

async function failure (socket: WebSocket): Promise<Error & { code?: string }> {
  const end = new Promise((resolve) => socket.once('close', resolve))
  const [error] = await once(socket, 'error')
  t.equal(await end, 1006, 'an error is followed by "close"')
  return error
}

void t.test('over TLS it uses HTTP/2 if ALPN selects it, on one connection', async (t) => {
  for (const transport of [H1_BESIDE_H2, H2_TLS]) {
    const { url, connections } = await serve(t, transport)
    const socket = connect(url, NO_CHECK)
    t.equal(await nextText(socket), '2.0')
    socket.send('hello')
    t.equal(await nextText(socket), 'hello')
    socket.close(4000, 'bye')
    t.same(await closed(socket), { code: 4000, reason: 'bye' })
    t.equal(connections(), 1)
  }
})

void t.test('over TLS it uses HTTP/1.1 if ALPN selects it, on the same connection', async (t) => {
  const { url, connections } = await serve(t, H1_TLS)
  t.equal(await nextText(connect(url, NO_CHECK)), '1.1')
  t.equal(connections(), 1)
})

void t.test('over TLS it uses HTTP/1.1 if the server does not offer Extended CONNECT', async (t) => {
  const { url } = await serve(t, H1_BESIDE_H2, false)
  t.equal(await nextText(connect(url, NO_CHECK)), '1.1')
})

void t.test('without TLS it uses HTTP/1.1, or HTTP/2 with http: "2"', async (t) => {
  const h1 = await serve(t, H1)
  t.equal(await nextText(connect(new URL(h1.url))), '1.1')
  const h2c = await serve(t, H2C)
  t.equal(await nextText(connect(h2c.url, { http: '2' })), '2.0')
})

void t.test('with http: "1.1", or with an agent, it uses HTTP/1.1', async (t) => {
  const { url } = await serve(t, H1_BESIDE_H2)
  t.equal(await nextText(connect(url, { http: '1.1', ...NO_CHECK })), '1.1')

  const h1 = await serve(t, H1)
  const agent = new Agent()
  t.equal(await nextText(connect(h1.url, { agent })), '1.1')
})

void t.test('with http: "2" a server without Extended CONNECT is the error FST_WS_NO_EXTENDED_CONNECT', async (t) => {
  for (const [transport, advertise] of [[H1_TLS, true], [H2C, false], [H2_TLS, false]] as const) {
    const { url } = await serve(t, transport, advertise)
    const { code, message } = await failure(connect(url, { http: '2', ...NO_CHECK }))
    t.equal(code, 'FST_WS_NO_EXTENDED_CONNECT')
    t.ok(message.startsWith(url.replace('ws', 'http').replace('/echo', '')), message)
  }
})

void t.test('sockets of one session share its connection, and the session stays open after they have closed', async (t) => {
  const { app, url, connections } = await serve(t, H2_TLS)
  const session = openSession(url.replace('wss', 'https'), NO_CHECK)
  t.teardown(() => session.destroy())

  const sockets = Array.from({ length: 50 }, () => connect(session, { path: '/echo' }))
  t.same(await Promise.all(sockets.map(nextText)), sockets.map(() => '2.0'))
  t.equal(connections(), 1)
  t.equal(app.websocketServer.clients.size, 50)

  for (const socket of sockets) socket.close()
  await Promise.all(sockets.map(closed))
  t.equal(session.closed, false)

  const again = connect(session, { path: '/echo?again' })
  t.equal(again.url, `${url}?again`)
  t.equal(await nextText(again), '2.0')
})

void t.test('a session without Extended CONNECT is the error FST_WS_NO_EXTENDED_CONNECT for each socket', async (t) => {
  const { url } = await serve(t, H2C, false)
  const session = openSession(url.replace('ws', 'http'))
  t.teardown(() => session.destroy())
  for (const path of ['/echo', '/echo']) {
    t.equal((await failure(connect(session, { path }))).code, 'FST_WS_NO_EXTENDED_CONNECT')
  }
})

void t.test('a destroyed session is the error ERR_HTTP2_INVALID_SESSION', async (t) => {
  const { url } = await serve(t, H2C)
  const session = openSession(url.replace('ws', 'http'))
  await nextText(connect(session, { path: '/echo' }))
  session.destroy()
  t.match(await failure(connect(session, { path: '/echo' })), { code: 'ERR_HTTP2_INVALID_SESSION' })
})

void t.test('the session of a URL closes after close() and terminate() of its socket', async (t) => {
  const { app, url } = await serve(t, H2C)
  for (const end of ['close', 'terminate'] as const) {
    const [[session], socket] = await Promise.all([once(app.server, 'session'), opened(url, { http: '2' })])
    const ended = once(session, 'close')
    socket[end]()
    await ended
  }
})

void t.test('the CONNECT has the fields of RFC 8441 and those of the options, and none of HTTP/1.1', async (t) => {
  const seen: IncomingHttpHeaders[] = []
  const url = await serveBare(t, (stream, headers) => {
    seen.push(Object.fromEntries(Object.entries(headers)))
    stream.respond({ 'sec-websocket-protocol': 'b' })
  })
  const { host } = new URL(url)
  const socket = await opened(`${url.replace('//', '//user:pass@')}/room?q=1`, {
    http: '2',
    protocols: ['a', 'b'],
    origin: 'https://example.org',
    headers: { cookie: 'x=1', 'X-Many': ['1', '2'] },
    perMessageDeflate: false
  })
  t.equal(socket.protocol, 'b')
  t.same(seen, [{
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': host,
    ':path': '/room?q=1',
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'a,b',
    origin: 'https://example.org',
    authorization: `Basic ${btoa('user:pass')}`,
    cookie: 'x=1',
    'x-many': '1, 2'
  }])
})

void t.test('a session sends its own :authority, or the Host field of the option headers', async (t) => {
  const seen: unknown[] = []
  const url = await serveBare(t, (stream, headers) => {
    seen.push(headers[':authority'])
    stream.respond()
  })
  const session = openSession(url.replace('ws', 'http'))
  t.teardown(() => session.destroy())
  await once(connect(session), 'open')
  await once(connect(session, { headers: { host: 'example.org' } }), 'open')
  t.same(seen, [new URL(url).host, 'example.org'])
})

void t.test('a message in the same packet as the response is received', async (t) => {
  const url = await serveBare(t, (stream) => {
    stream.session!.socket.cork()
    stream.respond()
    stream.write(wsFrame(1, 'early', { masked: false }))
    setImmediate(() => stream.session!.socket.uncork())
  })
  const socket = await opened(url, { http: '2' })
  t.equal(await nextText(socket), 'early')
})

void t.test('messages of the client are masked, in DATA frames of its stream', async (t) => {
  let received = Buffer.alloc(0)
  const url = await serveBare(t, (stream) => {
    stream.respond()
    stream.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length === wsText('hello').length) stream.emit('all')
    })
    stream.once('all', () => stream.write(wsFrame(1, 'got it', { masked: false })))
  })
  const socket = await opened(url, { http: '2' })
  socket.send('hello')
  t.equal(await nextText(socket), 'got it')
  t.match(readWsFrames(received)[0], [{ opcode: 1, masked: true, payload: Buffer.from('hello') }])
})

void t.test('terminate() sends RST_STREAM with CANCEL, and close() ends the stream', async (t) => {
  const ends: unknown[] = []
  const url = await serveBare(t, (stream) => {
    stream.respond()
    stream.on('data', () => stream.end(wsFrame(8, Buffer.from([0x03, 0xe8]), { masked: false })))
    stream.on('close', () => { ends.push(stream.rstCode); stream.session?.emit('end of stream') })
  })
  const session = openSession(url.replace('ws', 'http'))
  t.teardown(() => session.destroy())
  for (const end of ['terminate', 'close'] as const) {
    const socket = connect(session)
    await once(socket, 'open')
    socket[end]()
    await closed(socket)
    await new Promise<void>((resolve) => session.ping(() => resolve()))
  }
  t.same(ends, [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR])
})

void t.test('a refusal is emitted as "unexpected-response" with its status, headers and body, or as "error"', async (t) => {
  const url = await serveBare(t, (stream) => {
    stream.respond({ ':status': 403, 'x-why': 'no', 'set-cookie': ['a=1', 'b=2'] })
    stream.end('go away')
  })
  const socket = connect(url, { http: '2' })
  socket.on('error', () => {})
  const [request, response] = await once(socket, 'unexpected-response')
  t.equal(response.statusCode, 403)
  t.match(response.headers, { 'x-why': 'no', 'set-cookie': ['a=1', 'b=2'] })
  t.equal((await response.toArray()).join(''), 'go away')
  request.destroy()

  t.match(await failure(connect(url, { http: '2' })), {
    name: 'Error',
    code: 'FST_WS_UNEXPECTED_RESPONSE',
    message: 'Unexpected server response: 403',
    statusCode: 403,
    headers: { 'x-why': 'no', 'set-cookie': ['a=1', 'b=2'] }
  })
})

void t.test('with http: "2" a server that speaks HTTP/1.1 only is the error FST_WS_NO_EXTENDED_CONNECT, with its cause', async (t) => {
  const { url } = await serve(t, H1)
  t.match(await failure(connect(url, { http: '2' })), {
    code: 'FST_WS_NO_EXTENDED_CONNECT', cause: { code: 'ERR_HTTP2_ERROR' }
  })
  const tls = await serve(t, H1_TLS)
  t.match(await failure(connect(tls.url, { http: '2', ...NO_CHECK })), {
    code: 'FST_WS_NO_EXTENDED_CONNECT', cause: { message: /^ALPN selected/ }
  })
})

void t.test('the arguments may be those of ws\'s constructor: (url, protocols, options)', async (t) => {
  const { url } = await serve(t, H2_TLS)
  t.equal(await nextText(connect(url, [], NO_CHECK)), '2.0')
  const socket = connect(new URL(url), ['chat', 'other'], NO_CHECK)
  t.equal(await nextText(socket), '2.0')
  t.equal(socket.protocol, 'chat')

  const session = openSession(url.replace('wss', 'https'), NO_CHECK)
  t.teardown(() => session.destroy())
  const stream = connect(session, 'chat', { path: '/echo' })
  t.equal(await nextText(stream), '2.0')
  t.equal(stream.protocol, 'chat')

  t.throws(() => connect(url, 'chat', { protocols: 'chat' } as object), {
    code: 'FST_WS_INVALID_OPTION', message: /^option "protocols" must be absent: the subprotocols are the second argument/
  })
  t.throws(() => connect(url, 'a b'), SyntaxError)
  t.throws(() => connect(url, 7 as never), { code: 'FST_WS_INVALID_OPTION' })
})

void t.test('a stream reset or a lost connection during the handshake is an error', async (t) => {
  const reset = await serveBare(t, (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
  t.match(await failure(connect(reset, { http: '2' })), { code: 'ERR_HTTP2_STREAM_ERROR', message: /REFUSED_STREAM/ })
  const gone = await serveBare(t, (stream) => stream.session!.destroy())
  t.equal((await failure(connect(gone, { http: '2' }))).code, 'ECONNRESET')

  const listener = createServer((connection) => connection.destroy())
  t.teardown(() => listener.close())
  const port = await portOf(listener)
  t.type(await failure(connect(`ws://127.0.0.1:${port}`, { http: '2' })), Error)
  t.type(await failure(connect(`wss://127.0.0.1:${port}`)), Error)
})

void t.test('a port without a listener is the error ECONNREFUSED', async (t) => {
  const listener = createServer()
  const port = await portOf(listener)
  await new Promise((resolve) => listener.close(resolve))
  for (const options of [{}, { http: '2' }] as const) {
    t.equal((await failure(connect(`wss://127.0.0.1:${port}`, options))).code, 'ECONNREFUSED')
    t.equal((await failure(connect(`ws://127.0.0.1:${port}`, options))).code, 'ECONNREFUSED')
  }
})

void t.test('a certificate that cannot be verified is an error', async (t) => {
  const { url } = await serve(t, H2_TLS)
  t.match((await failure(connect(url))).code, /CERT/)
})

void t.test('handshakeTimeout includes connecting, the TLS handshake and the response', async (t) => {
  const mute = createServer()
  t.teardown(() => mute.close())
  const connections = new Set<{ destroy: () => void }>()
  mute.on('connection', (connection) => connections.add(connection))
  const port = await portOf(mute)
  const hesitant = await serveBare(t, () => {})

  const options = { http: '2', handshakeTimeout: 100 } as const
  for (const url of [`ws://127.0.0.1:${port}`, `wss://127.0.0.1:${port}`, hesitant]) {
    t.equal((await failure(connect(url, options))).message, 'Opening handshake has timed out')
  }
  for (const connection of connections) connection.destroy()
})

void t.test('handshakeTimeout applies to a connection that is open already, and to one of an agent', async (t) => {
  const mute = createServer((connection) => { t.teardown(() => connection.destroy()) })
  t.teardown(() => mute.close())
  const port = await portOf(mute)
  const openConnection = async (): Promise<() => Socket> => {
    const connection = connectTcp(port, '127.0.0.1')
    await once(connection, 'connect')
    return () => connection
  }
  const agent = new Agent()
  agent.createConnection = await openConnection()
  for (const options of [{ http: '1.1', createConnection: await openConnection() }, { agent }] as const) {
    const socket = connect(`ws://127.0.0.1:${port}`, { handshakeTimeout: 50, ...options })
    t.equal((await failure(socket)).message, 'Opening handshake has timed out')
  }
})

void t.test('handshakeTimeout applies to a server that sends one response of 1xx after the other', async (t) => {
  const chatty = createServer((connection) => {
    const timer = setInterval(() => connection.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 10)
    connection.on('error', () => {}).on('close', () => clearInterval(timer))
  })
  t.teardown(() => chatty.close())
  const over2 = await serveBare(t, (stream) => {
    const timer = setInterval(() => stream.additionalHeaders({ ':status': 103 }), 10)
    stream.on('close', () => clearInterval(timer))
  })
  const over1 = `ws://127.0.0.1:${await portOf(chatty)}`
  for (const [url, http] of [[over1, '1.1'], [over2, '2']] as const) {
    const socket = connect(url, { handshakeTimeout: 100, http })
    t.equal((await failure(socket)).message, 'Opening handshake has timed out')
  }
})

void t.test('terminate() and close() during the handshake cancel the request', async (t) => {
  const asking = new EventEmitter()
  const url = await serveBare(t, (stream, headers) => asking.emit('stream', stream, headers))
  const asked = once(asking, 'stream')
  const session = openSession(url.replace('ws', 'http'))
  t.teardown(() => session.destroy())

  const socket = connect(session, { path: '/early' })
  socket.terminate()
  t.match((await failure(socket)).message, /closed before the connection was established/)

  const late = connect(session, { path: '/late' })
  const [stream, { ':path': path }] = await asked
  t.equal(path, '/late', 'the first socket has sent no request')
  const reset = new Promise((resolve) => stream.once('close', resolve))
  late.close()
  await failure(late)
  await reset
  t.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
})

void t.test('with followRedirects a redirect to another server is followed', async (t) => {
  const { url } = await serve(t, H2C)
  const redirecting = await serveBare(t, (stream) => stream.respond({ ':status': 302, location: url }, { endStream: true }))
  const socket = connect(redirecting, { http: '2', followRedirects: true })
  t.equal(await nextText(socket), '2.0')
  t.equal(socket.url, url)
})

void t.test('createConnection may return or call back a connection, and finishRequest may change the request later', async (t) => {
  const { url } = await serve(t, H2_TLS)
  const { port } = new URL(url)
  t.equal(await nextText(connect('wss://example.org/echo', {
    createConnection: ({ ALPNProtocols }) => connectTls({ port: Number(port), host: '127.0.0.1', ALPNProtocols, ...NO_CHECK })
  })), '2.0')

  const seen: unknown[] = []
  const bare = await serveBare(t, (stream, headers) => {
    seen.push(headers['x-late'])
    stream.respond()
  })
  const connected: string[] = []
  await opened(bare, {
    http: '2',
    createConnection (options, done) {
      connected.push(Object.keys(options).includes('host') ? 'by callback' : 'without a host')
      const connection = connectTcp(Number(new URL(bare).port), '127.0.0.1', () => done(null, connection))
      return undefined
    },
    finishRequest (request) {
      setTimeout(() => {
        request.setHeader('x-late', 'token')
        request.end()
      }, 20)
    }
  })
  t.same(seen, ['token'])
  t.same(connected, ['by callback'])
})

void t.test('a ws+unix: URL connects to a Unix domain socket, over either HTTP version', async (t) => {
  // Not testdir(), which contains the title: the path of a socket has at most 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'socket')
  for (const [transport, http, version] of [[H1, undefined, '1.1'], [H2C, '2', '2.0']] as const) {
    const app: FastifyInstance = fastify(transport.server)
    await app.register(websocket)
    app.get('/echo', { websocket: true }, (socket, request) => { socket.send(request.raw.httpVersion) })
    await app.listen({ path })
    t.equal(await nextText(connect(`ws+unix:${path}:/echo`, { http })), version)
    await app.close()
  }
})

const hasIPv6 = Object.values(networkInterfaces()).flat().some((each) => each?.family === 'IPv6')

void t.test('the URL may have an IPv6 address', { skip: !hasIPv6 && 'this machine has no IPv6 address' }, async (t) => {
  const { app } = await serve(t, H2C)
  const server = createServer((connection) => { app.server.emit('connection', connection) })
  t.teardown(() => server.close())
  await once(server.listen(0, '::1'), 'listening')
  t.equal(await nextText(connect(`ws://[::1]:${await portOf(server)}/echo`, { http: '2' })), '2.0')
})

void t.test('a socket has bufferedAmount and writableNeedDrain, and sendLimit applies only if it is set', async (t) => {
  const url = await serveBare(t, (stream) => stream.respond())
  const free = await opened(url, { http: '2' })
  const limited = await opened(url, { http: '2', sendLimit: 1000, slowConsumer: 'drop' })
  for (const socket of [free, limited]) socket.send(Buffer.alloc(32 * 1024 * 1024))
  t.equal(free.writableNeedDrain, true)
  t.ok(free.bufferedAmount > 1000)

  const refused = await new Promise<Error | undefined>((resolve) => limited.send('more', resolve))
  t.match(refused, { code: 'FST_WS_SLOW_CONSUMER' })
  for (const socket of [free, limited]) socket.terminate()
})

void t.test('an invalid or unknown option, subprotocol or URL throws', async (t) => {
  t.throws(() => connect('ws://localhost', { http: '3' as never }), {
    code: 'FST_WS_INVALID_OPTION', message: 'option "http" must be "1.1" or "2", got "3"'
  })
  t.throws(() => connect('ws://localhost', { sendLimit: -1 }), { code: 'FST_WS_INVALID_OPTION' })
  t.throws(() => connect('ws://localhost', { path: '/' } as object), { code: 'FST_WS_INVALID_OPTION' })
  t.throws(() => connect('ws://localhost', { maxPayLoad: 1 } as object), /did you mean "maxPayload"\?$/)
  t.throws(() => connect('ws://localhost', { protocols: ['a b'] }), SyntaxError)
  t.throws(() => connect('nonsense'), SyntaxError)
  t.throws(() => connect('ftp://localhost'), SyntaxError)
})

async function opened (url: string, options: ConnectOptions): Promise<WebSocket> {
  const socket = connect(url, options)
  await once(socket, 'open')
  return socket
}
