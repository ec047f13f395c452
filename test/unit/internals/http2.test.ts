import { EventEmitter, once } from 'node:events'
import { maxHeaderSize } from 'node:http'
import { connect, constants, createSecureServer, createServer } from 'node:http2'
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import { injectConnection } from '../../../lib/internals/http1.ts'
import {
  allowsHttp1, clearSessionTimeout, forgetEndStream, guardDestroy, isBadPreface, isProtocolMismatch, onConnect,
  onSession, readMaxHeaderSize, readServerOptions
} from '../../../lib/internals/http2.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { FrameClient, NO_WINDOW } from '../../helpers/h2-frames.ts'
import { MIB } from '../../helpers/sizes.ts'
import { openFrameStream } from '../../helpers/stream-pair.ts'
import { waitTurns } from '../../helpers/waiting.ts'

async function listen (t: Test, server: Http2Server | Http2SecureServer): Promise<number> {
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

void t.test('forgetEndStream: close(code) sends RST_STREAM without END_STREAM', async (t) => {
  const [stream, client] = await openFrameStream(t)
  stream.respond()
  t.type((stream as unknown as { _final: unknown })._final, 'function', 'Node ends a stream in _final')
  forgetEndStream(stream)
  stream.close(constants.NGHTTP2_CANCEL)
  t.same(await client.untilReset(1), ['HEADERS', 'RST_STREAM CANCEL'])
})

void t.test('forgetEndStream: without it Node sends END_STREAM first', async (t) => {
  const [stream, client] = await openFrameStream(t)
  stream.respond()
  stream.close(constants.NGHTTP2_CANCEL)
  const received = await client.untilEnd(1)
  t.same(received.slice(0, 2), ['HEADERS', 'DATA END_STREAM'], 'if this fails, forgetEndStream can be removed')
})

void t.test('clearSessionTimeout: clears the timer that Node leaves running after a session has closed', async (t) => {
  const server = createServer()
  const opened = once(server, 'session')
  const client = connect(`http://127.0.0.1:${await listen(t, server)}`)
  const [session] = await opened
  session.setTimeout(60_000)
  const closed = once(session, 'close')
  client.close()
  await closed

  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'timeout')!
  t.equal(session[symbol]._destroyed, false, 'if this fails, Node clears it and clearSessionTimeout can be removed')
  clearSessionTimeout(session)
  t.equal(session[symbol]._destroyed, true)
})

for (const secure of [false, true]) {
  void t.test(`onSession: reports each session with its connection${secure ? ', over TLS' : ''}`, async (t) => {
    const server = secure ? createSecureServer(await createCertificate()) : createServer()
    const reported: Array<[session: Http2Session, connection: Duplex]> = []
    const stop = onSession(server, (session, connection) => reported.push([session, connection]))
    const origin = `${secure ? 'https' : 'http'}://127.0.0.1:${await listen(t, server)}`
    const open = async (): Promise<void> => {
      const client = connect(origin, { rejectUnauthorized: false })
      t.teardown(() => client.destroy())
      await once(client, 'remoteSettings')
    }

    await Promise.all([open(), open(), open()])
    t.equal(reported.length, 3)
    for (const [session, connection] of reported) {
      t.equal((connection as Socket).remotePort, session.socket.remotePort)
      t.not(connection, session.socket)
      t.throws(() => session.socket.end(), { code: 'ERR_HTTP2_NO_SOCKET_MANIPULATION' })
    }
    t.equal(new Set(reported.map(([, connection]) => connection)).size, 3)

    const [[session, connection]] = reported as [[Http2Session, Duplex]]
    const closed = once(session, 'close')
    connection.destroy()
    await closed
    stop()
    await open()
    t.equal(reported.length, 3)
  })
}

void t.test('onSession: connections of HTTP/1.1 between two sessions are not taken for theirs', async (t) => {
  const server = createSecureServer({ ...await createCertificate(), allowHTTP1: true })
  const connections: Duplex[] = []
  onSession(server, (_session, connection) => connections.push(connection))
  const port = await listen(t, server)
  const ports: Array<number | undefined> = []
  for (const protocol of ['h2', 'http/1.1', 'h2']) {
    const accepted = once(server, 'secureConnection')
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] })
    t.teardown(() => client.destroy())
    await Promise.all([accepted, once(client, 'secureConnect')])
    if (protocol === 'h2') ports.push(client.localPort)
  }
  t.same(connections.map((connection) => (connection as Socket).remotePort), ports)
})

