import { createError } from '@fastify/error'

/** Error of a second registration on one server. Thrown by `register` and by `serveExtendedConnect`. */
export const FST_WS_ALREADY_REGISTERED = createError(
  'FST_WS_ALREADY_REGISTERED',
  'fastify-websocket-h2, @fastify/websocket or serveExtendedConnect() already serves this server: use one of them, once. Register a plugin on an instance that encloses all websocket routes (see docs/migration.md and docs/gateway.md)'
)

/** Error of websocket routes that the plugin cannot serve. `app.ready()` and `app.listen()` reject with it. */
export const FST_WS_REGISTERED_TOO_LATE = createError<[urls: string]>(
  'FST_WS_REGISTERED_TOO_LATE',
  'fastify-websocket-h2 does not serve these websocket routes: %s. They were added before it was registered, or outside of its scope. Call "await app.register(websocket)" before you add routes, or add them in a plugin that is registered after it, on an instance that encloses all websocket routes (see docs/routes.md)'
)

/** Error of an invalid or unknown option: of `register`, a route, `connect`, `injectWS` or `serveExtendedConnect`. */
export const FST_WS_INVALID_OPTION = createError<[name: string, expected: string, received: string]>(
  'FST_WS_INVALID_OPTION',
  'option %s must be %s, got %s',
  500,
  TypeError
)

/** Error of a websocket route with a method other than GET. Thrown when the route is added. */
export const FST_WS_INVALID_METHOD = createError<[url: string, methods: string]>(
  'FST_WS_INVALID_METHOD',
  'websocket route "%s" must have the method GET, got %s'
)

/** Error of a websocket route whose handler is not a function. Thrown when the route is added. */
export const FST_WS_INVALID_HANDLER = createError<[name: string, url: string, received: string]>(
  'FST_WS_INVALID_HANDLER',
  '%s of websocket route "%s" must be a function, got %s',
  500,
  TypeError
)

/**
 * Error of a client that may only use HTTP/2, with a server that does not speak HTTP/2, or does not offer Extended
 * CONNECT (RFC 8441 section 3). Its `cause`, if any, is the underlying error. Emitted as `'error'` by a socket of
 * `connect`; `injectWS` rejects with it.
 */
export const FST_WS_NO_EXTENDED_CONNECT = createError<[origin: string, options?: { cause: unknown }]>(
  'FST_WS_NO_EXTENDED_CONNECT',
  '%s does not offer WebSocket over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL): to use HTTP/1.1, connect to a URL and omit the option "http" (see docs/client.md)'
)

/**
 * Error of a refused handshake, with the `statusCode` and `headers` of the response. Emitted as `'error'` by a socket
 * of `connect`; `injectWS` rejects with it.
 */
export const FST_WS_UNEXPECTED_RESPONSE = createError<[status: number]>(
  'FST_WS_UNEXPECTED_RESPONSE',
  'Unexpected server response: %s'
)

/** Error of a handshake that matches no websocket route. Answered with 404. */
export const FST_WS_NO_WEBSOCKET_ROUTE = createError<[url: string, hint: string]>(
  'FST_WS_NO_WEBSOCKET_ROUTE',
  'no websocket route matches "%s"%s',
  404
)

/**
 * Error of a handshake from a web page of an origin that the option `origin` does not allow (RFC 6455 section 10.2).
 * Answered with 403.
 */
export const FST_WS_ORIGIN_NOT_ALLOWED = createError<[origin: string, reason: string]>(
  'FST_WS_ORIGIN_NOT_ALLOWED',
  'websocket handshake from origin "%s" refused: %s. To allow it, list it in the option "origin" of fastify-websocket-h2; behind a proxy that replaces Host, set trustProxy of Fastify (see docs/migration.md)',
  403
)

