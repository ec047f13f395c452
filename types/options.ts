import type { IncomingMessage, OutgoingHttpHeaders, Server as HttpServer } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { FastifyInstance, HookHandlerDoneFunction } from 'fastify'
import type { ServerOptions } from 'ws'
import type { WebsocketErrorHandler } from './handler.ts'
import type { SlowConsumer } from './socket.ts'

/** Sizes of the receive windows of an HTTP/2 session (RFC 9113 section 6.9), in bytes. */
export interface ReceiveWindowOptions {
  /** What each stream may send ahead at first. Default: that of Fastify's `http` or `https.settings`, else 65535. */
  initial?: number | undefined
  /**
   * What each stream may send ahead at most, once it is seen to be read as fast as it sends. Default: 16777216. All
   * streams of a session together have at most 33554432 on their way; before Node 26 4194304, because two such Nodes
   * could block each other for ever with more.
   */
  max?: number | undefined
  /**
   * What all streams of a session may have sent that nobody has read; a stream that sends more is reset with
   * ENHANCE_YOUR_CALM (RFC 9113 section 7). Default: 134217728.
   */
  sessionBudget?: number | undefined
}

/** How sockets are closed when Fastify closes. */
export interface ShutdownOptions {
  /** Code of the Close frame (RFC 6455 section 7.4). Default: 1001, "going away". */
  code?: number | undefined
  /** Reason in the Close frame, at most 123 bytes. Default: ''. */
  reason?: string | undefined
  /**
   * Sockets that get their Close frame at once. The batches are spread over the first half of `shutdownTimeout`, so
   * that not all clients connect to another server at the same moment. Default: 100; `Infinity` closes all at once.
   */
  batch?: number | undefined
}

type OwnServerOptions = 'backlog' | 'host' | 'noServer' | 'port'

/**
 * The options of ws's WebSocketServer that make sense here. They act the same over HTTP/1.1 and HTTP/2, but for
 * `perMessageDeflate`.
 */
export interface WebsocketServerOptions extends Omit<ServerOptions, OwnServerOptions | 'server' | 'verifyClient'> {
  /** Server to take upgrades from. Default: `fastify.server`. */
  server?: HttpServer | HttpsServer | Http2Server | Http2SecureServer | undefined
  /** Refuses every other path. A websocket route is the way to name one. Default: any path. */
  path?: string | undefined
  /** Size, in bytes, that a message may have; a larger one is answered with Close 1009. Default: 104857600. */
  maxPayload?: number | undefined
  /** Chunks of a message that may wait to be parsed before its socket is dropped. Default: 262144. */
  maxBufferedChunks?: number | undefined
  /** Fragments that a message may come in (RFC 6455 section 5.4). Default: 16384. */
  maxFragments?: number | undefined
  /** Time, in ms, that a peer has to answer a Close frame before its socket is dropped. Default: 30000. */
  closeTimeout?: number | undefined
  /** Whether a ping is answered with a pong (RFC 6455 section 5.5.3) by itself. Default: true. */
  autoPong?: boolean | undefined
  /** Pings of one peer that may wait for their pong to be sent before its socket is dropped. Default: 60. */
  maxPendingAutoPongs?: number | undefined
  /**
   * Compression of messages (RFC 7692), over HTTP/1.1 only: over HTTP/2 it is declined, and clients go on without it.
   * Default: false.
   */
  perMessageDeflate?: ServerOptions['perMessageDeflate']
  /** Whether `websocketServer.clients` exists. Default: true. */
  clientTracking?: boolean | undefined
  /** Whether events of several messages may come in one tick. Default: true. */
  allowSynchronousEvents?: boolean | undefined
  /** Whether text is taken for UTF-8 unseen (RFC 6455 section 8.1). Only for peers that are trusted. Default: false. */
  skipUTF8Validation?: boolean | undefined
  /** Class of the sockets, which has to extend that of ws. Default: that of ws. */
  WebSocket?: ServerOptions['WebSocket']
  /**
   * Chooses one of the subprotocols that a client offers (RFC 6455 section 1.9). For a promise, or anything else that
   * is no subprotocol, the client gets 500. Default: the first.
   */
  handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false
  /**
   * Whether a client may have a socket: by what it returns, or a promise of that, or, if it has a second parameter, by
   * what it calls that with. Runs after the hooks of the route, which are the better place to ask. Default: every
   * client may.
   */
  verifyClient?: VerifyClient | undefined
}