/** Sends a CONNECT in memory, and returns the function that ends its session. */
async function sendConnect (server: Http2Server): Promise<() => void> {
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'h2')
  const session = connect('http://localhost', { createConnection: () => client })
  session.request({ ':method': 'CONNECT', ':authority': 'example.org:80' }).on('error', () => {}).resume()
  await new Promise((resolve) => session.ping(resolve))
  return () => session.destroy()
}

void t.test('onConnect: reports a CONNECT over HTTP/2 as a request, until it is stopped', async (t) => {
  const server = createServer()
  const urls: unknown[] = []
  const stop = onConnect(server, ({ headers, stream, httpVersionMajor }) => {
    urls.push([headers[':authority'], httpVersionMajor])
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const end = await sendConnect(server)
  t.same(urls, [['example.org:80', 2]])
  end()
  stop()
  const endLater = await sendConnect(server)
  t.equal(urls.length, 1)
  endLater()
})

void t.test('onConnect: Node emits \'connect\' only on a server that has had a listener for \'request\'', async (t) => {
  const server = createServer().on('connect', () => t.fail('if this fails, onConnect needs no other listener'))
  const end = await sendConnect(server)
  end()
})

void t.test('onConnect: a server without other listeners serves no requests', async (t) => {
  const server = createServer()
  onConnect(server, () => {})
  t.equal(server.listenerCount('request'), 1)
  server.emit('request', {}, {})
  t.equal(server.listenerCount('request'), 0)
  const other = createServer(() => {})
  onConnect(other, () => {})
  t.equal(other.listenerCount('request'), 1, 'a listener of the user is enough')
})

void t.test('onConnect: reports a CONNECT over HTTP/1.1 with its connection', async (t) => {
  const server = createSecureServer({ ...await createCertificate(), allowHTTP1: true })
  onConnect(server, ({ httpVersion, url }, connection) => { connection.end(`${httpVersion} ${url}`) })
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'http/1.1')
  client.write('CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n')
  t.equal(String((await once(client, 'data'))[0]), '1.1 example.org:80')
  client.destroy()
})

void t.test('readServerOptions: returns the options of createServer(), with the settings of updateSettings()', async (t) => {
  const options = { settings: { maxConcurrentStreams: 77 }, maxSessionMemory: 20 }
  for (const server of [createServer(options), createSecureServer(options)]) {
    t.match(readServerOptions(server), options)
    server.updateSettings({ initialWindowSize: 100_000 })
    t.match(readServerOptions(server).settings, { maxConcurrentStreams: 77, initialWindowSize: 100_000 })
  }
  t.equal(readServerOptions(createServer()).maxSessionMemory, undefined)
  t.notOk('maxConcurrentStreams' in readServerOptions(createServer()).settings!)
  t.same(readServerOptions({} as Http2Server), {})
})

for (const [memory, refused] of [[1, true], [3, false]] as const) {
  void t.test(`readServerOptions: a maxSessionMemory of ${memory} MB that is set later applies to new sessions`, async (t) => {
    const server = createServer({ maxSessionMemory: 2 })
    readServerOptions(server).maxSessionMemory = memory
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond()
      stream.write(Buffer.alloc(2 * MIB))
    })
    const client = await FrameClient.open(await listen(t, server), NO_WINDOW)
    t.teardown(() => client.destroy())
    client.get(1, '/')
    await client.response(1)
    await client.roundTrip()
    client.get(3, '/')
    if (refused) t.same(await client.untilReset(3), ['RST_STREAM ENHANCE_YOUR_CALM'])
    else t.ok(await client.response(3))
  })
}

