import { EventEmitter, once } from 'node:events'
import { ServerResponse, createServer as createHttpServer, request as requestHttp } from 'node:http'
import { connect, constants, createSecureServer, createServer } from 'node:http2'
import type { ClientHttp2Stream, Http2Stream, ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { connect as connectTcp, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { createCertificate } from '../helpers/certificate.js'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { readSecondaryServers } from '../../lib/internals/fastify.ts'
import { injectConnection, narrowUpgrades, parseAgain, readResponse } from '../../lib/internals/http1.ts'
import { clearSessionTimeout, forgetEndStream, guardDestroy, readServerSettings } from '../../lib/internals/http2.ts'
import { hookMethods, fillsItsMemory, nodePush, nodeWrite, nodeWritev, readSendQueue } from '../../lib/internals/streams.ts'
import { hasReceiverFailed, overrideOptions, wsReceiverOf, sendsImmediately } from '../../lib/internals/ws.ts'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { guardReceiver } from '../../lib/frames/ws-receiver.ts'
import { BINARY, CLOSE, PING, PONG, TEXT, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { startServer } from '../helpers/test-server.ts'

/** A stream of a plain server, and its client's end. */
async function openStream (t: Test): Promise<[stream: ServerHttp2Stream, client: ClientHttp2Stream]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { session.destroy(); server.close() })

  const client = session.request({ ':method': 'POST' }, { endStream: false })
  client.on('error', () => {})
  const [stream] = await once(server, 'stream') as [ServerHttp2Stream]
  return [stream, client]
}

void t.test('forgetEndStream: close(code) of a stream is one RST_STREAM, and not END_STREAM first', async (t) => {
  const [stream, client] = await openStream(t)
  stream.respond()
  await once(client, 'response')
  t.type(stream, Object, 'the stream is there')
  t.type((stream as unknown as { _final: unknown })._final, 'function', 'Node ends a stream in _final')

  const aborted = once(client, 'aborted')
  forgetEndStream(stream)
  stream.close(constants.NGHTTP2_CANCEL)
  await aborted
  t.equal(client.rstCode, constants.NGHTTP2_CANCEL)
})

/** Hooks a stream, and returns what passes the hooks, in words. */
function record (stream: Http2Stream): string[] {
  const passed: string[] = []
  hookMethods(stream, {
    push (chunk) {
      passed.push(`push ${chunk}`)
      return nodePush(this, chunk)
    },
    _write (chunk, encoding, done) {
      passed.push(`write ${chunk}`)
      nodeWrite(this, chunk, encoding, done)
    },
    _writev (items, done) {
      passed.push(`write ${items.map(({ chunk }) => chunk)}`)
      nodeWritev(this, items, done)
    }
  })
  return passed
}

void t.test('hookStream: all that comes in and goes out passes the hooks, as often as Node hands it over', async (t) => {
  const [stream, client] = await openStream(t)
  const passed = record(stream)
  const passedByClient = record(client)
  stream.respond()
  stream.write('one')
  stream.write('two')
  stream.end('three')
  client.end('four')
  const received = (await Promise.all([stream.toArray(), client.toArray()])).map((chunks) => chunks.join(''))
  t.same(received, ['four', 'onetwothree'])
  t.same(passed.filter((each) => each.startsWith('write')), ['write one', 'write two,three'])
  t.same(passed.filter((each) => each.startsWith('push')).slice(0, 2), ['push four', 'push null'])
  t.same(passedByClient.filter((each) => each.startsWith('write')), ['write four'])
  t.match(passedByClient.filter((each) => each.startsWith('push')).join(), /^push one.*three,push null/)
})

/** Whether V8 has an object as a struct, and not as a dictionary. */
function isFast (object: object): boolean {
  setFlagsFromString('--allow-natives-syntax')
  return runInThisContext('(object) => %HasFastProperties(object)')(object)
}

void t.test('hookMethods: V8 keeps fast properties for the stream of a socket', async (t) => {
  const wire = await startServer(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  const [stream] = wire.streams
  t.ok(isFast(stream!))
  await expectEcho(client, 1, 'and now?')
  t.ok(isFast(stream!))
})

for (const secure of [false, true]) {
  void t.test(`readSendQueue: what a client has not taken yet of one write${secure ? ' over TLS' : ''}`, async (t) => {
    const server = secure ? createTlsServer(await createCertificate()) : createTcpServer()
    const accepted = once(server, secure ? 'secureConnection' : 'connection')
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const tcp = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    const client = secure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp
    const [connection] = await accepted
    t.teardown(() => { client.destroy(); connection.destroy(); server.close() })

    client.pause()
    const written = new Promise((resolve) => { connection.write(Buffer.alloc(32 * 1024 * 1024), resolve) })
    // Node 26 encrypts in a later turn.
    while (readSendQueue(connection)!.queued === 0) await new Promise((resolve) => setImmediate(resolve))
    const before = readSendQueue(connection)!
    client.resume()
    await written
    const after = readSendQueue(connection)!
    t.ok(after.accepted >= before.accepted + before.queued)
    t.equal(after.queued, 0)
  })
}

void t.test('readSendQueue: nothing is known of a connection that is not the system\'s', async (t) => {
  t.equal(readSendQueue(createLoopback()[0]), undefined)
})

void t.test('clearSessionTimeout: Node leaves the timer of a closed session running', async (t) => {
  const server = createServer()
  t.teardown(() => server.close())
  const opened = once(server, 'session')
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [session] = await opened
  session.setTimeout(60_000)
  const closed = once(session, 'close')
  client.close()
  await closed

  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'timeout')!
  t.equal(session[symbol]._destroyed, false, 'once this fails Node stops it, and clearSessionTimeout can go')
  clearSessionTimeout(session)
  t.equal(session[symbol]._destroyed, true)
})

/** The DATA chunks of two streams of one session, of which the second is sent some bytes by itself first. */
async function receiveChunks (t: Test): Promise<{ alone: Buffer, shared: Buffer[] }> {
  const wire = await startServer(t, addEcho)
  const client = await wire.client()
  for (const id of [1, 3]) await openEcho(client, id)
  const chunks: Buffer[] = []
  for (const stream of wire.streams) {
    hookMethods(stream, {
      push (chunk) {
        if (chunk !== null) chunks.push(chunk)
        return true
      }
    })
  }
  await client.roundTrip()
  client.data(3, Buffer.alloc(1000, 'a'))
  // A PING would be part of the same read.
  while (chunks.length === 0) await turn()
  client.batch(() => {
    client.data(1, Buffer.alloc(500, 'b'))
    client.data(3, Buffer.alloc(500, 'c'))
  })
  await client.roundTrip()
  const [alone, ...shared] = chunks
  return { alone: alone!, shared }
}

void t.test('isAlone: the memory of such a chunk is the header of its frame, and itself', async (t) => {
  const { alone, shared } = await receiveChunks(t)
  t.ok(fillsItsMemory(alone))
  t.equal(alone.byteOffset, 9)
  t.equal(alone.buffer.byteLength, 1009)
  // The type and the stream of an HTTP/2 frame: RFC 9113 section 4.1.
  t.strictSame(Buffer.from(alone.buffer as ArrayBuffer).subarray(0, 9), Buffer.of(0, 3, 232, 0, 0, 0, 0, 0, 3))

  t.equal(shared.length, 2)
  for (const chunk of shared) t.notOk(fillsItsMemory(chunk))
  t.equal(shared[0]!.buffer, shared[1]!.buffer, 'streams share what one read has brought')
})

void t.test('readServerSettings: the settings that a server was created with, and those it was given later', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 77 } })
  t.match(readServerSettings(server), { maxConcurrentStreams: 77 })
  server.updateSettings({ initialWindowSize: 100_000 })
  t.match(readServerSettings(server), { maxConcurrentStreams: 77, initialWindowSize: 100_000 })
  t.notOk('maxConcurrentStreams' in readServerSettings(createServer()))
})

