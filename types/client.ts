import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { ClientOptions } from 'ws'
import type { SlowConsumer, WebSocket } from './socket.ts'

type Refined = 'agent' | 'checkServerIdentity' | 'createConnection' | 'finishRequest' | 'headers' | 'host' | 'protocol'

/**
 * Options of `connect()`: its own, those of ws's client, and those of `tls.connect()`. An unknown option throws
 * FST_WS_INVALID_OPTION, and so does an invalid value of one of these.
 */
export interface ConnectOptions extends
  Omit<ClientOptions, Refined>, Pick<ConnectionOptions, 'checkServerIdentity' | 'servername'> {
  /** Subprotocols to offer, in order of preference. Default: none. See RFC 6455 section 1.9. */
  protocols?: string | readonly string[] | undefined
  /**
   * The only HTTP version to use. Default: over TLS, '2' if the server offers WebSocket over it, else '1.1'; without
   * TLS, '1.1'. See RFC 8441 section 3.
   */
  http?: '1.1' | '2' | undefined
  /** Header fields to send with the handshake. Default: none. */
  headers?: Record<string, string | readonly string[] | undefined> | undefined
  /** Time limit, in ms, to connect and open the socket. After it `'error'` is emitted. Default: no limit. */
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
  /** Policy for a message that is sent while `bufferedAmount` exceeds `sendLimit`. Default: `'close'`. */
  slowConsumer?: SlowConsumer | undefined
}

/**
 * Options of `connect()` with an HTTP/2 session. The session stays open when the socket closes. Options that select or
 * create a connection throw FST_WS_INVALID_OPTION.
 */
export interface SessionConnectOptions extends
  Omit<ConnectOptions, 'agent' | 'createConnection' | 'followRedirects' | 'http' | 'maxRedirects'> {
  /** Path of the route, with its query. Begins with '/'. Default: '/'. */
  path?: string | undefined
}
