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
import { Sessions } from '../http2/sessions.ts'
import type { HeadWriter } from '../http2/stream-sender.ts'
import { guardDestroy } from '../internals/http2.ts'

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

/** Connection or HTTP/2 session over which one handshake can be sent. */
export interface HandshakeTransport {
  /** Returns the connection, or a stream that acts as one, for a request. */
  open (request: ClientRequest): Duplex
  /** Called instead of `open()` if the request was aborted meanwhile. */
  abort (): void
}

const NOTHING = Buffer.alloc(0)

/** Discards the head of the HTTP/1.1 request: the CONNECT has the same fields. */
const IGNORED_HEAD: HeadWriter = { writeHead: () => NOTHING }

/** HTTP/2 sessions of all clients. */
const sessions = new Sessions({ receiveWindow: {} })

/** Results of `offersExtendedConnect()` by session. */
const offers = new WeakMap<ClientHttp2Session, Promise<boolean>>()

/**
 * Connects to a server. Over TLS, ALPN selects the HTTP version; without TLS it has to be known in advance (RFC 9113
 * section 3.3).
 *
 * @param only '2' for HTTP/2 without a fallback to HTTP/1.1
 * @throws FST_WS_NO_EXTENDED_CONNECT if `only` is '2' and the server does not speak HTTP/2, or does not offer Extended
 * CONNECT
 */
export async function connectTransport (
  isSecure: boolean, options: ConnectionRequest, createConnection: CreateConnection | undefined, only: '2' | undefined
): Promise<HandshakeTransport> {
  const connect = createConnection ?? (isSecure ? createTls : createTcp)
  const connectWith = async (...ALPNProtocols: string[]): Promise<Duplex> => {
    return await create(connect, { ...options, ALPNProtocols })
  }

  const connection = await connectWith('h2', 'http/1.1')
  if (!isSecure && only === undefined) return toTransport(connection)

  const origin = toOrigin(isSecure, options)
  const { alpnProtocol } = connection as TLSSocket
  if (isSecure && alpnProtocol !== 'h2') {
    if (only === undefined) return toTransport(connection)
    connection.destroy()
    const cause = new Error(`ALPN selected ${alpnProtocol || 'no protocol'} in place of h2`)
    throw new FST_WS_NO_EXTENDED_CONNECT(origin, { cause })
  }
  const guard = connection instanceof Socket ? undefined : guardDestroy(connection)
  const session = startSession(origin, { createConnection: () => connection, settings: { enablePush: false } })
  guard?.(session)
  const offered = only === undefined ? offersExtendedConnect(session) : offersHttp2(session, origin)
  if (await offered) return toOwnTransport(session)

  session.destroy()
  if (only === undefined) return toTransport(await connectWith('http/1.1'))
  throw new FST_WS_NO_EXTENDED_CONNECT(origin)
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

/** Returns the origin of a server. A Unix domain socket has no host. */
function toOrigin (isSecure: boolean, { host, port }: ConnectionRequest): string {
  return `${isSecure ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host || 'localhost'}:${port}`
}

function toTransport (connection: Duplex): HandshakeTransport {
  return { open: () => connection, abort () { connection.destroy() } }
}

function toOwnTransport (session: ClientHttp2Session): HandshakeTransport {
  return {
    open: (request) => openStream(session, request).once('close', () => session.close()),
    abort () { session.destroy() }
  }
}

/**
 * Returns whether the server of a session offers Extended CONNECT. A client has to wait for this setting (RFC 8441
 * section 3). The server sends its SETTINGS first (RFC 9113 section 3.4), so they have arrived when a PING is answered.
 */
async function offersExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  if (session.remoteSettings?.enableConnectProtocol === true) return true

  const asked = offers.get(session) ?? askForExtendedConnect(session)
  offers.set(session, asked)
  return await asked
}

/**
 * Returns whether the server of a new session offers Extended CONNECT.
 *
 * @throws FST_WS_NO_EXTENDED_CONNECT if the server does not answer in HTTP/2, whose first frame is SETTINGS (RFC 9113
 * section 3.4). Errors of the connection are thrown as they are
 */
async function offersHttp2 (session: ClientHttp2Session, origin: string): Promise<boolean> {
  let isHttp2 = false
  session.once('remoteSettings', () => { isHttp2 = true })
  try {
    return await offersExtendedConnect(session)
  } catch (error) {
    if (isHttp2 || session.connecting) throw error
    throw new FST_WS_NO_EXTENDED_CONNECT(origin, { cause: error })
  }
}

async function askForExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const ping = (): void => {
      session.ping((error) => { if (error === null) resolve(session.remoteSettings.enableConnectProtocol === true) })
    }
    // Node emits 'connect' even if the session has been destroyed, and ping() would throw.
    const sessionOnConnect = (): void => { if (!session.destroyed) ping() }
    session.on('remoteSettings', ({ enableConnectProtocol }) => { if (enableConnectProtocol === true) resolve(true) })
    session.on('error', reject)
    session.once('close', () => reject(new Error('the HTTP/2 session closed before its server answered')))
    if (session.connecting) session.once('connect', sessionOnConnect)
    else ping()
  })
}

/**
 * Opens a stream that acts as the connection of an Upgrade request: Node's HTTP client writes a request head to it,
 * reads a response head, and detaches. From then on the stream carries messages only.
 */
function openStream (session: ClientHttp2Session, request: ClientRequest): ClientHttp2Stream {
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
async function create (connect: CreateConnection, options: ConnectionRequest): Promise<Duplex> {
  const connection = await new Promise<Duplex>((resolve, reject) => {
    const returned = connect(options, (error, passed) => {
      if (passed === undefined) reject(error ?? new Error('createConnection returned no connection'))
      else resolve(passed)
    })
    if (returned !== undefined) resolve(returned)
  })
  // The result of ALPN is known after the TLS handshake.
  if ((connection as TLSSocket).alpnProtocol === null) await once(connection, 'secureConnect')
  return connection
}

function createTls (options: ConnectionRequest): Duplex {
  const { host, servername = isIP(host) ? '' : host } = options
  return connectTls({ ...options, servername, path: undefined })
}

function createTcp (options: ConnectionRequest): Duplex {
  return connectTcp({ ...options, path: options.socketPath ?? undefined })
}
