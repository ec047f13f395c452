import { once } from 'node:events'
import { createServer as createHttpServer, request as requestHttp } from 'node:http'
import { connect as openSession, createSecureServer, createServer as createHttp2Server } from 'node:http2'
import type { ClientHttp2Session, Http2Server, ServerHttp2Session } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { Socket, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { connectTransport, useSession } from '../../../lib/client/transport.ts'
import type { ConnectionRequest, CreateConnection, HandshakeTransport } from '../../../lib/client/transport.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { KEY } from '../../helpers/upgrade-request.ts'
import { waitUntil } from '../../helpers/waiting.ts'

const certificate = await createCertificate()
const OFFERED = { settings: { enableConnectProtocol: true } }
const NO_OFFER = { code: 'FST_WS_NO_EXTENDED_CONNECT' }

/** Starts a server, and returns the options that Node passes to `createConnection`. */
async function listen (t: Test, server: Server | Http2Server): Promise<ConnectionRequest> {
  const connections = new Set<Socket>()
  server.on('connection', (connection) => connections.add(connection))
  t.teardown(() => {
    for (const connection of connections) connection.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, rejectUnauthorized: false }
}

/** Opens a transport with the request of a handshake. */
function open (t: Test, transport: HandshakeTransport): Duplex {
  const request = requestHttp('http://localhost/path', {
    createConnection: () => undefined as never, headers: { 'sec-websocket-key': KEY, 'x-a': 'b' }
  })
  request.on('error', () => {})
  t.teardown(() => request.destroy())
  return transport.open(request)
}

void t.test('connectTransport: without TLS it is the TCP connection, which abort() destroys', async (t) => {
  const options = await listen(t, createHttpServer())
  const transport = await connectTransport({ isSecure: false, options })
  const connection = open(t, transport)
  t.type(connection, Socket)
  transport.abort()
  t.equal(connection.destroyed, true)
})

void t.test('connectTransport: with TLS it is the TLS connection if ALPN selects HTTP/1.1', async (t) => {
  const options = await listen(t, createHttpsServer(certificate))
  const connection = open(t, await connectTransport({ isSecure: true, options }))
  t.type(connection, TLSSocket)
  connection.destroy()
})

for (const secure of [false, true]) {
  const only = secure ? undefined : '2'
  void t.test(`connectTransport: ${secure ? 'with TLS' : 'with "2"'} it is a stream of an HTTP/2 session`, async (t) => {
    const server = secure ? createSecureServer({ ...certificate, ...OFFERED }) : createHttp2Server(OFFERED)
    const received = once(server, 'stream')
    const transport = await connectTransport({ isSecure: secure, options: await listen(t, server), only })
    open(t, transport).on('error', () => {})
    const [stream, headers] = await received
    t.match(headers, { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/path', 'x-a': 'b' })
    t.notOk('sec-websocket-key' in headers)
    const ended = once(stream.session, 'close')
    stream.close()
    await ended
  })
}

void t.test('connectTransport: abort() destroys the session that it has opened', async (t) => {
  const server = createHttp2Server(OFFERED)
  const opened = once(server, 'session')
  const transport = await connectTransport({ isSecure: false, options: await listen(t, server), only: '2' })
  const [session] = await opened
  const closed = once(session, 'close')
  transport.abort()
  await closed
})

void t.test('connectTransport: without Extended CONNECT it connects again, and offers HTTP/1.1 alone', async (t) => {
  const server = createSecureServer({ ...certificate, allowHTTP1: true })
  const protocols: unknown[] = []
  server.on('secureConnection', ({ alpnProtocol }) => protocols.push(alpnProtocol))
  const connection = open(t, await connectTransport({ isSecure: true, options: await listen(t, server) }))
  await waitUntil(() => protocols.length === 2, 'both connections are accepted')
  t.same(protocols, ['h2', 'http/1.1'])
  t.equal((connection as TLSSocket).alpnProtocol, 'http/1.1')
  connection.destroy()
})

const WITHOUT_OFFER: Array<[title: string, isSecure: boolean, create: () => Server | Http2Server]> = [
  ['ALPN selects HTTP/1.1', true, () => createHttpsServer(certificate)],
  ['an HTTP/2 server with TLS does not offer Extended CONNECT', true, () => createSecureServer(certificate)],
  ['an HTTP/2 server without TLS does not offer Extended CONNECT', false, () => createHttp2Server()]
]

for (const [title, isSecure, create] of WITHOUT_OFFER) {
  void t.test(`connectTransport: with "2" it rejects if ${title}, and ends the connection`, async (t) => {
    const server = create()
    const connected = once(server, 'connection')
    const options = await listen(t, server)
    await t.rejects(connectTransport({ isSecure, options, only: '2' }), {
      ...NO_OFFER, message: new RegExp(`^${isSecure ? 'https' : 'http'}://127\\.0\\.0\\.1:${options.port} does not offer`)
    })
    const [connection] = await connected
    if (!connection.destroyed) await once(connection, 'close')
  })
}

const HTTP1_ONLY: Array<[title: string, isSecure: boolean, create: () => Server, cause: object]> = [
  ['speaks HTTP/1.1 only', false, () => createHttpServer(), { code: 'ERR_HTTP2_ERROR' }],
  ['answers with an HTTP/1.1 400', false, () => createTcpServer((connection) => {
    connection.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  }), { code: 'ERR_HTTP2_ERROR' }],
  ['speaks another protocol', false, () => createTcpServer((connection) => {
    connection.on('error', () => {}).write('SSH-2.0-OpenSSH_10.0\r\n')
  }), { code: 'ERR_HTTP2_ERROR' }],
  ['closes the connection', false, () => createTcpServer((connection) => connection.destroy()), Error],
  ['resets the connection when it has read', false, () => createTcpServer((connection) => {
    connection.on('error', () => {}).once('data', () => connection.resetAndDestroy())
  }), { code: 'ECONNRESET' }],
  ['has no ALPN', true, () => createTlsServer(certificate), { message: 'ALPN selected no protocol in place of h2' }],
  ['selects HTTP/1.1', true, () => createHttpsServer(certificate), { message: 'ALPN selected http/1.1 in place of h2' }],
  ['answers in HTTP/1.1 although ALPN has selected HTTP/2', true, () => {
    return createTlsServer({ ...certificate, ALPNProtocols: ['h2'] }, (connection) => {
      connection.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
  }, { code: 'ERR_HTTP2_ERROR' }]
]

for (const [title, isSecure, create, cause] of HTTP1_ONLY) {
  void t.test(`connectTransport: with "2" it rejects with a cause if the server ${title}`, async (t) => {
    const options = await listen(t, create())
    await t.rejects(connectTransport({ isSecure, options, only: '2' }), { ...NO_OFFER, cause })
  })
}

void t.test('connectTransport: with "2" errors of the connection are not changed', async (t) => {
  const server = createTcpServer()
  const { port } = await listen(t, server)
  server.close()
  for (const isSecure of [false, true]) {
    await t.rejects(connectTransport({ isSecure, options: { host: '127.0.0.1', port }, only: '2' }), { code: 'ECONNREFUSED' })
  }
  const options = await listen(t, createSecureServer({ ...certificate, ...OFFERED }))
  const verifying = { ...options, rejectUnauthorized: true }
  await t.rejects(connectTransport({ isSecure: true, options: verifying, only: '2' }), { code: /CERT/ })
})

void t.test('connectTransport: with "2" the loss of an HTTP/2 session is not changed', async (t) => {
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const tcp = createTcpServer((connection) => {
    connection.on('error', () => {}).write(settings)
    // Until it has the ACK of the SETTINGS, the client might not have received them.
    let received = Buffer.alloc(0)
    connection.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.includes(Buffer.from([0, 0, 0, 4, 1]))) connection.resetAndDestroy()
    })
  })
  await t.rejects(connectTransport({ isSecure: false, options: await listen(t, tcp), only: '2' }), { code: 'ECONNRESET' })
})

void t.test('connectTransport: the origin in an error has an IPv6 address in brackets, or localhost', async (t) => {
  const { port } = await listen(t, createHttp2Server())
  const createConnection: CreateConnection = () => connectTcp(port, '127.0.0.1')
  for (const [host, origin] of [['::1', 'http://[::1]:80'], ['', 'http://localhost:80'], ['a.test', 'http://a.test:80']] as const) {
    const connected = connectTransport({ isSecure: false, options: { host, port: 80 }, createConnection, only: '2' })
    await connected.then(() => t.fail('it resolves'), (error) => {
      t.equal(error.message.split(' ')[0], origin)
    })
  }
})

// createConnection

void t.test('connectTransport: createConnection receives the options, with the protocols for ALPN', async (t) => {
  const { port } = await listen(t, createHttpServer())
  const received: ConnectionRequest[] = []
  const createConnection: CreateConnection = (options) => {
    received.push(options)
    return connectTcp(port, '127.0.0.1')
  }
  const transport = await connectTransport({ isSecure: false, options: { host: 'a.test', port: 80 }, createConnection })
  t.same(received, [{ host: 'a.test', port: 80, ALPNProtocols: ['h2', 'http/1.1'] }])
  transport.abort()
})

void t.test('connectTransport: createConnection may pass the connection to its callback', async (t) => {
  const { port } = await listen(t, createHttpServer())
  const own = connectTcp(port, '127.0.0.1')
  const createConnection: CreateConnection = (_options, done) => {
    setImmediate(done, null, own)
    return undefined
  }
  const transport = await connectTransport({ isSecure: false, options: { host: '', port }, createConnection })
  t.equal(open(t, transport), own)
  own.destroy()
})

const FAILING: Array<[title: string, createConnection: CreateConnection, message: string]> = [
  ['throws', () => { throw new Error('boom') }, 'boom'],
  ['calls back with an error', (_options, done) => { done(new Error('boom')); return undefined }, 'boom'],
  ['calls back without a connection', (_options, done) => { done(null); return undefined }, 'createConnection returned no connection']
]

for (const [title, createConnection, message] of FAILING) {
  void t.test(`connectTransport: rejects if createConnection ${title}`, async (t) => {
    await t.rejects(connectTransport({ isSecure: false, options: { host: '', port: 1 }, createConnection }), { message })
  })
}

void t.test('connectTransport: rejects if the TLS handshake fails', async (t) => {
  const options = await listen(t, createHttpsServer(certificate))
  const verifying = { ...options, rejectUnauthorized: true }
  await t.rejects(connectTransport({ isSecure: true, options: verifying }), { code: /CERT/ })
})

// Sessions of the user

interface UserSession {
  server: Http2Server
  session: ClientHttp2Session
  /** The server's end of the session. */
  accepted: Promise<[ServerHttp2Session]>
}

async function openUserSession (t: Test, options: object): Promise<UserSession> {
  const server = createHttp2Server(options)
  const { port } = await listen(t, server)
  const accepted = once(server, 'session') as Promise<[ServerHttp2Session]>
  const session = openSession(`http://127.0.0.1:${port}`).on('error', () => {})
  t.teardown(() => session.destroy())
  return { server, session, accepted }
}

void t.test('useSession: opens streams of the session, and leaves it open', async (t) => {
  const { server, session } = await openUserSession(t, OFFERED)
  server.on('stream', (stream) => stream.on('error', () => {}).close())
  for (let count = 0; count < 2; count++) {
    const transport = await useSession(session)
    const stream = open(t, transport).on('error', () => {})
    await once(stream, 'close')
    transport.abort()
    t.equal(session.closed, false)
  }
})

void t.test('useSession: rejects if the server does not offer Extended CONNECT, and leaves the session open', async (t) => {
  const { session } = await openUserSession(t, {})
  await t.rejects(useSession(session), { ...NO_OFFER, message: /^the server of the session does not offer/ })
  t.equal(session.closed, false)
})

void t.test('useSession: over TLS the error has the origin of the session', async (t) => {
  const { port } = await listen(t, createSecureServer(certificate))
  const session = openSession(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  await t.rejects(useSession(session), { message: new RegExp(`^https://127\\.0\\.0\\.1:${port} does not offer`) })
})

void t.test('useSession: one PING asks a session, however often it is used', async (t) => {
  const { session, accepted } = await openUserSession(t, {})
  let pings = 0
  const [accept] = await accepted
  accept.on('ping', () => { pings++ })
  await Promise.allSettled([useSession(session), useSession(session)])
  await t.rejects(useSession(session), NO_OFFER)
  t.equal(pings, 1)
})

void t.test('useSession: rejects if the session is destroyed while it connects', async (t) => {
  const { session } = await openUserSession(t, OFFERED)
  const used = useSession(session)
  session.destroy()
  await t.rejects(used, { message: 'the HTTP/2 session closed before its server answered' })
})

void t.test('useSession: rejects if the connection ends before the server has answered', async (t) => {
  const server = createTcpServer((connection) => connection.once('data', () => connection.destroy()))
  const { port } = await listen(t, server)
  const session = openSession(`http://127.0.0.1:${port}`).on('error', () => {})
  await t.rejects(useSession(session), Error)
})

void t.test('useSession: rejects for a session that is closed', async (t) => {
  const { session } = await openUserSession(t, OFFERED)
  await once(session, 'connect')
  session.destroy()
  await once(session, 'close')
  await t.rejects(useSession(session), { code: 'ERR_HTTP2_INVALID_SESSION' })
})
