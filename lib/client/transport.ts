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
import { guardDestroy } from '../internals/http2.ts'
import { Sessions } from '../http2/sessions.ts'
import type { HeadWriter } from '../http2/stream-sender.ts'

/** What Node gives to `createConnection`, and the function that it wants the connection from. */
export type CreateConnection = (options: ConnectionRequest, done: Done) => Duplex | undefined
export type Done = (error: Error | null, connection?: Duplex) => void

export interface ConnectionRequest extends ConnectionOptions {
  host: string
  port: number
  socketPath?: string
}

/** What a handshake can go over. */
export interface HandshakeTransport {
  /** The connection, or a stream that plays one, for this one request. */
  open (request: ClientRequest): Duplex
  /** Nobody is there any more who wants it. */
  abort (): void
}

/** The CONNECT has said all that the request head says. */
const IGNORED_HEAD: HeadWriter = { writeHead () {} }

/** The sessions of all clients. */
const sessions = new Sessions({ receiveWindow: {} })

/** Whether the servers of sessions offer Extended CONNECT, as far as they have been asked. */
const offers = new WeakMap<ClientHttp2Session, Promise<boolean>>()

/**
 * Connects to a server. Over TLS it says whether it speaks HTTP/2; without TLS it has to be known (RFC 9113 section
 * 3.3).
 *
 * @param only '2' for HTTP/2, and no HTTP/1.1 where the server does not offer Extended CONNECT
 * @throws FST_WS_NO_EXTENDED_CONNECT
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
  if (isSecure && (connection as TLSSocket).alpnProtocol !== 'h2') {
    if (only === undefined) return toTransport(connection)
    connection.destroy()
    throw new FST_WS_NO_EXTENDED_CONNECT(origin)
  }
  const guard = connection instanceof Socket ? undefined : guardDestroy(connection)
  const session = startSession(origin, { createConnection: () => connection, settings: { enablePush: false } })
  guard?.(session)
  if (await offersExtendedConnect(session)) return toOwnTransport(session)

  session.destroy()
  if (only === undefined) return toTransport(await connectWith('http/1.1'))
  throw new FST_WS_NO_EXTENDED_CONNECT(origin)
}

/**
 * Uses a session that somebody else made, and keeps.
 *
 * @throws FST_WS_NO_EXTENDED_CONNECT
 */
export async function useSession (session: ClientHttp2Session): Promise<HandshakeTransport> {
  if (await offersExtendedConnect(session)) return { open: (request) => openStream(session, request), abort () {} }
  throw new FST_WS_NO_EXTENDED_CONNECT(session.originSet?.[0] ?? 'the other end of the session')
}

/** A Unix domain socket has no host. */
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
 * RFC 8441 section 3: no client may ask for a socket before the server has said that it serves them. RFC 9113 section
 * 3.4 has it said first of all, so when a PING is answered it has been, or will not be.
 */
async function offersExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  if (session.remoteSettings?.enableConnectProtocol === true) return true

  const asked = offers.get(session) ?? askForExtendedConnect(session)
  offers.set(session, asked)
  return await asked
}

async function askForExtendedConnect (session: ClientHttp2Session): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const sessionOnConnect = (): void => {
      session.ping((error) => { if (error === null) resolve(session.remoteSettings.enableConnectProtocol === true) })
    }
    session.on('remoteSettings', ({ enableConnectProtocol }) => { if (enableConnectProtocol === true) resolve(true) })
    session.on('error', reject)
    session.once('close', () => reject(new Error('the HTTP/2 session was closed')))
    if (session.connecting) session.once('connect', sessionOnConnect)
    else sessionOnConnect()
  })
}

/**
 * Opens a stream in the place of the connection of an Upgrade request: Node's HTTP client writes its head to it, reads
 * a response head, and detaches. From then on the stream carries messages alone.
 */
function openStream (session: ClientHttp2Session, request: ClientRequest): ClientHttp2Stream {
  const headers = request.getHeaders()
  const key = String(headers['sec-websocket-key'])
  const stream = session.request(requestToConnect(request.path, headers), { endStream: false })
  sessions.forStream(stream)!.addSocket(stream).sender.head = IGNORED_HEAD

  stream.on('error', () => {})
  // Node emits 'response' a tick after the messages that arrive with it.
  stream.pause()
  stream.once('response', (response) => {
    stream.unshift(Buffer.from(responseToHttp1(response[':status'] ?? 0, response, key), 'latin1'))
    stream.resume()
  })
  return stream
}

/** As Node has it: a connection is returned, or handed to a callback. */
async function create (connect: CreateConnection, options: ConnectionRequest): Promise<Duplex> {
  const connection = await new Promise<Duplex>((resolve, reject) => {
    const returned = connect(options, (error, passed) => {
      if (passed === undefined) reject(error ?? new Error('createConnection made none'))
      else resolve(passed)
    })
    if (returned !== undefined) resolve(returned)
  })
  // What a connection of TLS will carry is known only when it is there.
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
