import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { HttpVersion, RefusalCause } from '../../types/index.ts'
import type { Connection } from '../socket/connection.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import type { kUpgrade } from '../symbols.ts'

/**
 * Pending WebSocket handshake, over either HTTP version. A transport creates it when the server emits the request,
 * and a route accepts it. Until then any ordinary reply refuses it.
 */
export interface Upgrade {
  readonly httpVersion: HttpVersion

  /** Logger of the server, then that of the request once it exists. */
  log: FastifyBaseLogger

  /** Request of Fastify, once Fastify has routed the handshake. */
  request: FastifyRequest | undefined

  /** Set before the handshake is refused for another cause than a reply. */
  refusal: Refusal | undefined

  /** Status of the response that refused the handshake; undefined if none was sent. */
  readonly status: number | undefined

  /** Header fields that hooks add to the response, as lines of HTTP/1.1. */
  headerLines: readonly string[]

  /** Response that refuses the handshake. */
  readonly response: ServerResponse

  /** True once ws has begun to write the response that opens the socket. From then on nothing can refuse it. */
  readonly isAnswered: boolean

  /** Timer of `handshakeTimeout`, which refuses the handshake. */
  timer: NodeJS.Timeout | undefined

  /**
   * Completes the opening handshake and passes the open socket on. If the client's offer or `verifyClient` forbids it,
   * ws answers with a refusal, and `onSocket` is not called.
   *
   * @param server ws server that negotiates, and adds the socket to its clients
   * @throws errors of `verifyClient` and `handleProtocols`; nothing has been sent then
   */
  accept (server: WebSocketServer, onSocket: OnSocket): void

  /** Refuses a request that has not been processed, so that its client or a proxy may try another server. */
  refuseUnprocessed (): void

  /** Called before ws writes the response head that opens the socket. */
  startAnswer (): void

  /** Destroys the connection or stream that carries the handshake. */
  abort (): void
}

/** Function that receives an open socket, and the connection that carries it. */
export type OnSocket = (socket: PluginSocket, connection: Connection) => void

/** Raw request of either HTTP version, with the Upgrade that a transport may have attached, until its socket opens. */
export type RawRequest = (IncomingMessage | Http2ServerRequest) & { [kUpgrade]?: Upgrade }

/**
 * Function that passes a request to the router of Fastify, as the GET of its path. Fastify replies with the response.
 */
export type Dispatch = (request: RawRequest, response: ServerResponse) => void

/** Cause of a refusal. */
export interface Refusal {
  cause: RefusalCause
  /** True if the code that refuses the handshake logs it, or Fastify does because of an error. */
  isLogged: boolean
}

/** Handshake that opened no socket. */
export interface RefusedHandshake extends Refusal {
  rawRequest: RawRequest
  httpVersion: HttpVersion
  /** Undefined if the request is not a valid handshake. */
  upgrade: Upgrade | undefined
  /** Undefined if Fastify has not routed the handshake. */
  request: FastifyRequest | undefined
  /** Undefined if no response was sent. */
  status: number | undefined
  log: FastifyBaseLogger
}

/** Function that receives the handshakes that open no socket. */
export type OnRefused = (refused: RefusedHandshake) => void