/** Error of a plain request of a route that serves only sockets. Answered with 426, and with 405 over HTTP/2. */
export const FST_WS_UPGRADE_REQUIRED = createError<[url: string]>(
  'FST_WS_UPGRADE_REQUIRED',
  '"%s" serves WebSocket only, and this was a plain request: open it with a WebSocket client. If one was used, a proxy has not forwarded its handshake (see docs/deployment.md)',
  426
)

/** Error of a handshake whose hooks were running when the server began to close. Answered with 503. */
export const FST_WS_SHUTTING_DOWN = createError<[url: string]>(
  'FST_WS_SHUTTING_DOWN',
  'websocket handshake for "%s" refused: the server is shutting down',
  503
)

/**
 * Error of a handshake that was about to be accepted when as many sockets were open as `maxSockets` allows. Answered
 * with 503 and Retry-After (RFC 9110 section 10.2.3).
 */
export const FST_WS_TOO_MANY_SOCKETS = createError<[url: string]>(
  'FST_WS_TOO_MANY_SOCKETS',
  'websocket handshake for "%s" refused: the server has as many open sockets as maxSockets allows, try again later',
  503
)

/** Error of a handshake that opened no socket, for subscribers of the tracing channel. It is never thrown. */
export const FST_WS_HANDSHAKE_REFUSED = createError<[cause: string, answer: string]>(
  'FST_WS_HANDSHAKE_REFUSED',
  'websocket handshake refused: %s (%s)'
)

/**
 * Error of a response header that cannot be sent, set by a hook, `verifyClient` or a listener for `'headers'`. Answered
 * with 500.
 */
export const FST_WS_INVALID_HEADER = createError<[name: string]>(
  'FST_WS_INVALID_HEADER',
  'response header "%s" cannot be sent with a websocket handshake: remove or encode the characters of its name or value that HTTP does not allow'
)

/**
 * Error of a listener for 'upgrade', of `upgradeFallback` or of the handler of `serveExtendedConnect`, that answered an
 * Extended CONNECT with bytes that are not an HTTP/1.1 response. Logged, or passed to `onError`. Answered with 502.
 */
export const FST_WS_INVALID_RESPONSE = createError<[url: string, received: string]>(
  'FST_WS_INVALID_RESPONSE',
  'the response to the upgrade of "%s" must be one of HTTP/1.1 with the status 101, or 300 to 599, got %s (see docs/gateway.md)',
  502
)

/**
 * Error of a response over HTTP/2 whose headers are larger than Node.js sends. Answered with 500, or, if the handshake
 * was accepted, by resetting the stream.
 */
export const FST_WS_HEADERS_TOO_LARGE = createError<[bytes: number, limit: number]>(
  'FST_WS_HEADERS_TOO_LARGE',
  'the response headers to a websocket handshake have %s bytes, more than the %s that Node.js sends over HTTP/2: set fewer or shorter ones'
)

/** Error of a `handleProtocols` that returned no subprotocol (RFC 6455 section 4.2.2). Answered with 500. */
export const FST_WS_INVALID_SUBPROTOCOL = createError<[received: string]>(
  'FST_WS_INVALID_SUBPROTOCOL',
  'handleProtocols must synchronously return a subprotocol or false, got %s'
)

/** Error of a `verifyClient` that refused with a status outside 300 to 599. Logged, and answered with 500. */
export const FST_WS_INVALID_REFUSAL = createError<[status: string]>(
  'FST_WS_INVALID_REFUSAL',
  'verifyClient must refuse a handshake with a status from 300 to 599, got %s'
)

/**
 * Error of a message that was not sent because `bufferedAmount` exceeds `sendLimit`. Passed to the callback of
 * `send()`. If the socket closes with 1008 (RFC 6455 section 7.4.1), it is emitted as `'error'` too.
 */
export const FST_WS_SLOW_CONSUMER = createError<[bytes: number, limit: number]>(
  'FST_WS_SLOW_CONSUMER',
  '%s bytes are waiting to be sent to the peer, more than the sendLimit of %s: wait for \'drain\' before you send more (see docs/backpressure.md)'
)

