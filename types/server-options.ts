import type { IncomingMessage, OutgoingHttpHeaders, Server as HttpServer } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { ServerOptions } from 'ws'

type OwnServerOptions = 'backlog' | 'host' | 'noServer' | 'port'

/**
 * Options of ws's `WebSocketServer`, except those of a separate server. They have the same effect over HTTP/1.1 and
 * HTTP/2.
 */
export interface WebsocketServerOptions extends Omit<ServerOptions, OwnServerOptions | 'server' | 'verifyClient'> {
  /** Server whose handshakes are served. It is not closed with Fastify. Default: `fastify.server`. */
  server?: HttpServer | HttpsServer | Http2Server | Http2SecureServer | undefined
  /** Rejects all other paths, and logs a warning at start. Use a websocket route instead. Default: any path. */
  path?: string | undefined
  /** Size limit of a received message, in bytes. A larger one is answered with Close 1009. Default: 104857600. */
  maxPayload?: number | undefined
  /** Limit of the chunks of a message that wait to be parsed. More end the socket with 1008. Default: 262144. */
  maxBufferedChunks?: number | undefined
  /** Limit of the fragments of a message (RFC 6455 section 5.4). More end the socket with 1008. Default: 16384. */
  maxFragments?: number | undefined
  /** Time, in ms, to wait for the peer's Close frame before its socket is destroyed. Default: 30000. */
  closeTimeout?: number | undefined
  /** Answers each ping with a pong (RFC 6455 section 5.5.3). Default: `true`. */
  autoPong?: boolean | undefined
  /** Limit of the automatic pongs that wait to be sent. A peer that exceeds it is terminated. Default: 60. */
  maxPendingAutoPongs?: number | undefined
  /**
   * Negotiates the compression of messages with clients that offer it (permessage-deflate, RFC 7692). A socket that
   * uses it needs up to 351 KiB for it, within `compressionBudget` of the plugin. Default: `false`.
   */
  perMessageDeflate?: ServerOptions['perMessageDeflate']
  /** Keeps the open sockets in `websocketServer.clients`, which does not exist otherwise. Default: `true`. */
  clientTracking?: boolean | undefined
  /** Allows several `'message'`, `'ping'` and `'pong'` events in one tick. Default: `true`. */
  allowSynchronousEvents?: boolean | undefined
  /** Skips UTF-8 validation of text messages (RFC 6455 section 8.1), for trusted peers only. Default: `false`. */
  skipUTF8Validation?: boolean | undefined
  /** Class of the sockets. It has to extend ws's `WebSocket`. Default: ws's `WebSocket`. */
  WebSocket?: ServerOptions['WebSocket']
  /**
   * Selects one of the subprotocols that a client offers (RFC 6455 section 1.9), or none with `false`. It is
   * synchronous. Any other return value, such as a promise, is answered with 500 (FST_WS_INVALID_SUBPROTOCOL). Default:
   * the first one offered.
   */
  handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false
  /**
   * Accepts or refuses a client, after the hooks of its route. Prefer a hook of Fastify. Default: accepts
   * every client.
   */
  verifyClient?: VerifyClient | undefined
}

/**
 * Function that accepts or refuses a client. With one parameter it returns the decision, or a promise of it. With two
 * parameters it calls `done` with the decision and, to refuse, the status (300 to 599, default 401), body and headers
 * of the response; only the first call counts. If it throws or rejects, or refuses with a status or header that HTTP
 * does not allow, the client receives 500.
 */
export type VerifyClient = (
  info: {
    /** Value of the Origin field (RFC 6454). Clients other than browsers may omit it. */
    origin: string
    /** True if the connection uses TLS. */
    secure: boolean
    /** Raw request of the handshake. An Extended CONNECT is given as the equivalent GET (RFC 8441 section 5). */
    req: IncomingMessage
  },
  done: (verified: boolean, status?: number, message?: string, headers?: OutgoingHttpHeaders) => void
) => unknown
