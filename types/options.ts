import type { FastifyInstance, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { UpgradeHandler } from './gateway.ts'
import type { WebsocketErrorHandler } from './handler.ts'
import type { ReceiveWindowOptions } from './receive-window.ts'
import type { RelayEmitter, RelayErrorHandler } from './relay.ts'
import type { WebsocketServerOptions } from './server-options.ts'
import type { SlowConsumer } from './socket.ts'

/** Close frames that are sent when Fastify closes. */
export interface ShutdownOptions {
  /** Code of the Close frame (RFC 6455 section 7.4). Default: 1001 (going away). */
  code?: number | undefined
  /** Reason in the Close frame, at most 123 bytes in UTF-8. Default: ''. */
  reason?: string | undefined
  /**
   * Number of sockets that are closed at once. The batches are spread over the first half of `shutdownTimeout`, so that
   * not all clients reconnect at the same moment. `Infinity` closes all sockets at once. Default: 100.
   */
  batch?: number | undefined
}

/** A `preClose` hook of Fastify. With a parameter it calls `done`; without one it returns a promise. */
export type PreCloseHook = (this: FastifyInstance, done: HookHandlerDoneFunction) => void | Promise<unknown>

/**
 * Rule that an origin is compared with. A string is an origin, such as `'https://example.com'`, or `'same'`: the host
 * and port that the request was sent to, and its scheme where that is known. A RegExp is tested against the origin in
 * lower case, without a default port; anchor it with `^` and `$`.
 */
export type OriginRule = 'same' | (string & {}) | RegExp

/**
 * Function that decides about an origin: it returns true to allow it, or a promise. It is called with the value of the
 * Origin field, which can be `'null'`, but not with a malformed one. If it throws or rejects, the client receives 500.
 */
export type OriginFunction = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** Value of the option `origin`. */
export type OriginOption = false | OriginRule | readonly OriginRule[] | OriginFunction

/** Options of the plugin. An invalid value, or an unknown option, makes `register` fail with FST_WS_INVALID_OPTION. */
export interface WebsocketPluginOptions {
  /** Options of ws's `WebSocketServer`. Default: those of ws. */
  options?: WebsocketServerOptions | undefined
  /**
   * Handles the errors of websocket handlers and sockets. Default: logs the error and closes the socket with 1011 (RFC
   * 6455 section 7.4.1). After a protocol error of the peer, ws has already closed the socket with the code of that
   * error.
   */
  errorHandler?: WebsocketErrorHandler | undefined
  /**
   * Closes the sockets when Fastify closes, in place of `shutdown`. Sockets that it leaves open are terminated after
   * `shutdownTimeout`. Default: sends a Close frame to each socket, and waits until all are closed.
   */
  preClose?: PreCloseHook | undefined
  /**
   * Time limit of the shutdown, in ms. From `app.close()` on, new handshakes are refused: with 503 over HTTP/1.1, with
   * RST_STREAM(REFUSED_STREAM) over HTTP/2 (RFC 9113 section 8.7). After the limit, all sockets, HTTP/2 sessions and
   * connections of the server that are still open are destroyed, including requests in progress. It has to be at least
   * 500 less than Fastify's `pluginTimeout`. Default: 5000, or less if `pluginTimeout` is less than 5500.
   */
  shutdownTimeout?: number | undefined
  /** Close frames that are sent when Fastify closes. Default: code 1001, no reason, 100 sockets at once. */
  shutdown?: ShutdownOptions | undefined
  /**
   * Offers Extended CONNECT to HTTP/2 clients (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 section 3), and limits their
   * streams and request headers. With `false` they use the HTTP/1.1 upgrade, which needs Fastify's `https.allowHTTP1`,
   * and the SETTINGS of the server are not changed. Default: `true`.
   */
  advertise?: boolean | undefined
  /**
   * Time limit, in ms, of the hooks and `verifyClient` of a handshake, or of another WebSocket server on the port.
   * After it the client receives 503. 0 disables the limit. Default: 30000.
   */
  handshakeTimeout?: number | undefined
  /**
   * Interval, in ms, of the pings to each client (RFC 6455 section 5.5.2), which keep idle sockets open through
   * proxies. A client from which nothing is received between two pings is unresponsive: its socket is terminated
   * (`'close'` has 1006), and its HTTP/2 session is destroyed if it does not answer a PING either. A client with much
   * data ahead of the ping is terminated after up to four intervals in which it accepted none of that data. Paused
   * sockets are not terminated. 0 disables the pings. Default: 30000.
   */
  heartbeat?: number | undefined
  /**
   * Limit of the open streams on one HTTP/2 connection (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 6.5.2). Each
   * socket is one stream. Default: `maxConcurrentStreams` in Fastify's `http.settings` or `https.settings`, else 1024.
   */
  maxConcurrentStreams?: number | undefined
  /** Sizes of HTTP/2 receive windows. A window grows while its stream is read as fast as the peer sends. */
  receiveWindow?: ReceiveWindowOptions | undefined
  /**
   * Age, in ms, at which an HTTP/2 session is sent GOAWAY (RFC 9113 section 6.8): its client opens new sockets on
   * another connection, which a load balancer can lead to another server. Up to a tenth is added or taken away at
   * random. Open sockets follow as `maxSessionAgeGrace` says. Some clients drop their sockets when they receive GOAWAY.
   * 0 is no limit. Default: 0.
   */
  maxSessionAge?: number | undefined
  /**
   * Time, in ms, that the open sockets of a session have from `maxSessionAge` on. In the second half of it they are
   * sent Close 1012 with the reason 'reconnect', in batches. Requests in progress are not ended. `Infinity` leaves the
   * sockets open. Default: 60000.
   */
  maxSessionAgeGrace?: number | undefined
  /**
   * Limit of `bufferedAmount`, in bytes. When a message is sent while more than that is waiting, `slowConsumer` decides
   * about it. `Infinity` disables the limit. Default: 16777216.
   */
  sendLimit?: number | undefined
  /** Policy for a message that is sent while `bufferedAmount` exceeds `sendLimit`. Default: `'close'`. */
  slowConsumer?: SlowConsumer | undefined
  /**
   * Origins whose pages may open sockets. Handshakes from other origins are answered with 403
   * (FST_WS_ORIGIN_NOT_ALLOWED) before hooks run. `'same'` allows the host and port that the request was sent to,
   * `false` allows every origin. Handshakes without an Origin field do not come from browsers, and are not checked (RFC
   * 6455 section 10.2). Default: `'same'`.
   */
  origin?: OriginOption | undefined
  /**
   * Limit of the open sockets of the server, over both transports. Beyond it a handshake is refused with 503 and
   * Retry-After (RFC 9110 section 10.2.3). `Infinity` disables the limit. Default: `Infinity`.
   */
  maxSockets?: number | undefined
  /**
   * Limit of the handshakes that hooks or `verifyClient` have not answered yet. Beyond it a handshake is refused with
   * 503 and Retry-After (RFC 9110 section 10.2.3), before any hook. One HTTP/2 session may have a quarter of them.
   * `Infinity` disables the limit. Default: 4096.
   */
  maxPendingHandshakes?: number | undefined
  /**
   * Limit, in bytes, of the memory that the zlib contexts of all open sockets may need, with `perMessageDeflate`. A
   * handshake that would exceed it opens a socket without compression (RFC 6455 section 9.1). The share of a socket is
   * computed from its options, and freed when it closes. `Infinity` disables the limit. Default: 268435456.
   */
  compressionBudget?: number | undefined
  /**
   * Emits `'error'` on a socket if an async listener of it rejects, so that `errorHandler` receives the error. Without
   * it, such a rejection is an unhandled one, which ends the process, unless `events.captureRejections` of Node is
   * true. It has no effect on listeners that `addEventListener()` adds, or on exceptions of listeners that are not
   * async. Default: `false`.
   */
  captureRejections?: boolean | undefined
  /**
   * Logs a warning, once in a process, if the running version of Node.js has known vulnerabilities that the peers of an
   * HTTP/2 or TLS server can use. Default: `true`.
   */
  nodeVersionWarning?: boolean | undefined
  /**
   * Serves the WebSocket handshakes that match no websocket route, and that no other listener for `'upgrade'` has
   * taken, over both transports. It has to answer all of them. No hook runs for them, and their origin is not checked.
   * `false` answers them with 404 (FST_WS_NO_WEBSOCKET_ROUTE). Default: leaves them to the other listeners for
   * `'upgrade'` on the server, and answers with 404 if there are none.
   */
  upgradeFallback?: UpgradeHandler | false | undefined
  /**
   * Relays published messages to the other nodes of a cluster: an MQEmitter, such as that of mqemitter-redis, or an
   * object with its methods `emit`, `on`, `removeListener` and `close`. It is closed when Fastify has closed. A message
   * reaches another node at most once. If the relay fails, local delivery continues. Default: none, messages reach only
   * the sockets of this process.
   */
  relay?: RelayEmitter | undefined
  /**
   * Called for each error of the relay, with the operation that has failed and its topic. With and without this
   * function, the log has a warning when the relay begins to fail, and a line when it works again. Default: none.
   */
  onRelayError?: RelayErrorHandler | undefined
}