/**
 * Error of a `slowConsumer` function that returned an invalid value, such as a promise, or threw something other than
 * an Error. The message is not sent, and the socket closes with 1011. Passed to the callback of `send()` and to
 * `'error'`.
 */
export const FST_WS_INVALID_SLOW_CONSUMER = createError<[verb: string, result: string]>(
  'FST_WS_INVALID_SLOW_CONSUMER',
  'the function of option "slowConsumer" %s %s: it must return "close", "drop", "send" or undefined, synchronously (see docs/backpressure.md)',
  500,
  TypeError
)

/** Error of data that was not sent before the socket closed. Passed to the callback of `send()`, `ping()`, `pong()`. */
export const FST_WS_NOT_SENT = createError(
  'FST_WS_NOT_SENT',
  'the socket closed before all of the data was sent: the peer may have received part of it, or nothing'
)

/** Error of data for a socket with `reconnect` that was not open. Passed to the callback of `send()` and others. */
export const FST_WS_NOT_OPEN = createError(
  'FST_WS_NOT_OPEN',
  'nothing was sent, because no connection is open: send it again after \'open\' or \'reconnected\' (see docs/client.md)'
)

/** Error of a topic that is not a string. Thrown by `subscribe`, `unsubscribe`, `publish` and `subscribers`. */
export const FST_WS_INVALID_TOPIC = createError<[received: string]>(
  'FST_WS_INVALID_TOPIC',
  'a topic must be a string, got %s (see docs/topics.md)',
  500,
  TypeError
)

/** Error of a message that cannot be published. Thrown by `publish`, `broadcast` and `prepare`. */
export const FST_WS_INVALID_MESSAGE = createError<[received: string, options?: { cause: Error }]>(
  'FST_WS_INVALID_MESSAGE',
  'a message must be a string, bytes, an object or a prepared message, got %s (see docs/topics.md)',
  500,
  TypeError
)

/** Error of a socket without topics: only sockets of a websocket route have them. Thrown by `subscribe` and others. */
export const FST_WS_NO_TOPICS = createError(
  'FST_WS_NO_TOPICS',
  'only the socket of a websocket route, on the server, has topics: a client has to ask the server for a subscription, with a message of its own (see docs/topics.md)'
)

/** Error of a message that was not relayed, because too many are waiting for the relay. Passed to `onRelayError`. */
export const FST_WS_RELAY_OVERLOADED = createError<[messages: number, characters: number]>(
  'FST_WS_RELAY_OVERLOADED',
  'the message was not relayed to other nodes: the relay has not accepted %s messages (%s characters) that were published before it. It is down, or slower than this node publishes (see docs/topics.md)'
)

/** Error of a relay that did not call back in time. The operation counts as failed. Passed to `onRelayError`. */
export const FST_WS_RELAY_TIMEOUT = createError<[operation: string, timeout: number]>(
  'FST_WS_RELAY_TIMEOUT',
  'the relay did not %s within %s ms: it is down, or does not call its callbacks (see docs/topics.md)'
)

/** Error of a message of the relay that no node with this plugin has sent. It is ignored. Passed to `onRelayError`. */
export const FST_WS_INVALID_RELAY_MESSAGE = createError<[topic: string]>(
  'FST_WS_INVALID_RELAY_MESSAGE',
  'the relay delivered an invalid message on "%s": something else publishes there, or the nodes have different versions of fastify-websocket-h2 (see docs/topics.md)'
)

/** Error of a runtime whose own ws lacks parts of ws, such as Bun. Thrown by `register` and the client's import. */
export const FST_WS_UNSUPPORTED_RUNTIME = createError(
  'FST_WS_UNSUPPORTED_RUNTIME',
  'this runtime has a ws of its own, without the receiver that the plugin needs: use Node.js (see docs/faq.md)'
)
