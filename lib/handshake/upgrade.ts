import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { Connection } from '../socket/connection.ts'
import type { PluginSocket } from '../socket/websocket.ts'
import type { kUpgrade } from '../symbols.ts'

/**
 * A pending WebSocket handshake, over either HTTP version. A transport creates it when the server reports the request,
 * and a route accepts it. Until then any ordinary reply refuses it.
 */
export interface Upgrade {
  /** The server's logger, then the request's once there is one. */
  log: FastifyBaseLogger

  /** The header fields that hooks add to the response, as lines of HTTP/1.1. */
  headerLines: readonly string[]

  /** The response that refuses the handshake. */
  readonly response: ServerResponse

  /** Whether ws has begun to write the response that opens the socket. From then on nothing can refuse it. */
  readonly isAnswered: boolean

  /** Refuses the handshake when `handshakeTimeout` has passed. */
  timer: NodeJS.Timeout | undefined

  /**
   * Completes the opening handshake and passes the open socket on. If the client's offer or `verifyClient` forbids it,
   * ws answers with a refusal, and `onSocket` is not called.
   *
   * @param server negotiates, and counts the socket among its clients
   * @throws what `verifyClient` or `handleProtocols` throw; nothing has been sent then
   */
  accept (server: WebSocketServer, onSocket: OnSocket): void

  /** Refuses a request that has not been processed, in a way that lets its client try again elsewhere. */
  refuseUnprocessed (): void

  /** Called before ws writes the response head that opens the socket. */
  startAnswer (): void

  /** Destroys the connection or stream that carries the handshake. */
  abort (): void
}

export type OnSocket = (socket: PluginSocket, connection: Connection) => void

/** Node's request of either HTTP version, with the Upgrade that a transport may have attached. */
export type RawRequest = (IncomingMessage | Http2ServerRequest) & { [kUpgrade]?: Upgrade }

/** Routes a request by Fastify, as the GET of its path. Fastify replies to the response given. */
export type Dispatch = (request: RawRequest, response: ServerResponse) => void
