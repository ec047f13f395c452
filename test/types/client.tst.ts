import { Agent } from 'node:http'
import type { ClientRequest } from 'node:http'
import { connect as openSession } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, PeerCertificate } from 'node:tls'
import { describe, expect, test } from 'tstyche'
import type { WebSocket as WsWebSocket } from 'ws'
import type * as names from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import type {
  ConnectOptions, ReconnectOptions, Reconnecting, ReconnectingConnectOptions, ReconnectingWebSocket,
  SessionConnectOptions, WebSocket
} from '../../lib/client/index.ts'

describe('connect()', () => {
  const session = openSession('https://localhost:8443')

  test('with a URL', async () => {
    const socket = connect('wss://localhost:8443/echo')
    expect(socket).type.toBe<WebSocket>()
    expect(socket).type.toBeAssignableTo<WsWebSocket>()
    expect(connect(new URL('/echo', 'ws://localhost'), { http: '2' })).type.toBe<WebSocket>()
    expect(connect).type.toBeCallableWith({} as string | URL)

    socket.on('open', () => socket.send('hello'))
    for await (const message of socket) expect(message).type.toBe<string | Buffer>()
    expect(socket.writableNeedDrain).type.toBe<boolean>()
  })

  test('with an HTTP/2 session', async () => {
    expect(connect(session)).type.toBe<WebSocket>()
    expect(connect(session, {})).type.toBe<WebSocket>()
    for await (const message of connect(session, { path: '/rooms/7?since=1', protocols: 'chat', maxPayload: 1024 })) {
      expect(message).type.toBe<string | Buffer>()
    }
  })

  test('with subprotocols before the options, like the constructor of ws', () => {
    const offered = ['chat.v2', 'chat.v1'] as const
    expect(connect('wss://localhost', 'chat')).type.toBe<WebSocket>()
    expect(connect(new URL('wss://localhost'), offered)).type.toBe<WebSocket>()
    expect(connect('wss://localhost', ['chat'], { ca: '', http: '2' })).type.toBe<WebSocket>()
    expect(connect('wss://localhost', undefined, { ca: '' })).type.toBe<WebSocket>()
    expect(connect(session, 'chat')).type.toBe<WebSocket>()
    expect(connect(session, offered, { path: '/rooms/7' })).type.toBe<WebSocket>()
    expect(connect).type.toBeCallableWith('wss://localhost', '' as string | string[])
  })

  test('with reconnect it returns another type of socket', async () => {
    expect(connect('wss://localhost', { reconnect: false })).type.toBe<WebSocket>()
    expect(connect('wss://localhost', { reconnect: true })).type.toBe<ReconnectingWebSocket>()
    expect(connect('wss://localhost', { reconnect: {} })).type.toBe<ReconnectingWebSocket>()
    expect(connect('wss://localhost', 'chat', { reconnect: true })).type.toBe<ReconnectingWebSocket>()
    expect(connect(new URL('wss://localhost'), ['chat'], { reconnect: true })).type.toBe<ReconnectingWebSocket>()
    const socket = connect('wss://localhost', {
      reconnect: { retries: Infinity, minDelay: 1000, maxDelay: 30_000, jitter: 0.5 },
      session: 'shared',
      heartbeat: 30_000,
      signal: new AbortController().signal
    })
    socket.on('reconnecting', (event) => {
      expect(event).type.toBe<Reconnecting>()
      expect(event.error).type.toBe<Error | undefined>()
    })
    socket.once('close', (code, reason) => {
      expect(code).type.toBe<number>()
      expect(reason).type.toBe<Buffer>()
    })
    socket.send('hello', { binary: false }, (error) => expect(error).type.toBe<Error | undefined>())
    for await (const message of socket) expect(message).type.toBe<string | Buffer>()
    expect(socket).type.not.toBeAssignableTo<WsWebSocket>()
    expect(socket).type.toBeAssignableTo<Pick<WebSocket, 'close' | 'send' | 'readyState' | 'writableNeedDrain'>>()
    expect(socket.httpVersion).type.toBe<'1.1' | '2' | undefined>()
  })

  test('with options that are declared separately it returns the socket of their type', () => {
    expect(connect('wss://localhost', {} as ConnectOptions)).type.toBe<WebSocket>()
    expect(connect('wss://localhost', {} as ReconnectingConnectOptions)).type.toBe<ReconnectingWebSocket>()
  })

  test('types exported by the plugin', () => {
    expect<names.ReconnectOptions>().type.toBe<ReconnectOptions>()
    expect<names.ReconnectingConnectOptions>().type.toBe<ReconnectingConnectOptions>()
    expect<names.ReconnectingWebSocket>().type.toBe<ReconnectingWebSocket>()
    expect<names.ConnectOptions>().type.toBe<ConnectOptions>()
    expect<names.SessionConnectOptions>().type.toBe<SessionConnectOptions>()
    expect<names.WebSocket>().type.toBe<WebSocket>()
  })

  test('all options', () => {
    connect('wss://localhost', {
      protocols: ['chat.v2', 'chat.v1'],
      http: '1.1',
      headers: { authorization: 'Bearer of tea', 'x-room': ['a', 'b'], 'x-none': undefined },
      origin: 'https://localhost',
      handshakeTimeout: 5000,
      closeTimeout: 5000,
      followRedirects: true,
      maxRedirects: 3,
      perMessageDeflate: { threshold: 1024 },
      maxPayload: 1024,
      maxBufferedChunks: 1024,
      maxFragments: 128,
      maxPendingAutoPongs: 10,
      autoPong: false,
      allowSynchronousEvents: false,
      skipUTF8Validation: true,
      generateMask: (mask) => { mask.fill(0) },
      protocolVersion: 13,
      localAddress: '127.0.0.1',
      family: 4,
      ca: [Buffer.from('')],
      cert: '',
      key: '',
      rejectUnauthorized: false,
      servername: 'localhost',
      checkServerIdentity (host, certificate) {
        expect(host).type.toBe<string>()
        expect(certificate).type.toBe<PeerCertificate>()
        return certificate.fingerprint256 === '' ? new Error(host) : undefined
      },
      agent: new Agent({ keepAlive: true }),
      createConnection (options, done) {
        expect(options).type.toBe<ConnectionOptions>()
        const { ALPNProtocols } = options
        const connection = connectTls({ port: 8443, ALPNProtocols }, () => done(null, connection))
        connection.on('error', done)
        return undefined
      },
      finishRequest (request, socket) {
        expect(request).type.toBe<ClientRequest>()
        expect(socket).type.toBe<WebSocket>()
        request.end()
      },
      sendLimit: 2 ** 20,
      slowConsumer: (socket, bytes) => {
        expect(socket).type.toBe<WebSocket>()
        expect(bytes).type.toBe<number>()
        return 'drop'
      }
    })
    connect('wss://localhost', { createConnection: ({ ALPNProtocols }) => connectTls({ port: 8443, ALPNProtocols }) })
    connect('ws://localhost', { perMessageDeflate: false, slowConsumer: 'close', sendLimit: Infinity })
  })

  test('options that are declared separately', () => {
    const options: ConnectOptions = { protocols: undefined, http: undefined, headers: undefined, agent: undefined }
    connect('ws://localhost', options)
    const offered = ['chat'] as const
    const shared: SessionConnectOptions = { protocols: offered, path: undefined, origin: undefined, ca: undefined }
    connect(session, shared)
    expect<Omit<SessionConnectOptions, 'path'>>().type.toBeAssignableTo<ConnectOptions>()
  })

  test('mistakes that do not compile', () => {
    // @ts-expect-error Expected 1-3 arguments, but got 0
    connect()
    // @ts-expect-error No overload matches this call
    connect(8080)
    // @ts-expect-error Type '"3"' is not assignable
    connect('ws://localhost', { http: '3' })
    // @ts-expect-error No overload matches this call
    connect(session, { reconnect: true })
    // @ts-expect-error No overload matches this call
    connect(session, { session: 'shared' })
    // @ts-expect-error No overload matches this call
    connect('ws://localhost', { reconnect: { retry: 1 } })
    // @ts-expect-error No overload matches this call
    connect('ws://localhost', { session: 'own' })
    // @ts-expect-error 'path' does not exist in type 'ConnectOptions
    connect('ws://localhost', { path: '/' })
    // @ts-expect-error 'host' does not exist in type 'ConnectOptions
    connect('ws://localhost', { host: 'localhost' })
    // @ts-expect-error 'protocol' does not exist in type 'ConnectOptions
    connect('ws://localhost', { protocol: 'chat' })
    // @ts-expect-error 'ALPNProtocols' does not exist in type 'ConnectOptions
    connect('wss://localhost', { ALPNProtocols: ['h2'] })
    // @ts-expect-error Type 'number' is not assignable to type 'string | readonly string[] | undefined'
    connect('ws://localhost', { headers: { 'x-room': 7 } })
    // @ts-expect-error Type '"wait"' is not assignable to type 'SlowConsumer | undefined'
    connect('ws://localhost', { slowConsumer: 'wait' })
    // @ts-expect-error Type '() => Promise<string>' is not assignable to type 'SlowConsumer | undefined'
    connect('ws://localhost', { slowConsumer: async () => 'drop' })
    // @ts-expect-error No overload matches this call
    connect('ws://localhost', 7)
    // @ts-expect-error 'protocols' does not exist in type
    connect('ws://localhost', 'chat', { protocols: 'chat' })
    // @ts-expect-error 'path' does not exist in type
    connect('ws://localhost', 'chat', { path: '/' })
    // @ts-expect-error 'http' does not exist in type
    connect(session, 'chat', { http: '2' })
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    connect(session, { path: 7 })
    // @ts-expect-error 'http' does not exist in type 'SessionConnectOptions'
    connect(session, { http: '2' })
    // @ts-expect-error 'agent' does not exist in type 'SessionConnectOptions'
    connect(session, { agent: new Agent() })
    // @ts-expect-error 'followRedirects' does not exist in type 'SessionConnectOptions'
    connect(session, { followRedirects: true })
    // @ts-expect-error 'maxRedirects' does not exist in type 'SessionConnectOptions'
    connect(session, { maxRedirects: 1 })
    // @ts-expect-error 'createConnection' does not exist in type 'SessionConnectOptions'
    connect(session, { createConnection: () => connectTls(8443) })
  })
})
