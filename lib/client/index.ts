import type { ClientHttp2Session } from 'node:http2'
import type { ClientOptions } from 'ws'
import type {
  ConnectOptions, ReconnectOptions, ReconnectingWebSocket, SessionConnectOptions, WebSocket
} from '../../types/index.ts'
import { readArguments, readConnectOptions } from '../options/client.ts'
import type { Options } from '../options/client.ts'
import { isSession, openSocket } from './open-socket.ts'
import { ReconnectingSocket } from './reconnecting-socket.ts'

export type {
  ConnectOptions, ReconnectOptions, Reconnecting, ReconnectingConnectOptions, ReconnectingWebSocket,
  ReconnectingWebSocketEvents, SessionConnectOptions, WebSocket
} from '../../types/index.ts'

type Target = string | URL | ClientHttp2Session
type Protocols = string | readonly string[] | undefined
type OptionsFor<To extends Target> = To extends ClientHttp2Session ? SessionConnectOptions : ConnectOptions
type Reconnects = boolean | ReconnectOptions | undefined
type SocketFor<Reconnect> = Reconnect extends true | ReconnectOptions ? ReconnectingWebSocket : WebSocket

/**
 * Opens a WebSocket on a connection of its own: over HTTP/2 if the server offers it for `wss:`, else over HTTP/1.1.
 * With `http: '2'` it uses HTTP/2 only, for `ws:` too.
 *
 * Failures before the socket opens are emitted as `'error'`: FST_WS_UNEXPECTED_RESPONSE, with `statusCode` and
 * `headers`, if the server refuses; FST_WS_NO_EXTENDED_CONNECT if `http` is '2' and the server does not serve WebSocket
 * over HTTP/2; errors of Node, such as ECONNREFUSED. See RFC 8441 and RFC 6455.
 *
 * With `reconnect` it returns a ReconnectingWebSocket, which opens another connection when one ends. After a
 * failure that may be temporary it emits `'reconnecting'`, and tries again.
 *
 * @throws FST_WS_INVALID_OPTION if an option is invalid or unknown
 * @throws SyntaxError of ws if the URL or a subprotocol is invalid
 * @example
 * const socket = connect('wss://localhost:8443/echo', { ca })
 * socket.on('open', () => socket.send('hello'))
 * for await (const message of socket) console.log(message)
 */
export function connect<Reconnect extends Reconnects = undefined> (
  url: string | URL, options?: ConnectOptions<Reconnect>
): SocketFor<Reconnect>
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
export function connect<To extends Target, Reconnect extends Reconnects = undefined> (
  target: To, protocols: Protocols,
  options?: Omit<OptionsFor<To>, 'protocols' | 'reconnect'> & { reconnect?: Reconnect }
): SocketFor<Reconnect>
export function connect (
  target: Target, protocolsOrOptions?: Protocols | Options, optionsOrNone?: Options
): WebSocket | ReconnectingWebSocket {
  const options = readArguments(protocolsOrOptions, optionsOrNone)
  const settings = readConnectOptions(options, isSession(target))
  const { reconnect, client } = settings
  if (reconnect === undefined) return openSocket(target, settings)
  const { signal, ...others } = client as ClientOptions & Pick<ConnectOptions, 'signal'>
  return new ReconnectingSocket(() => openSocket(target, { ...settings, client: others }), reconnect, signal)
}
