import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ReceiveWindowOptions } from './options.ts'

/**
 * Function that serves an upgrade, like a listener for `'upgrade'` of an HTTP server. It writes an HTTP/1.1 response to
 * the socket. Over HTTP/2 the request is the HTTP/1.1 equivalent of the Extended CONNECT (RFC 8441 section 5), and the
 * socket is its stream with the members of `net.Socket`: a response with status 101 is sent as 200, any other one
 * without its body.
 */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Options of `serveExtendedConnect()`. An invalid or unknown one throws FST_WS_INVALID_OPTION. */
export interface GatewayOptions {
  /**
   * Time limit, in ms, of the response to a handshake. After it the client receives 503. 0 disables the limit. Default:
   * 30000.
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
   * Receives an error of the handler: what it threw or rejected with (the client receives 500), or
   * FST_WS_INVALID_RESPONSE (502). Default: throws it, like Node.js for a listener of `'upgrade'`, so that it is an
   * uncaught exception.
   */
  onError?: ((error: Error, request: IncomingMessage) => void) | undefined
}
