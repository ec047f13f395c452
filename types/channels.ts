import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RelayOperation } from './relay.ts'
import type { HttpVersion, WebSocket } from './socket.ts'

/**
 * Cause of a handshake that opened no socket.
 *
 * - `'reply'`: a hook, schema or error handler replied
 * - `'origin'`: the option `origin` does not allow the Origin of the request
 * - `'no_route'`: no websocket route matches the URL
 * - `'invalid_request'`: the request does not conform to RFC 6455 or RFC 8441, or its fields are too large
 * - `'verify_client'`: `verifyClient` refused it, or failed
 * - `'timeout'`: it was not answered within `handshakeTimeout`
 * - `'max_sockets'`, `'max_pending_handshakes'`: the limit of that option is exceeded
 * - `'shutdown'`: the server is closing
 * - `'aborted'`: the client left, or the connection was lost, before an answer
 */
export type RefusalCause =
  | 'aborted' | 'invalid_request' | 'max_pending_handshakes' | 'max_sockets' | 'no_route' | 'origin' | 'reply'
  | 'shutdown' | 'timeout' | 'verify_client'

/**
 * Message of `tracing:fastify-websocket-h2.handshake:*`. One object goes to all channels of a handshake: `start`, `end`
 * when the synchronous part has ended, then `asyncStart` and `asyncEnd` when the handshake is answered, and `error`
 * before these if no socket was opened. See `diagnostics_channel.tracingChannel()` of Node.js.
 */
export interface HandshakeMessage {
  /** Raw request. An Extended CONNECT has the method GET, as hooks see it (RFC 8441 section 5). */
  rawRequest: IncomingMessage | Http2ServerRequest
  /** HTTP version of the handshake. */
  httpVersion: HttpVersion
  /** Request of Fastify; undefined until Fastify has routed it. */
  request: FastifyRequest | undefined
  /** URL of the route, as it was declared; undefined until Fastify has routed the request, and if there is none. */
  route: string | undefined
  /** Socket, from `asyncStart` on, if the handshake opened one. */
  socket: WebSocket | undefined
  /** Status of the refusal; undefined if a socket was opened, or if no response was sent. */
  status: number | undefined
  /** Cause of the refusal; undefined if a socket was opened. */
  cause: RefusalCause | undefined
  /** Fastify instance that the plugin is registered on. */
  fastify: FastifyInstance
  /** FST_WS_HANDSHAKE_REFUSED, from `error` on, if no socket was opened. */
  error: Error | undefined
}

/** Message of `fastify-websocket-h2:handshake:refused`. */
export interface HandshakeRefusedMessage {
  /** Raw request. An Extended CONNECT has the method GET, as hooks see it (RFC 8441 section 5). */
  rawRequest: IncomingMessage | Http2ServerRequest
  /** HTTP version of the handshake. */
  httpVersion: HttpVersion
  /** Request of Fastify; undefined if it was refused before Fastify routed it. */
  request: FastifyRequest | undefined
  /** URL of the route, as it was declared; undefined if there is none, or if Fastify has not routed the request. */
  route: string | undefined
  /** Status of the response; undefined if none was sent. */
  status: number | undefined
  /** Cause of the refusal. */
  cause: RefusalCause
  /** Fastify instance that the plugin is registered on. */
  fastify: FastifyInstance
}

/** Identity of a socket, in the messages of all `fastify-websocket-h2:socket:*` channels. */
export interface SocketMessage {
  /** Socket of the server. */
  socket: WebSocket
  /** Request that opened the socket. `request.server` is the Fastify instance of its route. */
  request: FastifyRequest
  /** URL of the route, as it was declared. */
  route: string
  /** HTTP version that carries the socket. */
  httpVersion: HttpVersion
}

/** Messages and bytes of a socket. Bytes are those of the messages, before compression and without frame headers. */
export interface SocketTraffic {
  /** Messages that the client sent. */
  messagesReceived: number
  /** Messages that were sent to the client. */
  messagesSent: number
  /** Bytes of the messages that the client sent. */
  bytesReceived: number
  /** Bytes of the messages that were sent to the client. */
  bytesSent: number
}

/** Message of `fastify-websocket-h2:socket:open`, published before the handler is called. */
export interface SocketOpenMessage extends SocketMessage {}

/** Message of `fastify-websocket-h2:socket:close`. */
export interface SocketCloseMessage extends SocketMessage, SocketTraffic {
  /** Code of the `'close'` event (RFC 6455 section 7.1.5). */
  code: number
  /** Reason of the `'close'` event. Empty if the Close frame had none. */
  reason: string
  /** Time, in ms, that the socket was open. */
  duration: number
  /** Side that closed first; undefined if the connection was lost without a Close frame. */
  closedBy: 'client' | 'server' | undefined
}

/** Message of `fastify-websocket-h2:socket:slow_consumer`, published when `slowConsumer` has decided. */
export interface SlowConsumerMessage extends SocketMessage {
  /** Bytes that were waiting to be sent. */
  bufferedAmount: number
  /** Action: the message is discarded and the socket closes, or only the message is discarded. */
  action: 'close' | 'drop'
}

/** Message of `fastify-websocket-h2:socket:unresponsive`, published before `heartbeat` terminates a socket. */
export interface UnresponsiveMessage extends SocketMessage {}

/** Message of `fastify-websocket-h2:socket:backpressure`, published when backpressure begins and when it ends. */
export interface BackpressureMessage extends SocketMessage {
  /** `'send'`: the client does not read fast enough. `'receive'`: the socket is paused, so the client has to wait. */
  direction: 'receive' | 'send'
  /** True when it begins, false when it ends. */
  active: boolean
}

/** Identity of an HTTP/2 session, in the messages of all `fastify-websocket-h2:session:*` channels. */
export interface SessionMessage {
  /** HTTP/2 session of the server. */
  session: Http2Session
  /** Fastify instance that the plugin is registered on. */
  fastify: FastifyInstance
}

/** Message of `fastify-websocket-h2:session:open`, published for each session of the server. */
export interface SessionOpenMessage extends SessionMessage {}

/** Message of `fastify-websocket-h2:session:close`. */
export interface SessionCloseMessage extends SessionMessage {
  /** Time, in ms, that the session was open. */
  duration: number
  /** Number of sockets that it has carried. */
  sockets: number
}

/** Message of `fastify-websocket-h2:session:receive_window`, published when the window of its streams changes. */
export interface ReceiveWindowMessage extends SessionMessage {
  /** Window of each stream, in bytes (RFC 9113 section 6.9.2). */
  size: number
  /** Window before the change, in bytes. */
  previous: number
}

/** Message of `fastify-websocket-h2:relay:error`, published for each error of the option `relay`. */
export interface RelayErrorMessage {
  /** Fastify instance that the plugin is registered on. */
  fastify: FastifyInstance
  /** Error of the relay, or of the plugin, such as FST_WS_RELAY_TIMEOUT. */
  error: Error
  /** Operation that has failed. */
  operation: RelayOperation
  /** Topic as it was published or subscribed to; undefined if the error concerns no single topic. */
  topic: string | undefined
}

/** Message of `fastify-websocket-h2:shutdown:start` and `fastify-websocket-h2:shutdown:end`. */
export interface ShutdownMessage {
  /** Fastify instance that the plugin is registered on. */
  fastify: FastifyInstance
  /** Open sockets at that time. */
  sockets: number
}