void t.test('readMaxHeaderSize: returns the limit that the server has over HTTP/1.1, or else that of the process', async (t) => {
  t.equal(readMaxHeaderSize(createServer()), maxHeaderSize)
  const limit = 3 * maxHeaderSize
  const server = createSecureServer({
    ...await createCertificate(), allowHTTP1: true, maxHeaderSize: limit
  } as object, (_request, response) => { response.end() })
  const statuses = []
  for (const size of [2 * maxHeaderSize, limit]) {
    const [client, connection] = createLoopback()
    injectConnection(server, connection, 'http/1.1')
    client.write(`GET / HTTP/1.1\r\nHost: localhost\r\nx-large: ${'x'.repeat(size)}\r\n\r\n`)
    statuses.push(String((await once(client, 'data'))[0]).split(' ')[1])
    client.destroy()
  }
  const isRead = Number.parseInt(process.versions.node) >= 24
  t.same(statuses, [isRead ? '200' : '431', '431'])
  t.equal(readMaxHeaderSize(server), isRead ? limit : maxHeaderSize)
})

void t.test('guardDestroy: a session is destroyed after the write that is pending', async (t) => {
  const writes = new EventEmitter()
  const connection = new Duplex({ read () {}, write: (_chunk, _encoding, done) => { writes.emit('write', done) } })
  const writing = once(writes, 'write')
  const guard = guardDestroy(connection)
  const session = connect('http://localhost', { createConnection: () => connection })
  guard(session)
  const [done] = await writing
  session.destroy()
  session.destroy()
  await waitTurns()
  t.equal(session.destroyed, false)

  const closed = once(session, 'close')
  writes.on('write', (done) => done())
  done()
  await closed
  t.equal(session.destroyed, true)
})

void t.test('guardDestroy: a session is destroyed with its connection, even if a write is pending', async (t) => {
  const connection = new Duplex({ read () {}, write () {} })
  const guard = guardDestroy(connection)
  const session = connect('http://localhost', { createConnection: () => connection })
  guard(session)
  await waitTurns()
  session.destroy()
  const closed = once(session, 'close')
  connection.destroy()
  await closed
  t.equal(session.destroyed, true)
})

void t.test('guardDestroy: the callbacks of write() are called, with and without an encoding', async (t) => {
  const written: unknown[] = []
  const connection = new Duplex({ read () {}, write (chunk, _encoding, done) { written.push(String(chunk)); done() } })
  guardDestroy(connection)
  await new Promise((resolve) => connection.write('a', resolve))
  await new Promise((resolve) => connection.write('c2U=', 'base64', resolve))
  t.equal(connection.write('b'), true)
  t.same(written, ['a', 'se', 'b'])
})

void t.test('allowsHttp1: returns the option of the server', async (t) => {
  for (const allowHTTP1 of [true, false, undefined]) {
    t.equal(allowsHttp1(createSecureServer({ allowHTTP1: allowHTTP1 as boolean })), allowHTTP1 === true)
  }
  t.equal(allowsHttp1(createServer()), false)
})

for (const ALPNProtocols of [['http/1.1'], ['http/1.0', 'another']]) {
  void t.test(`isProtocolMismatch: true for the error of a client that offers ${ALPNProtocols.join()}`, async (t) => {
    const server = createSecureServer(await createCertificate())
    const client = connectTls({ port: await listen(t, server), rejectUnauthorized: false, ALPNProtocols })
    client.on('error', () => {})
    const [error] = await once(server, 'tlsClientError')
    t.equal(isProtocolMismatch(error), true)
  })
}

void t.test('isProtocolMismatch: false for the error of a client without TLS', async (t) => {
  const server = createSecureServer(await createCertificate())
  const client = connectTcp(await listen(t, server), '127.0.0.1').on('error', () => {})
  client.write('GET / HTTP/1.1\r\n\r\n')
  const [error] = await once(server, 'tlsClientError')
  t.equal(isProtocolMismatch(error), false)
})

for (const [text, expected] of [
  ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', true],
  [`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\0'.repeat(5)}\xff${'\0'.repeat(3)}`, false]
] as const) {
  void t.test(`isBadPreface: ${expected} for the error of ${JSON.stringify(text.slice(0, 14))}, with all bytes counted`, async (t) => {
    const server = createServer()
    let connection: Socket | undefined
    server.on('connection', (socket) => { connection = socket })
    const client = connectTcp(await listen(t, server), '127.0.0.1').on('error', () => {})
    client.write(text, 'latin1')
    t.teardown(() => client.destroy())
    const [error] = await once(server, 'sessionError')
    t.equal(isBadPreface(error), expected)
    t.equal(connection!.bytesRead, text.length)
  })
}
