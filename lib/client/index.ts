import type { ClientRequest } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { WebSocket as WsWebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { readConnectOptions } from '../options/client.ts'
import { connectTransport, useSession } from './transport.ts'
import type { CreateConnection, ConnectionRequest, Done, HandshakeTransport } from './transport.ts'
import { Connection, connectionOf } from '../socket/connection.ts'
import { createSocketClass } from '../socket/websocket.ts'
import type { PluginSocket } from '../socket/websocket.ts'
import { kAttachConnection, kConfigure } from '../symbols.ts'
import type { ConnectOptions, SessionConnectOptions, WebSocket } from '../../types/index.ts'

export type { ConnectOptions, SessionConnectOptions, WebSocket } from '../../types/index.ts'

const ClientSocket = createSocketClass(WsWebSocket, false)

/**
 * Opens a WebSocket over HTTP/2 (RFC 8441), or over HTTP/1.1 (RFC 6455) where the server does not offer the former.
 *
 * Given a URL, it has a connection of its own: over `wss:` ALPN decides, and `ws:` is HTTP/1.1 unless `http: '2'` says
 * that the server is known to speak HTTP/2 (RFC 9113 section 3.3). Given a session of `http2.connect()`, it is one of
 * its streams, and as many sockets share it as the server allows.
 *
 * What goes wrong before it opens is its `'error'`, as with ws: among others FST_WS_NO_EXTENDED_CONNECT, where `http`
 * is '2' or a session is given and the server does not serve sockets over HTTP/2.
 *
 * @throws FST_WS_INVALID_OPTION, and the SyntaxError of ws where the URL or a subprotocol is none
 * @example
 * const socket = connect('wss://localhost:8443/echo', { ca })
 * socket.on('open', () => socket.send('hello'))
 * for await (const message of socket) console.log(message)
 */
export function connect (url: string | URL, options?: ConnectOptions): WebSocket
export function connect (session: ClientHttp2Session, options?: SessionConnectOptions): WebSocket
export function connect (target: string | URL | ClientHttp2Session, options: SessionConnectOptions = {}): WebSocket {
  const { protocols, http, path, sendLimit, slowConsumer, client } = readConnectOptions(options)
  const [url, wsOptions] = isSession(target)
    ? [toUrl(target, path), overSession(target, client)]
    : [target, http === '1.1' || client.agent != null ? client : overHttp2(client, http)]

  const socket = new ClientSocket(url, protocols, wsOptions) as WsWebSocket & PluginSocket
  socket[kConfigure]({ sendLimits: { sendLimit, slowConsumer } })
  socket.once('upgrade', ({ socket: duplex }) => {
    const connection = connectionOf(duplex) ?? new Connection(duplex)
    // Ahead of listeners that send.
    socket.prependOnceListener('open', () => socket[kAttachConnection](connection))
  })
  return socket
}

function isSession (target: object | string): target is ClientHttp2Session {
  return typeof target === 'object' && 'ping' in target
}

function toUrl ({ originSet: [origin = 'http://localhost'] = [] }: ClientHttp2Session, path: string): string {
  return origin.replace('http', 'ws') + path
}

/** The session knows its authority, and leads nowhere else. */
function overSession (session: ClientHttp2Session, options: ClientOptions): ClientOptions {
  const own = { setHost: false, followRedirects: false, agent: undefined }
  return negotiateOver({ ...options, ...own }, () => useSession(session))
}

function overHttp2 (options: ClientOptions, http: '2' | undefined): ClientOptions {
  const create = options.createConnection as CreateConnection | undefined
  return negotiateOver(options, async (request, how) => await connectTransport(request.protocol === 'https:', how, create, http))
}

type FindTransport = (request: ClientRequest, options: ConnectionRequest) => Promise<HandshakeTransport>

/**
 * The options with which ws negotiates over whatever `reach` finds. ws lets one make the connection of its handshake,
 * which Node allows to take its time, and see the request before it goes: so a stream can be opened with the fields of
 * the request, and be handed over as its connection.
 */
function negotiateOver (options: ClientOptions, reach: FindTransport): ClientOptions {
  const { finishRequest = endRequest, handshakeTimeout = 0 } = options
  let how: ConnectionRequest
  let done: Done

  return {
    ...options,
    createConnection: ((given: ConnectionRequest, callback: Done) => { how = given; done = callback }) as never,
    finishRequest (request, socket) {
      const ended = whenEnded(request)
      finishRequest(request, socket)
      if (handshakeTimeout > 0) startHandshakeTimer(request, handshakeTimeout)
      void attach(request, reach(request, how), ended, done)
    }
  }
}

async function attach (
  request: ClientRequest, reached: Promise<HandshakeTransport>, ended: Promise<void>, done: Done
): Promise<void> {
  try {
    const transport = await reached
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

/** Its fields are all there when a request has been ended, and there is no event for that without a connection. */
async function whenEnded (request: ClientRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    request.end = (...parameters: unknown[]) => {
      resolve()
      return Object.getPrototypeOf(request).end.apply(request, parameters)
    }
  })
}

/** Node's timeout begins with the connection of a request. This one includes what it takes to have one. */
function startHandshakeTimer (request: ClientRequest, timeout: number): void {
  const timer = setTimeout(() => { if (!request.destroyed) request.emit('timeout') }, timeout)
  for (const event of ['upgrade', 'response', 'error', 'abort']) request.once(event, () => clearTimeout(timer))
}
