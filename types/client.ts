import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { ClientOptions } from 'ws'
import type { ReconnectOptions } from './reconnect.ts'
import type { SlowConsumer, WebSocket } from './socket.ts'

type Refined = 'agent' | 'checkServerIdentity' | 'createConnection' | 'finishRequest' | 'headers' | 'host' | 'protocol'

/**
 * Options of `connect()`: its own, those of ws's client, and those of `tls.connect()`. An unknown option throws
 * FST_WS_INVALID_OPTION, and so does an invalid value of one of these.
 */
export interface ConnectOptions<Reconnect = false | undefined> extends
  Omit<ClientOptions, Refined>, Pick<ConnectionOptions, 'checkServerIdentity' | 'servername'> {
  /** Subprotocols to offer, in order of preference. Default: none. See RFC 6455 section 1.9. */
  protocols?: string | readonly string[] | undefined
  /**
   * The only HTTP version to use. Default: over TLS, '2' if the server offers WebSocket over it, else '1.1'; without
   * TLS, '1.1'. See RFC 8441 section 3.
   */
  http?: '1.1' | '2' | undefined
  /**
   * Interval of pings in ms; 0 sends none. The socket of a server that answers nothing within an interval is
   * terminated, and `'close'` has the code 1006. Default: 0; with `reconnect`, 30000. See RFC 6455 section 5.5.2.
   */
  heartbeat?: number | undefined
  /**
   * Opens another connection when one ends. True uses the defaults of ReconnectOptions, and an object sets some of
   * them. The socket is then a ReconnectingWebSocket. Default: false.
   */
  reconnect?: Reconnect | undefined
  /**
   * `'shared'` lets the socket be a stream of an HTTP/2 session that other sockets use, too: those with this option,
   * the same origin and the same options of the connection. Another session is opened when it ends, or has as many
   * streams as the server allows. It closes when it has had no socket for 5 s. Over HTTP/1.1 each socket has a
   * connection of its own. Default: a session for each socket. See RFC 8441.
   *
   * A Buffer is a TLS session to resume, as for `tls.connect()`.
   */
  session?: 'shared' | Buffer | undefined
  /** Header fields to send with the handshake. Default: none. */
  headers?: Record<string, string | readonly string[] | undefined> | undefined
  /**
   * Time limit, in ms, to connect and open the socket. After it `'error'` is emitted. Default: no limit; with
   * `reconnect`, 20000. 0 is no limit.
   */
  handshakeTimeout?: number | undefined
  /** Time, in ms, to wait for the server's Close frame before the connection is destroyed. Default: 30000. */
  closeTimeout?: number | undefined
  /** Limit of the automatic pongs that wait to be sent. A server that exceeds it is terminated. Default: 60. */
  maxPendingAutoPongs?: number | undefined
  /**
   * Creates the connection, in place of Node. With `wss:` it also performs the TLS handshake. It returns the
   * connection, or passes it to `done`.
   */
  createConnection?: ((
    options: ConnectionOptions, done: (error: Error | null, connection?: Duplex) => void
  ) => Duplex | undefined) | undefined
  /** Receives the request before it is sent, and has to call `request.end()`. */
  finishRequest?: ((request: ClientRequest, socket: WebSocket) => void) | undefined
  /** Agent that creates the connection, which then speaks HTTP/1.1. Default: none. */
  agent?: Agent | undefined
  /**
   * Limit of `bufferedAmount`, in bytes. When a message is sent while more than that is waiting, `slowConsumer` decides
   * about it. Default: no limit.
   */
  sendLimit?: number | undefined
  /** Signal that aborts the handshake with an AbortError. With `reconnect` it ends the socket. Default: none. */
  signal?: AbortSignal | undefined
  /** Policy for a message that is sent while `bufferedAmount` exceeds `sendLimit`. Default: `'close'`. */
  slowConsumer?: SlowConsumer | undefined
}

/**
 * Options of `connect()` that return a ReconnectingWebSocket. It connects again after the close codes 1001, 1006, 1012
 * and 1013, a refusal with 429, 502, 503 or 504, an error of the network, or the end of the HTTP/2 session.
 * `finishRequest` is called for each attempt.
 */
export interface ReconnectingConnectOptions extends ConnectOptions<true | ReconnectOptions> {
  /** True for the defaults of ReconnectOptions, or an object with other values. */
  reconnect: true | ReconnectOptions
}

type NotWithSession =
  'agent' | 'createConnection' | 'followRedirects' | 'http' | 'maxRedirects' | 'reconnect' | 'session'

/**
 * Options of `connect()` with an HTTP/2 session. The session stays open when the socket closes. Options that select or
 * create a connection throw FST_WS_INVALID_OPTION.
 */
export interface SessionConnectOptions extends
  Omit<ConnectOptions, NotWithSession> {
  /** Path of the route, with its query. Begins with '/'. Default: '/'. */
  path?: string | undefined
}