/**
 * Says whether a client may have a socket. A function with one parameter returns it, or a promise of it, which is
 * awaited. One with two parameters calls `done` with it, and with the status (300 to 599, default 401), the text and
 * the headers of a refusal; the first call counts. Where it fails, or refuses with what HTTP does not allow, the client
 * gets 500.
 */
export type VerifyClient = (
  info: {
    /** The Origin field (RFC 6454). Whatever is not a browser can leave it out. */
    origin: string
    /** Whether the connection uses TLS. */
    secure: boolean
    /** The handshake; over HTTP/2 as the upgrade that it stands for (RFC 8441 section 5). */
    req: IncomingMessage
  },
  done: (verified: boolean, status?: number, message?: string, headers?: OutgoingHttpHeaders) => void
) => unknown

/** A `preClose` hook of Fastify: one with a parameter calls it when it is done, one without returns a promise. */
export type PreCloseHook = (this: FastifyInstance, done: HookHandlerDoneFunction) => void | Promise<unknown>

/** Options of the plugin. A value that an option cannot have makes `register` fail with FST_WS_INVALID_OPTION. */
export interface WebsocketPluginOptions {
  /** Options of ws's WebSocketServer. Default: those of ws. */
  options?: WebsocketServerOptions | undefined
  /**
   * What to do about an error of a handler or socket. Default: log it and close with 1011 (RFC 6455 section 7.4.1),
   * unless the peer broke the protocol: then ws has closed with the code for that.
   */
  errorHandler?: WebsocketErrorHandler | undefined
  /**
   * Closes the sockets when Fastify closes, in place of what `shutdown` says. What it leaves open is ended when
   * `shutdownTimeout` has passed. Default: a Close frame to each socket, then wait until all are closed.
   */
  preClose?: PreCloseHook | undefined
  /**
   * Time, in ms, that Fastify's `close()` gives to everything that is open. Until then new handshakes are refused: with
   * 503 over HTTP/1.1, with REFUSED_STREAM (RFC 9113 section 8.7) over HTTP/2. After it every socket, HTTP/2 session
   * and connection of the server that is still open is ended, requests in progress included. At most 500 less than
   * Fastify's `pluginTimeout`. Default: 5000, or less where `pluginTimeout` is less than 5500.
   */
  shutdownTimeout?: number | undefined
  /** How sockets are closed when Fastify closes. */
  shutdown?: ShutdownOptions | undefined
  /**
   * Whether HTTP/2 clients are told that Extended CONNECT is served (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441
   * section 3). Without it they go on with the HTTP/1.1 upgrade, which needs `allowHTTP1`. Default: true.
   */
  advertise?: boolean | undefined
  /**
   * Time, in ms, that hooks and `verifyClient` have to answer a handshake before its client gets 503; 0 is no limit.
   * Default: 30000.
   */
  handshakeTimeout?: number | undefined
  /**
   * Time, in ms, between pings to each client (RFC 6455 section 5.5.2), which keep quiet sockets alive through proxies.
   * A client that sends nothing from one ping to the next is unresponsive: its socket is terminated, with 1006, and its
   * HTTP/2 session destroyed if that does not answer a PING either. A client that has to read much before it reads the
   * ping is terminated after up to four intervals in which it took nothing of what waits for it. 0 is no pings.
   * Default: 30000.
   */
  heartbeat?: number | undefined
  /**
   * Streams that an HTTP/2 client may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section
   * 6.5.2), each socket being one. Default: what the `http` or `https.settings` of Fastify say, else 1024.
   */
  maxConcurrentStreams?: number | undefined
  /** Sizes of HTTP/2 receive windows. They grow where a stream is read as fast as it can send, and shrink back. */
  receiveWindow?: ReceiveWindowOptions | undefined
  /**
   * Bytes that a peer may have waiting for it (`bufferedAmount`) when more is sent to it; then `slowConsumer` decides.
   * Default: 16777216; `Infinity` is no limit.
   */
  sendLimit?: number | undefined
  /**
   * What to do about a peer that reads more slowly than it is sent to. A function must be synchronous.
   * Default: `'close'`.
   */
  slowConsumer?: SlowConsumer | undefined
}