void t.test('readSecondaryServers: the servers of the further addresses of localhost', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  t.same(readSecondaryServers(app), [])
  await app.listen({ port: 0, host: 'localhost' })
  t.equal(readSecondaryServers(app).length, app.addresses().length - 1)
})

void t.test('overrideOptions: a ws server with options of its own has all else in common', async (t) => {
  const server = new WebSocketServer({ noServer: true, maxPayload: 10 })
  const other = overrideOptions(server, new WebSocketServer({ ...server.options, maxPayload: 100 } as object).options)
  server.once('headers', (lines) => lines.push('x-from: the first'))

  const http = createHttpServer()
  http.on('upgrade', (request, socket, head) => {
    other.handleUpgrade(request, socket, head, (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data) => socket.send(data))
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(() => http.close())

  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
  const [[answer]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')])
  t.equal(answer.headers['x-from'], 'the first', 'its listeners are heard')
  t.equal(server.clients.size, 1, 'its clients are counted')
  client.send(Buffer.alloc(50))
  await once(client, 'message')

  let isClosed = false
  const end = new Promise<void>((resolve) => server.close(() => { isClosed = true; resolve() }))
  await new Promise(setImmediate)
  t.equal(isClosed, false, 'it waits for them')
  client.send(Buffer.alloc(101))
  t.equal((await once(client, 'close'))[0], 1009, 'the options are its own')
  await end
  await t.rejects(new Promise((_resolve, reject) => server.close(reject)), { message: 'The server is not running' })
})

/** A socket of ws on a connection of which the other end is ours. */
async function openSocket (): Promise<[socket: WebSocket, connection: Duplex, written: Buffer[]]> {
  const written: Buffer[] = []
  const connection = new Duplex({ read () {}, write (chunk, _encoding, done) { written.push(chunk); done() } })
  const headers = {
    connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  }
  const server = new WebSocketServer({ noServer: true })
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade({ method: 'GET', url: '/', headers } as never, connection as never, Buffer.alloc(0), resolve)
  })
  await new Promise(setImmediate)
  written.length = 0
  return [socket, connection, written]
}

void t.test('hasFailed: an error in what a peer sent is known before it is told', async (t) => {
  for (const wrong of [wsFrame(TEXT, Buffer.of(0xff)), wsFrame(TEXT, 'x', { rsv: 4 }), wsFrame(CLOSE, 'x')]) {
    const [socket, connection] = await openSocket()
    t.equal(hasReceiverFailed(socket), false)
    connection.push(Buffer.concat([wsText('right'), wsFrame(PING)]))
    t.equal(hasReceiverFailed(socket), false)
    const told = once(socket, 'error')
    connection.push(wrong)
    t.equal(hasReceiverFailed(socket), true)
    t.equal(socket.readyState, socket.OPEN)
    await told
    connection.destroy()
  }
})

/** What Writable passes to the receiver of a socket, whether or not an earlier chunk has failed. */
function writeToReceiver (socket: WebSocket, chunk: Buffer): Error | null | undefined {
  let result: Error | null | undefined
  wsReceiverOf(socket)._write(chunk, 'utf8', (error) => { result = error })
  return result
}

void t.test('wsReceiverOf: ws parses what follows an error, or throws; once it does neither, guardReceiver need not', async (t) => {
  const [broken] = await openSocket()
  t.match(writeToReceiver(broken, wsFrame(TEXT, Buffer.of(0xff))), { code: 'WS_ERR_INVALID_UTF8' })
  t.throws(() => writeToReceiver(broken, wsText('late')), TypeError)

  const [other] = await openSocket()
  const messages: string[] = []
  other.on('message', (data) => messages.push(String(data)))
  t.match(writeToReceiver(other, wsFrame(TEXT, '', { masked: false })), { code: 'WS_ERR_EXPECTED_MASK' })
  writeToReceiver(other, wsText('late'))
  t.same(messages, ['late'])
})

void t.test('wsReceiverOf: what follows an error is discarded once the receiver is guarded, which V8 keeps fast', async (t) => {
  const [socket] = await openSocket()
  guardReceiver(socket)
  const messages: string[] = []
  socket.on('message', (data) => messages.push(String(data)))
  writeToReceiver(socket, wsText('right'))
  t.match(writeToReceiver(socket, wsFrame(TEXT, Buffer.of(0xff))), { code: 'WS_ERR_INVALID_UTF8' })
  t.equal(writeToReceiver(socket, wsText('late')), undefined)
  t.same(messages, ['right'])
  t.ok(isFast(wsReceiverOf(socket)))
})

void t.test('wsReceiverOf: it emits what frames contain, as "message", "ping" and "pong"', async (t) => {
  const [socket, connection] = await openSocket()
  const receiver = wsReceiverOf(socket)
  const { emit } = receiver
  const events: unknown[] = []
  receiver.emit = (event, first, second) => {
    events.push([event, String(first), second])
    return emit.call(receiver, event, first, second)
  }
  connection.push(Buffer.concat([wsText('a'), wsFrame(BINARY, 'b'), wsFrame(PING, 'c'), wsFrame(PONG, 'd')]))
  t.same(events, [['message', 'a', false], ['message', 'b', true], ['ping', 'c', undefined], ['pong', 'd', undefined]])
})

void t.test('sendsAtOnce: not while a Blob is read, be it empty or that of a ping', async (t) => {
  const [socket, connection, written] = await openSocket()
  for (const send of [() => socket.send(new Blob([])), () => socket.ping(new Blob(['x']))]) {
    t.equal(sendsImmediately(socket), true)
    send()
    t.equal(sendsImmediately(socket), false)
    socket.send('after')
    t.equal(written.length, 0)
    await new Promise((resolve) => socket.pong('', false, resolve))
    t.equal(sendsImmediately(socket), true)
    written.length = 0
  }
  connection.destroy()
})

void t.test('injectConnection: a server of any kind serves what it is handed', async (t) => {
  const tls = await createCertificate()
  const serverOnRequest = (_request: unknown, response: { end: (text: string) => unknown }): void => { response.end('served') }

  for (const server of [createHttpServer(serverOnRequest), createHttpsServer(tls, serverOnRequest)]) {
    const [client, connection] = createLoopback()
    injectConnection(server, connection)
    const request = requestHttp('http://localhost', { createConnection: () => client }).end()
    const [response] = await once(request, 'response')
    t.equal((await response.toArray()).join(''), 'served')
  }
  for (const server of [createServer(serverOnRequest), createSecureServer(tls, serverOnRequest)]) {
    const [client, connection] = createLoopback()
    Object.assign(connection, { alpnProtocol: 'h2' })
    injectConnection(server, connection)
    const session = connect('http://localhost', { createConnection: () => client })
    t.equal((await session.request().toArray()).join(''), 'served')
    session.close()
  }
})

void t.test('guardDestroy: a session is not destroyed in the midst of a write, but right after it', async (t) => {
  const writes = new EventEmitter()
  const connection = new Duplex({ read () {}, write: (_chunk, _encoding, done) => { writes.emit('write', done) } })
  const writing = once(writes, 'write')
  const guard = guardDestroy(connection)
  const session = connect('http://localhost', { createConnection: () => connection })
  guard(session)
  const [done] = await writing
  session.destroy()
  session.destroy()
  await new Promise(setImmediate)
  t.equal(session.destroyed, false)

  const closed = once(session, 'close')
  writes.on('write', (done) => done())
  done()
  await closed
  t.equal(session.destroyed, true)
})

void t.test('guardDestroy: with its connection a session is gone, whatever was being written', async (t) => {
  const connection = new Duplex({ read () {}, write () {} })
  const guard = guardDestroy(connection)
  const session = connect('http://localhost', { createConnection: () => connection })
  guard(session)
  await new Promise(setImmediate)
  session.destroy()
  const closed = once(session, 'close')
  connection.destroy()
  await closed
  t.equal(session.destroyed, true)
})

const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n'

void t.test('narrowUpgrades: what is no upgrade is a request, until it is undone', {
  skip: Number(process.versions.node.split('.')[0]) < 22 ? 'Node 20 has nothing like it' : false
}, async (t) => {
  const tls = await createCertificate()
  const servers = [createHttpServer(), createHttpsServer(tls), createSecureServer({ ...tls, allowHTTP1: true })]
  for (const server of servers) {
    server.on('request', (_request, response) => { response.end('request') })
    server.on('upgrade', (_request, socket) => { socket.end('upgrade') })
    t.match(await ask(server), /upgrade$/)
    const undo = narrowUpgrades(server, ({ headers }) => headers.upgrade !== 'tea')
    t.match(await ask(server), /request$/)
    undo?.()
    t.match(await ask(server), /upgrade$/)
  }

  async function ask (server: typeof servers[number]): Promise<string> {
    const [client, connection] = createLoopback()
    Object.assign(connection, { alpnProtocol: 'http/1.1', server })
    injectConnection(server, connection)
    client.end(UPGRADE)
    return (await client.toArray()).join('')
  }
})

void t.test('parseAgain: a connection that was reported as an upgrade is one of requests again', async (t) => {
  const server = createHttpServer((request, response) => { response.end(`${request.url}`) })
  server.on('upgrade', (_request, socket, head) => {
    t.equal(String(head), 'GET /two')
    socket.unshift(Buffer.concat([Buffer.from('GET /one HTTP/1.1\r\nHost: x\r\n\r\n'), head]))
    setImmediate(parseAgain, server, socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const connections: unknown[] = []
  server.on('connection', (connection) => connections.push(connection))

  const client = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
  client.write(`${UPGRADE}GET /two`)
  t.match(String((await once(client, 'data'))[0]), /\/one$/)
  client.write(' HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(String((await once(client, 'data'))[0]), /\/two$/)
  t.equal(connections.length, 1, 'nobody hears of it as of another connection')

  server.closeIdleConnections()
  await once(client, 'close')
})

void t.test('readResponse: the response that has a connection, by its request', async (t) => {
  const server = createHttpServer()
  const asked = once(server, 'upgrade')
  const [client, connection] = createLoopback()
  injectConnection(server, connection)
  client.write(UPGRADE)
  const [request, socket] = await asked
  t.equal(readResponse(socket), undefined)
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  t.equal(readResponse(socket), response)
  t.equal(readResponse(socket)?.req, request)
  t.throws(() => new ServerResponse(request).assignSocket(socket as Socket), { code: 'ERR_HTTP_SOCKET_ASSIGNED' })
  response.detachSocket(socket as Socket)
  t.equal(readResponse(socket), undefined)
  client.destroy()
})
