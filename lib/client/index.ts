import type { ClientRequest } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import type { ClientOptions, WebSocket as WsWebSocket } from 'ws'
import type { ConnectOptions, SessionConnectOptions, WebSocket } from '../../types/index.ts'
import { whenEnded } from '../internals/http1.ts'
import { readArguments, readConnectOptions } from '../options/client.ts'
import { Connection, connectionOf } from '../socket/connection.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { kAttachConnection, kConfigure } from '../symbols.ts'
import { ClientSocket } from './client-socket.ts'
import { connectTransport, useSession } from './transport.ts'
import type { CreateConnection, ConnectionRequest, Done, HandshakeTransport } from './transport.ts'

export type { ConnectOptions, SessionConnectOptions, WebSocket } from '../../types/index.ts'

type Target = string | URL | ClientHttp2Session
type Protocols = string | readonly string[] | undefined
type OptionsFor<To extends Target> = To extends ClientHttp2Session ? SessionConnectOptions : ConnectOptions

/**
 * Opens a WebSocket on a connection of its own: over HTTP/2 if the server offers it for `wss:`, else over HTTP/1.1.
 * With `http: '2'` it uses HTTP/2 only, for `ws:` too.
 *
 * Failures before the socket opens are emitted as `'error'`: FST_WS_UNEXPECTED_RESPONSE, with `statusCode` and
 * `headers`, if the server refuses; FST_WS_NO_EXTENDED_CONNECT if `http` is '2' and the server does not serve WebSocket
 * over HTTP/2; errors of Node, such as ECONNREFUSED. See RFC 8441 and RFC 6455.
 *
 * @throws FST_WS_INVALID_OPTION if an option is invalid or unknown
 * @throws SyntaxError of ws if the URL or a subprotocol is invalid
 * @example
 * const socket = connect('wss://localhost:8443/echo', { ca })
 * socket.on('open', () => socket.send('hello'))
 * for await (const message of socket) console.log(message)
 */
export function connect (url: string | URL, options?: ConnectOptions): WebSocket
/**
 * Opens a WebSocket as a stream of an HTTP/2 session of `http2.connect()`, which stays open when the socket closes. The
 * server limits the number of sockets on a session.
 *
 * Failures before the socket opens are emitted as `'error'`: FST_WS_UNEXPECTED_RESPONSE, with `statusCode` and
 * `headers`, if the server refuses; FST_WS_NO_EXTENDED_CONNECT if it does not serve WebSocket over HTTP/2; errors of
 * the session. See RFC 8441.
 *
 * @throws FST_WS_INVALID_OPTION if an option is invalid or unknown, or has no effect with a session
 * @throws SyntaxError of ws if a subprotocol is invalid
 * @example
 * const session = http2.connect('https://localhost:8443', { ca })
 * const socket = connect(session, { path: '/echo' })
 */
export function connect (session: ClientHttp2Session, options?: SessionConnectOptions): WebSocket
/**
 * Opens a WebSocket to a URL or on an HTTP/2 session, and offers subprotocols, like the constructor of ws. Failures are
 * emitted as `'error'`, as without subprotocols.
 *
 * @param protocols subprotocols to offer, in order of preference
 * @throws FST_WS_INVALID_OPTION if an option is invalid or unknown, or is `protocols`
 * @throws SyntaxError of ws if the URL or a subprotocol is invalid
 * @example
 * const socket = connect('wss://localhost:8443/chat', ['chat.v2', 'chat.v1'], { ca })
 */
export function connect<To extends Target> (
  target: To, protocols: Protocols, options?: Omit<OptionsFor<To>, 'protocols'>
): WebSocket
export function connect (
  target: Target, protocolsOrOptions?: Protocols | SessionConnectOptions, optionsOrNone?: SessionConnectOptions
): WebSocket {
  const options = readArguments(protocolsOrOptions, optionsOrNone)
  const { protocols, http, path, sendLimit, slowConsumer, client } = readConnectOptions(options, isSession(target))
  const [url, wsOptions] = isSession(target)
    ? [toUrl(target, path), overSession(target, client)]
    : [target, http === '1.1' || client.agent != null ? client : overHttp2(client, http)]

  const socket = new ClientSocket(url, protocols, wsOptions) as WsWebSocket & PluginSocket
  socket[kConfigure]({ sendLimits: { sendLimit, slowConsumer } })
  socket.once('upgrade', ({ socket: duplex }) => {
    const connection = connectionOf(duplex) ?? new Connection(duplex)
    // Before the listeners for 'open' that send.
    socket.prependOnceListener('open', () => socket[kAttachConnection](connection))
  })
  return socket
}

function isSession (target: Target): target is ClientHttp2Session {
  return typeof target === 'object' && 'ping' in target
}

function toUrl ({ originSet: [origin = 'http://localhost'] = [] }: ClientHttp2Session, path: string): string {
  return origin.replace('http', 'ws') + path
}

/** The session sets :authority, and cannot follow redirects to another server. */
function overSession (session: ClientHttp2Session, options: ClientOptions): ClientOptions {
  const overrides = { setHost: false, followRedirects: false, agent: undefined }
  return negotiateOver({ ...options, ...overrides }, () => useSession(session))
}

function overHttp2 (options: ClientOptions, http: '2' | undefined): ClientOptions {
  const createConnection = options.createConnection as CreateConnection | undefined
  return negotiateOver(options, async (request, connectionOptions) => {
    return await connectTransport(request.protocol === 'https:', connectionOptions, createConnection, http)
  })
}

type FindTransport = (request: ClientRequest, options: ConnectionRequest) => Promise<HandshakeTransport>

/**
 * Returns the options with which ws performs its handshake over the transport that `findTransport` returns. ws accepts
 * a function that creates the connection, which Node allows to be asynchronous, and one that receives the request
 * before it is sent. So a stream can be opened with the fields of the request, and be passed to Node as its connection.
 */
function negotiateOver (options: ClientOptions, findTransport: FindTransport): ClientOptions {
  const { finishRequest = endRequest, handshakeTimeout = 0 } = options
  let connectionOptions: ConnectionRequest
  let done: Done

  return {
    ...options,
    createConnection: ((requested: ConnectionRequest, callback: Done) => {
      connectionOptions = requested
      done = callback
    }) as never,
    finishRequest (request, socket) {
      const ended = whenEnded(request)
      finishRequest(request, socket)
      if (handshakeTimeout > 0) startHandshakeTimer(request, handshakeTimeout)
      void attach(request, findTransport(request, connectionOptions), ended, done)
    }
  }
}

async function attach (
  request: ClientRequest, found: Promise<HandshakeTransport>, ended: Promise<void>, done: Done
): Promise<void> {
  try {
    const transport = await found
    await ended
    if (request.destroyed) transport.abort()
    else done(null, transport.open(request))
  } catch (error) {
    done(error as Error)
  }
}

function endRequest (request: ClientRequest): void {
  request.end()
}

/** Starts a timeout that includes connecting. Node's timeout of a request starts when it has a connection. */
function startHandshakeTimer (request: ClientRequest, timeout: number): void {
  const timer = setTimeout(() => { if (!request.destroyed) request.emit('timeout') }, timeout)
  for (const event of ['upgrade', 'response', 'error', 'abort']) request.once(event, () => clearTimeout(timer))
}
