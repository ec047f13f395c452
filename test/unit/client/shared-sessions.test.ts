import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createSecureServer, createServer as createHttp2Server } from 'node:http2'
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { connect } from '../../../lib/client/index.ts'
import type { ConnectOptions, WebSocket } from '../../../lib/client/index.ts'
import { SharedSessions } from '../../../lib/client/shared-sessions.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { allClosed, waitTurns, waitUntil } from '../../helpers/waiting.ts'

const certificate = await createCertificate()
const OFFER = { enableConnectProtocol: true }

interface Parts {
  url: string
  port: number
  /** Sessions that the server has accepted. */
  sessions: ServerHttp2Session[]
  streams: ServerHttp2Stream[]
  connections: Socket[]
  open (options?: ConnectOptions): WebSocket
}

async function listen (t: Test, server: Server | Http2Server): Promise<Parts> {
  const parts = { sessions: [], streams: [], connections: [] } as unknown as Parts
  server.on('connection', (connection: Socket) => parts.connections.push(connection))
  server.on('session', (session) => parts.sessions.push(session))
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {}).respond({ ':status': 200 })
    parts.streams.push(stream)
  })
  t.teardown(() => {
    for (const connection of parts.connections) connection.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(parts, {
    port,
    url: `ws://127.0.0.1:${port}/`,
    open (options: ConnectOptions = {}) {
      const socket = connect(parts.url, { http: '2', session: 'shared', ...options })
      t.teardown(() => socket.terminate())
      return socket
    }
  })
}

const allOpen = async (sockets: WebSocket[]): Promise<unknown> => {
  return await Promise.all(sockets.map(async (socket) => await once(socket, 'open')))
}

void t.test('sockets that are opened at the same time, and later ones, share a session', async (t) => {
  const { open, sessions, connections } = await listen(t, createHttp2Server({ settings: OFFER }))
  await allOpen(Array.from({ length: 20 }, () => open()))
  await allOpen([open(), open({ headers: { 'x-a': 'b' }, maxPayload: 1, origin: 'http://a' })])
  t.equal(sessions.length, 1)
  t.equal(connections.length, 1)
})

void t.test('options of the connection are compared by value if they are bytes or lists, else by identity', async (t) => {
  const { open, sessions } = await listen(t, createHttp2Server({ settings: OFFER }))
  const lookup = (_host: string, _options: object, done: (...results: unknown[]) => void): void => done(null, '127.0.0.1', 4)
  const others = [
    { ca: Buffer.from('a') }, { ca: [Buffer.from('a')] }, { ca: 'a' }, { servername: 'b' }, { localAddress: '127.0.0.1' },
    { lookup }, { lookup: lookup.bind(null) }, { rejectUnauthorized: false }, { session: undefined }
  ]
  for (const [index, options] of others.entries()) {
    await allOpen([open(options as object)])
    t.equal(sessions.length, index + 1, JSON.stringify(options))
  }
  for (const options of [{ ca: Buffer.from('a') }, { ca: [Buffer.from('a')] }, { ca: 'a' }, { lookup }]) {
    await allOpen([open(options as object)])
    t.equal(sessions.length, others.length, JSON.stringify(options))
  }
})

void t.test('another session is opened when one has as many sockets as the server allows', async (t) => {
  const { open, sessions } = await listen(t, createHttp2Server({ settings: { ...OFFER, maxConcurrentStreams: 3 } }))
  const sockets = Array.from({ length: 8 }, () => open())
  await allOpen(sockets)
  t.equal(sessions.length, 3)
  sockets[0]!.terminate()
  await once(sockets[0]!, 'close')
  await waitTurns(5)
  await allOpen([open(), open()])
  t.equal(sessions.length, 3, 'the places of closed sockets are used again')
})

void t.test('after GOAWAY the open sockets stay, and new ones have another session', async (t) => {
  const { open, sessions, streams } = await listen(t, createHttp2Server({ settings: OFFER }))
  const first = open()
  await allOpen([first])
  sessions[0]!.close()
  first.send('x')
  await once(streams[0]!, 'data')
  const second = open()
  await allOpen([second])
  t.equal(sessions.length, 2)
  t.equal(first.readyState, first.OPEN)
})

void t.test('a session that was lost is replaced by the next socket', async (t) => {
  const { open, connections, sessions } = await listen(t, createHttp2Server({ settings: OFFER }))
  const first = open()
  await allOpen([first])
  connections[0]!.resetAndDestroy()
  await once(first, 'close')
  await allOpen([open()])
  t.equal(sessions.length, 2)
})

void t.test('a session without a socket closes after a while, unless another socket uses it', async (t) => {
  const { open, sessions } = await listen(t, createHttp2Server({ settings: OFFER }))
  const first = open()
  await allOpen([first])
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const terminate = async (socket: WebSocket): Promise<void> => {
    socket.terminate()
    await once(socket, 'close')
    await waitTurns(5)
  }
  await terminate(first)
  mock.timers.tick(4999)
  const second = open()
  await allOpen([second])
  mock.timers.tick(10_000)
  t.equal(sessions[0]!.closed, false)
  await terminate(second)
  mock.timers.tick(5000)
  await waitUntil(() => sessions[0]!.destroyed, 'the session is closed')
  t.equal(sessions.length, 1)
})

void t.test('one failure to connect is that of all sockets that wait for it', async (t) => {
  const server = createTcpServer()
  const { open, connections } = await listen(t, server)
  server.on('connection', (connection) => connection.on('error', () => {}).resetAndDestroy())
  const errors = await Promise.all(Array.from({ length: 5 }, async () => (await once(open(), 'error'))[0]))
  t.equal(new Set(errors).size, 1)
  t.equal(connections.length, 1)
})

void t.test('a server of HTTP/1.1 has a connection for each socket, and the first attempt is one of them', async (t) => {
  const server = createHttpsServer(certificate).on('upgrade', (_request, connection) => connection.end('HTTP/1.1 418 x\r\n\r\n'))
  const { port, connections } = await listen(t, server)
  const sockets = Array.from({ length: 4 }, () => {
    return connect(`wss://127.0.0.1:${port}`, { session: 'shared', rejectUnauthorized: false })
  })
  for (const error of await Promise.all(sockets.map(async (socket) => (await once(socket, 'error'))[0]))) {
    t.match(error, { statusCode: 418 })
  }
  t.equal(connections.length, 4)
})

void t.test('an HTTP/2 server without Extended CONNECT is asked once by sockets that are opened together', async (t) => {
  const server = createSecureServer({ ...certificate, allowHTTP1: true })
  server.on('upgrade', (_request, connection) => connection.end('HTTP/1.1 418 x\r\n\r\n'))
  const { port, sessions, connections } = await listen(t, server)
  const sockets = Array.from({ length: 4 }, () => {
    return connect(`wss://127.0.0.1:${port}`, { session: 'shared', rejectUnauthorized: false })
  })
  await Promise.all(sockets.map(async (socket) => await once(socket, 'error')))
  t.equal(sessions.length, 1)
  t.equal(connections.length, 5)
})

void t.test('over "ws:" without http: "2" the sockets use HTTP/1.1', async (t) => {
  const server = createHttpServer().on('upgrade', (_request, connection) => connection.end('HTTP/1.1 418 x\r\n\r\n'))
  const { open, connections } = await listen(t, server)
  const [[first], [second]] = await Promise.all([once(open({ http: undefined }), 'error'), once(open({ http: undefined }), 'error')])
  t.match([first, second], [{ statusCode: 418 }, { statusCode: 418 }])
  t.equal(connections.length, 2)
})

void t.test('an attempt continues while one socket waits for it, and is aborted with the last one', async (t) => {
  const { open, connections } = await listen(t, createTcpServer())
  const sockets = [open(), open()]
  for (const socket of sockets) socket.on('error', () => {})
  await waitUntil(() => connections.length === 1)
  const ended = once(connections[0]!.on('error', () => {}).resume(), 'close')
  sockets[0]!.terminate()
  await allClosed([sockets[0]!])
  t.equal(connections[0]!.destroyed, false)
  sockets[1]!.terminate()
  await ended
  t.equal(connections.length, 1)
  open().on('error', () => {})
  await waitUntil(() => connections.length === 2, 'a later socket connects again')
})

void t.test('a session whose server does not answer a handshake in time is tested before it is used again', async (t) => {
  const server = createHttp2Server({ settings: OFFER })
  const { open, sessions, connections, streams } = await listen(t, server)
  const first = open()
  await allOpen([first])
  server.removeAllListeners('stream').on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {})
    streams.push(stream)
  })
  connections[0]!.pause()
  const [error] = await once(open({ handshakeTimeout: 50 }), 'error')
  t.equal(error.message, 'Opening handshake has timed out')
  open().on('error', () => {})
  await waitUntil(() => sessions.length === 2, 'another session is opened')
})

