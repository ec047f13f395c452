import type { Server as WsServer, WebSocket as WsWebSocket } from 'ws'
import type { WebSocket } from './socket.ts'
import type { WebsocketStats } from './stats.ts'

/** Class of the sockets. A class in `options.WebSocket` has no influence on this type. */
type SocketClass = typeof WsWebSocket & (new (...parameters: ConstructorParameters<typeof WsWebSocket>) => WebSocket)

/** Options of `app.websocketServer.drain()`. */
export interface DrainOptions {
  /**
   * Time, in ms, that the Close frames are spread over, evenly, so that not all clients reconnect at the same moment. 0
   * closes all sockets at once. Default: 30000.
   */
  over?: number | undefined
  /** Code of the Close frames (RFC 6455 section 7.4). Default: 1012 (service restart). */
  code?: number | undefined
  /** Reason in the Close frames, at most 123 bytes in UTF-8. Default: 'reconnect'. */
  reason?: string | undefined
}

/**
 * Decorator `app.websocketServer`: ws's `WebSocketServer`, for both HTTP versions. It negotiates all handshakes, and
 * has the open sockets in `clients`.
 */
export interface WebsocketServer extends WsServer<SocketClass> {
  /**
   * Returns the numbers of sockets, messages, bytes, handshakes and sessions, now and since the plugin was registered.
   * It visits each open socket and session.
   *
   * @example
   * app.get('/health', async () => app.websocketServer.stats().sockets)
   */
  stats (): WebsocketStats

  /**
   * Closes all sockets that are open now, so that their clients reconnect, and a load balancer can lead them to other
   * servers. Sends GOAWAY on all HTTP/2 sessions first (RFC 9113 section 6.8). The server continues: new sockets and
   * sessions are accepted. If Fastify closes meanwhile, its shutdown closes the sockets that are left.
   *
   * @returns the number of these sockets, when all of them have closed
   * @throws FST_WS_INVALID_OPTION, as a rejection, if an option is invalid
   */
  drain (options?: DrainOptions): Promise<number>
}
