import type { Server as WsServer, WebSocket as WsWebSocket } from 'ws'
import type { WebSocket } from './socket.ts'
import type { WebsocketStats } from './stats.ts'

/** Class of the sockets. A class in `options.WebSocket` has no influence on this type. */
type SocketClass = typeof WsWebSocket & (new (...parameters: ConstructorParameters<typeof WsWebSocket>) => WebSocket)

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
}