void t.test('a socket that is terminated in the tick in which it was created does not connect', async (t) => {
  const { open, connections } = await listen(t, createTcpServer())
  // In a callback: after an await, the handshake would look for its session before the abort.
  const first = await new Promise<WebSocket>((resolve) => setImmediate(() => {
    const socket = open().on('error', () => {})
    socket.terminate()
    resolve(socket)
  }))
  await waitUntil(() => first.readyState === first.CLOSED)
  const second = open().on('error', () => {})
  await waitUntil(() => connections.length > 0)
  const ended = once(connections[0]!.on('error', () => {}).resume(), 'close')
  second.terminate()
  await ended
  t.equal(connections.length, 1, 'the attempt was that of the second socket alone')
})

void t.test('a session whose server lowers its limit to 0 is left, and one socket waits on a new one that has it', async (t) => {
  const server = createHttp2Server({ settings: OFFER })
  const { open, sessions } = await listen(t, server)
  const first = open()
  await allOpen([first])
  await setLimit(0, 0)
  first.terminate()
  await once(first, 'close')
  await allOpen([open()])
  t.equal(sessions.length, 2)

  server.prependOnceListener('session', (session) => session.settings({ ...OFFER, maxConcurrentStreams: 0 }))
  await setLimit(1, 0)
  const waiting = open()
  await waitUntil(() => sessions.length === 3)
  const opened = once(waiting, 'open')
  await setLimit(2, 1)
  await opened
  t.equal(sessions.length, 3)

  async function setLimit (session: number, maxConcurrentStreams: number): Promise<void> {
    await new Promise<void>((resolve) => {
      sessions[session]!.settings({ ...OFFER, maxConcurrentStreams }, () => resolve())
    })
  }
})

void t.test('find: rejects with the reason of its signal', async (t) => {
  const { port } = await listen(t, createTcpServer())
  const controller = new AbortController()
  const target = { isSecure: false, options: { host: '127.0.0.1', port }, only: '2' } as const
  const found = new SharedSessions().find(target, {}, controller.signal)
  controller.abort(new Error('stop'))
  await t.rejects(found, { message: 'stop' })
  await t.rejects(new SharedSessions().find(target, {}, controller.signal), { message: 'stop' })
})
