import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ReceiveWindowOptions } from './receive-window.ts'

/**
 * Function that answers a WebSocket handshake, like a listener for `'upgrade'` of an HTTP/1.1 server: it writes an
 * HTTP/1.1 response to the socket, or passes all three arguments on, for example to `wss.handleUpgrade()` of ws. It may
 * be async. If it throws or rejects, the client receives 500.
 *
 * Over HTTP/2 it receives the HTTP/1.1 equivalent of an Extended CONNECT (RFC 8441 section 5). A response with status
 * 101 opens the socket, and is sent as 200. Any other one refuses it, and is sent without its body.
 *
 * @param request GET with `upgrade: websocket`. Over HTTP/2 it has no pseudo-headers, and `host` is the `:authority`
 * @param socket connection of the client. Over HTTP/2 it is the stream, with the members of `net.Socket`, and its
 * `session` is the Http2Session
 * @param head first bytes that the client sent after its request. Over HTTP/2 it is empty: all data is read from the
 * socket
 */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void | Promise<void>

/** Options of `serveExtendedConnect()`. An invalid or unknown one throws FST_WS_INVALID_OPTION. */
export interface GatewayOptions {
  /**
   * Time limit, in ms, of the handler's response to a handshake. After it the client receives 503. 0 disables the
   * limit. Default: 30000.
   */
  handshakeTimeout?: number | undefined
  /**
   * Limit of the open streams on one HTTP/2 connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 6.5.2). Each
   * socket is one stream. Default: `maxConcurrentStreams` in the `settings` of the server, else 1024.
   */
  maxConcurrentStreams?: number | undefined
  /** Sizes of HTTP/2 receive windows. A window grows while its stream is read as fast as the peer sends. */
  receiveWindow?: ReceiveWindowOptions | undefined
  /**
   * Receives an error of the handler, and the request: the value that the handler threw or rejected with (the client
   * receives 500), or FST_WS_INVALID_RESPONSE (the client receives 502). Default: throws the error as an uncaught
   * exception, like that of a listener for `'upgrade'`, which ends the process; emits a warning of the process for
   * FST_WS_INVALID_RESPONSE, which another server may have caused.
   */
  onError?: ((error: Error, request: IncomingMessage) => void) | undefined
}
