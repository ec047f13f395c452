import { once } from 'node:events'
import type { ClientRequest } from 'node:http'
import { connect as startSession } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { Socket, connect as connectTcp, isIP, isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { FST_WS_NO_EXTENDED_CONNECT } from '../errors.ts'
import { requestToConnect, responseToHttp1 } from '../handshake/headers.ts'
import type { Session } from '../http2/session.ts'
import { Sessions } from '../http2/sessions.ts'
import type { HeadWriter } from '../http2/stream-sender.ts'
import { guardDestroy } from '../internals/http2.ts'
import { offersExtendedConnect, offersHttp2 } from './extended-connect.ts'

/** Function that returns a connection, or passes it to `done`, like `createConnection` of Node. */
export type CreateConnection = (options: ConnectionRequest, done: Done) => Duplex | undefined
/** Callback that receives a connection. */
export type Done = (error: Error | null, connection?: Duplex) => void

/** Options that Node passes to `createConnection`. */
export interface ConnectionRequest extends ConnectionOptions {
  host: string
  port: number
  socketPath?: string
}

/** Server, and the HTTP versions to use. */
export interface Target {
  isSecure: boolean
  options: ConnectionRequest
  /** Creates the connection, in place of Node. */
  createConnection?: CreateConnection | undefined
  /** The only HTTP version to use. Default: HTTP/2 if ALPN selects it, with a fallback to HTTP/1.1. */
  only?: '1.1' | '2' | undefined
}

/** Connection to a server. */
export interface Connected {
  connection: Duplex
  /** Undefined if the connection is one of HTTP/1.1. */
  session: ClientHttp2Session | undefined
  /** State of the session. */
  state: Session | undefined
}

/** Connection or HTTP/2 session over which one handshake can be sent. */
export interface HandshakeTransport {
  /** Returns the connection, or a stream that acts as one, for a request. */
  open (request: ClientRequest): Duplex
  /** Called instead of `open()` if the request was aborted meanwhile. */
  abort (): void
}

const NOTHING = Buffer.alloc(0)

/** Time, in ms, that a server has to close the connection of a closed session: that of ws for a closing handshake. */
const CLOSE_TIMEOUT = 30_000

/** Discards the head of the HTTP/1.1 request: the CONNECT has the same fields. */
const IGNORED_HEAD: HeadWriter = { writeHead: () => NOTHING }

/** Reason of a signal that is aborted because a handshake was not answered in time. */
export const HANDSHAKE_TIMEOUT = new Error('the handshake was not answered in time')

/** HTTP/2 sessions of all clients. */
const sessions = new Sessions({ receiveWindow: {} })

/**
 * Connects to a server. Over TLS, ALPN selects the HTTP version; without TLS it has to be known in advance (RFC 9113
 * section 3.3).
 *
 * @param signal destroys the connection until this function has resolved
 * @throws FST_WS_NO_EXTENDED_CONNECT if `only` is '2' and the server does not speak HTTP/2, or does not offer Extended
 * CONNECT
 */
export async function connectTo (target: Target, signal?: AbortSignal): Promise<Connected> {
  const { isSecure, only } = target
  if (only === '1.1') return toConnected(await create(target, ['http/1.1'], signal))
  const connection = await create(target, ['h2', 'http/1.1'], signal)
  if (!isSecure && only === undefined) return toConnected(connection)

  const origin = originOf(target)
  const { alpnProtocol } = connection as TLSSocket
  if (isSecure && alpnProtocol !== 'h2') {
    if (only === undefined) return toConnected(connection)
    connection.destroy()
    const cause = new Error(`ALPN selected ${alpnProtocol || 'no protocol'} in place of h2`)
    throw new FST_WS_NO_EXTENDED_CONNECT(origin, { cause })
  }
  const guard = connection instanceof Socket ? undefined : guardDestroy(connection)
  const session = startSession(origin, { createConnection: () => connection, settings: { enablePush: false } })
  guard?.(session)
  const state = sessions.add(session, connection)
  const offered = only === undefined ? offersExtendedConnect(session) : offersHttp2(session, origin)
  const abort = (): void => {
    if (session.connecting || signal?.reason === HANDSHAKE_TIMEOUT) connection.destroy()
    else closeSession(session, connection)
  }
  if (await abortable(offered, abort, signal)) return { connection, session, state }

  session.destroy()
  if (only === undefined) return await connectTo({ ...target, only: '1.1' }, signal)
  throw new FST_WS_NO_EXTENDED_CONNECT(origin)
}

/** Connects to a server for one handshake. Throws as `connectTo()` does. */
export async function connectTransport (target: Target, signal?: AbortSignal): Promise<HandshakeTransport> {
  const { connection, session } = await connectTo(target, signal)
  if (session === undefined) return toTransport(connection)
  return {
    open (request) {
      // A server that has not answered in time may not close the connection either.
      const requestOnTimeout = (): void => { connection.destroy() }
      request.once('timeout', requestOnTimeout).once('upgrade', () => request.off('timeout', requestOnTimeout))
      return openStream(session, request).once('close', () => closeSession(session, connection))
    },
    abort () { closeSession(session, connection) }
  }
}

/** Returns the transport of a connection of HTTP/1.1. */
export function toTransport (connection: Duplex): HandshakeTransport {
  return { open: () => connection, abort () { connection.destroy() } }
}

/**
 * Returns the transport of a session that the caller created. It is never closed here.
 *
 * @throws FST_WS_NO_EXTENDED_CONNECT if the server does not offer Extended CONNECT
 */
export async function useSession (session: ClientHttp2Session): Promise<HandshakeTransport> {
  if (await offersExtendedConnect(session)) return { open: (request) => openStream(session, request), abort () {} }
  throw new FST_WS_NO_EXTENDED_CONNECT(session.originSet?.[0] ?? 'the server of the session')
}

function toConnected (connection: Duplex): Connected {
  return { connection, session: undefined, state: undefined }
}

/** Returns the origin of a server. A Unix domain socket has no host. */
export function originOf ({ isSecure, options: { host, port } }: Target): string {
  return `${isSecure ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host || 'localhost'}:${port}`
}

/**
 * Closes a session: GOAWAY, then the end of the connection. It is not destroyed at once, because a server whose write
 * fails over TLS may keep its connection indefinitely (nodejs/node#55804). Node itself would wait for a server that
 * does not close the connection as long as TCP does.
 */
export function closeSession (session: ClientHttp2Session, connection: Duplex): void {
  session.close()
  const timer = setTimeout(() => connection.destroy(), CLOSE_TIMEOUT).unref()
  connection.once('close', () => clearTimeout(timer))
}

/**
 * Opens a stream that acts as the connection of an Upgrade request: Node's HTTP client writes a request head to it,
 * reads a response head, and detaches. From then on the stream carries messages only.
 */
export function openStream (session: ClientHttp2Session, request: ClientRequest): ClientHttp2Stream {
  const headers = request.getHeaders()
  const key = String(headers['sec-websocket-key'])
  const stream = session.request(requestToConnect(request.path, headers), { endStream: false })
  sessions.forStream(stream)!.addSocket(stream).writer.head = IGNORED_HEAD

  stream.on('error', () => {})
  // Node emits 'response' a tick after messages that arrive with it.
  stream.pause()
  stream.once('response', (response) => {
    stream.unshift(Buffer.from(responseToHttp1(response[':status'] ?? 0, response, key), 'latin1'))
    stream.resume()
  })
  return stream
}

/** Calls `createConnection`, which returns a connection or passes it to a callback, as Node allows. */
async function create (target: Target, ALPNProtocols: string[], signal: AbortSignal | undefined): Promise<Duplex> {
  const { isSecure, options, createConnection = isSecure ? createTls : createTcp } = target
  const connection = await new Promise<Duplex>((resolve, reject) => {
    const returned = createConnection({ ...options, ALPNProtocols }, (error, passed) => {
      if (passed === undefined) reject(error ?? new Error('createConnection returned no connection'))
      else resolve(passed)
    })
    if (returned !== undefined) resolve(returned)
  })
  // The result of ALPN is known after the TLS handshake.
  if (signal?.aborted === true) connection.destroy()
  signal?.throwIfAborted()
  if ((connection as TLSSocket).alpnProtocol === null) {
    await abortable(once(connection, 'secureConnect'), () => connection.destroy(signal?.reason), signal)
  }
  return connection
}

/** Waits for a promise. If the signal is aborted first, calls a function, and throws the reason. */
async function abortable<Result> (
  pending: Promise<Result>, abort: () => void, signal: AbortSignal | undefined
): Promise<Result> {
  return await new Promise((resolve, reject) => {
    const signalOnAbort = (): void => {
      abort()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', signalOnAbort, { once: true })
    pending.finally(() => signal?.removeEventListener('abort', signalOnAbort)).then(resolve, reject)
  })
}

function createTls (options: ConnectionRequest): Duplex {
  const { host, servername = isIP(host) ? '' : host } = options
  return connectTls({ ...options, servername, path: undefined })
}

function createTcp (options: ConnectionRequest): Duplex {
  return connectTcp({ ...options, path: options.socketPath ?? undefined })
}
