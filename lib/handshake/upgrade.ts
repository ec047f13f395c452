import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { PluginSocket } from '../socket/websocket.ts'
import type { kUpgrade } from '../symbols.ts'

/**
 * One client's wish for a WebSocket, whichever HTTP version it came over. A transport makes it when the server
 * reports the request, the route takes it; until then any ordinary reply refuses it.
 */
export interface Upgrade {
  /** The server's logger, then the request's once there is one. */
  log: FastifyBaseLogger

  /** What hooks want sent along with the answer, as lines of HTTP/1.1. */
  headerLines: readonly string[]

  /** What refuses. */
  readonly response: ServerResponse

  /** Whether ws has begun to answer: from then on nothing can refuse. */
  readonly isAnswered: boolean

  /** Refuses, unless the handshake is done with before. */
  timer: NodeJS.Timeout | undefined

  /**
   * Finishes the opening handshake and passes the open socket on. Where the client's offer, or `verifyClient`,
   * forbids it, the client gets ws's refusal and `onSocket` is not called.
   *
   * @param server negotiates, and counts the socket among its clients
   * @throws what `verifyClient` or `handleProtocols` throw; nothing has been answered then
   */
  accept (server: WebSocketServer, onSocket: OnSocket): void

  /** Refuses a request that nothing has been done about, in a way that lets its client try again elsewhere. */
  refuseUnprocessed (): void

  /** Is told that ws writes the head that opens the socket next. */
  startAnswer (): void

  /** Breaks off what carries the handshake. */
  abort (): void
}

/** @param connection what carries the socket */
export type OnSocket = (socket: PluginSocket, connection: Duplex) => void

/** Node's request object of either HTTP version, with the Upgrade that a transport may have put there. */
export type RawRequest = (IncomingMessage | Http2ServerRequest) & { [kUpgrade]?: Upgrade }

/** Sends a request into Fastify, as the GET of its path. What Fastify replies goes to the response given. */
export type Dispatch = (request: RawRequest, response: ServerResponse) => void
