import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { ClientOptions } from 'ws'
import type { SlowConsumer, WebSocket } from './socket.ts'

type Refined = 'agent' | 'checkServerIdentity' | 'createConnection' | 'finishRequest' | 'headers' | 'host' | 'protocol'

/**
 * Options of `connect()`: those of ws's client, with what `tls.connect()` takes, and these. A value that one of these
 * cannot have makes it throw FST_WS_INVALID_OPTION.
 */
export interface ConnectOptions extends
  Omit<ClientOptions, Refined>, Pick<ConnectionOptions, 'checkServerIdentity' | 'servername'> {
  /** Subprotocols to offer (RFC 6455 section 1.9), the best first. Default: none. */
  protocols?: string | readonly string[] | undefined
  /**
   * HTTP version to use: '2' and no other, or '1.1' and no other. Default: over TLS '2' where the server offers it
   * (RFC 8441 section 3), else '1.1'.
   */
  http?: '1.1' | '2' | undefined
  /** Fields to send with the handshake. */
  headers?: Record<string, string | readonly string[] | undefined> | undefined
  /** Time, in ms, that it may take until the socket is open, connecting included. Default: no limit. */
  handshakeTimeout?: number | undefined
  /** Time, in ms, that a server has to answer a Close frame before the socket is dropped. Default: 30000. */
  closeTimeout?: number | undefined
  /** Makes the connection, over TLS too, in place of Node. */
  createConnection?: ((
    options: ConnectionOptions, done: (error: Error | null, connection?: Duplex) => void
  ) => Duplex | undefined) | undefined
  /** Gets the request before it goes, and has to end it. */
  finishRequest?: ((request: ClientRequest, socket: WebSocket) => void) | undefined
  /** Makes the connection in place of Node. An agent speaks HTTP/1.1. */
  agent?: Agent | undefined
  /**
   * Bytes that may be waiting to be sent (`bufferedAmount`) when more is; then `slowConsumer` decides. Default: no
   * limit.
   */
  sendLimit?: number | undefined
  /** What to do about a server that reads more slowly than it is sent to. Default: `'close'`. */
  slowConsumer?: SlowConsumer | undefined
}

/** Options of `connect()` with a session, whose connection is there already, and which it does not close. */
export interface SessionConnectOptions extends
  Omit<ConnectOptions, 'agent' | 'createConnection' | 'followRedirects' | 'http' | 'maxRedirects'> {
  /** Path and query of the route. Default: '/'. */
  path?: string | undefined
}
