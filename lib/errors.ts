import { createError } from '@fastify/error'

/** The plugin was registered a second time on one server: the two would answer the same upgrade. */
export const FST_WS_ALREADY_REGISTERED = createError(
  'FST_WS_ALREADY_REGISTERED',
  'fastify-websocket-h2 (or @fastify/websocket) is already registered on this server: register it once, on the instance that all websocket routes descend from'
)

/** An option of the plugin has a value that it cannot have. Thrown by `register`. */
export const FST_WS_INVALID_OPTION = createError<[name: string, expected: string, received: string]>(
  'FST_WS_INVALID_OPTION',
  'option %s must be %s, got %s',
  500,
  TypeError
)

/** A websocket route names a method that an upgrade cannot have. Thrown when the route is added. */
export const FST_WS_INVALID_METHOD = createError<[url: string, methods: string]>(
  'FST_WS_INVALID_METHOD',
  'websocket route "%s" must have the method GET, got %s'
)

/** A websocket route has no function to hand its sockets to. Thrown when the route is added. */
export const FST_WS_INVALID_HANDLER = createError<[name: string, url: string, received: string]>(
  'FST_WS_INVALID_HANDLER',
  '%s of websocket route "%s" must be a function, got %s',
  500,
  TypeError
)

/** A client may only use HTTP/2, and the server does not serve WebSocket over it (RFC 8441 section 3). */
export const FST_WS_NO_EXTENDED_CONNECT = createError<[origin: string]>(
  'FST_WS_NO_EXTENDED_CONNECT',
  '%s does not offer WebSocket over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL): leave out the option "http", and give a URL, to go on over HTTP/1.1'
)

/** What `injectWS` rejects with where the handshake is refused. Has the `statusCode` and `headers` of the answer. */
export const FST_WS_UNEXPECTED_RESPONSE = createError<[status: number]>(
  'FST_WS_UNEXPECTED_RESPONSE',
  'Unexpected server response: %s'
)

/** A peer asked for a WebSocket where no websocket route is. Answered with 404. */
export const FST_WS_NO_WEBSOCKET_ROUTE = createError<[url: string]>(
  'FST_WS_NO_WEBSOCKET_ROUTE',
  'no websocket route at "%s"',
  404
)

/** The server began to close while the hooks of a handshake were running. Answered with 503. */
export const FST_WS_SHUTTING_DOWN = createError<[url: string]>(
  'FST_WS_SHUTTING_DOWN',
  'no socket for "%s": the server is shutting down',
  503
)

/**
 * A hook, `verifyClient` or a listener for `'headers'` set a response header that cannot be sent with the handshake.
 * Answered with 500.
 */
export const FST_WS_INVALID_HEADER = createError<[name: string]>(
  'FST_WS_INVALID_HEADER',
  'the response header "%s" cannot be sent with a websocket handshake: its name or value has characters that HTTP does not allow'
)

/** `handleProtocols` chose what cannot be a subprotocol (RFC 6455 section 4.2.2). Answered with 500. */
export const FST_WS_INVALID_SUBPROTOCOL = createError<[received: string]>(
  'FST_WS_INVALID_SUBPROTOCOL',
  'handleProtocols must return one of the subprotocols, or false, got %s'
)

/** `verifyClient` refused a handshake with a status that refuses nothing. Logged, and answered with 500. */
export const FST_WS_INVALID_REFUSAL = createError<[status: string]>(
  'FST_WS_INVALID_REFUSAL',
  'verifyClient must refuse a handshake with a status from 300 to 599, got %s'
)

/**
 * A peer reads more slowly than it is sent to, and `slowConsumer` says to drop or close. Given to the callback of
 * `send()`; where the socket closes, with 1008 (RFC 6455 section 7.4.1), it is its `'error'` as well.
 */
export const FST_WS_SLOW_CONSUMER = createError<[bytes: number, limit: number]>(
  'FST_WS_SLOW_CONSUMER',
  'the peer has %s bytes to read, more than the sendLimit of %s: wait for \'drain\' before you send more'
)

/**
 * The function of the option `slowConsumer` returned what it cannot, such as a promise, or threw no Error. The message
 * is not sent, and the socket closes with 1011. Given to the callback of `send()`, and to `'error'`.
 */
export const FST_WS_INVALID_SLOW_CONSUMER = createError<[verb: string, result: string]>(
  'FST_WS_INVALID_SLOW_CONSUMER',
  'the function of the option "slowConsumer" %s %s: it must return "close", "drop", "send" or nothing, synchronously',
  500,
  TypeError
)

/** A socket ended before all of a message was sent. Given to the callback of `send()`, `ping()` or `pong()`. */
export const FST_WS_NOT_SENT = createError(
  'FST_WS_NOT_SENT',
  'the connection ended before all of this was sent: the peer may have received none of it'
)
