import type { FastifyRequest } from 'fastify'
import type { Server as WsServer, WebSocket as WsWebSocket } from 'ws'
import type { MessageOptions, PreparedMessage } from './message.ts'
import type { Publish, PublishOptions, WebSocket } from './socket.ts'
import type { WebsocketStats } from './stats.ts'
import type { WebSocketTopic } from './topics.ts'

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

/** Options of `broadcast()`. */
export interface BroadcastOptions extends PublishOptions {
  /** URL of a route, as it was declared: only its sockets receive the message. Default: the sockets of all routes. */
  route?: string | undefined
  /**
   * Function that returns true for the sockets that receive the message. It is called for all of them before the first
   * one receives it, and has to be synchronous. Default: all sockets.
   */
  filter?: ((socket: WebSocket, request: FastifyRequest) => boolean) | undefined
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

  /**
   * Publishes a message to the sockets that subscribe to a topic, of all routes and both HTTP versions. Strings and
   * bytes are sent as they are, objects as JSON. The message is framed once. On each socket it follows everything that
   * was sent and published before; `sendLimit` and `slowConsumer` apply. A socket that fails does not affect others.
   *
   * The sockets of this process have received it when `publish()` returns. With the option `relay` it is then passed on
   * to the other nodes, at most once.
   *
   * @returns the number of sockets of this process that took the message: those that are open, and where
   * `slowConsumer` did not decide against it
   * @throws FST_WS_INVALID_TOPIC if the topic is not a string
   * @throws FST_WS_INVALID_MESSAGE if the data cannot be sent
   * @throws FST_WS_INVALID_OPTION if an option is invalid
   * @example
   * interface Price { symbol: string, price: number }
   * app.websocketServer.publish<Price>('prices', { symbol: 'EUR', price: 1.09 })
   */
  publish: Publish

  /**
   * Sends a message to the sockets of all routes in this process, or to a selection of them. It is not passed on to
   * other nodes: for that, subscribe each socket to one topic, and publish to it. Otherwise like `publish()`.
   *
   * @returns the number of sockets that took the message
   * @throws FST_WS_INVALID_MESSAGE if the data cannot be sent
   * @throws FST_WS_INVALID_OPTION if an option is invalid
   */
  broadcast<Data extends string | object> (data: Data, options?: BroadcastOptions): number

  /**
   * Returns the number of sockets of this process that subscribe to a topic.
   *
   * @throws FST_WS_INVALID_TOPIC if the topic is not a string
   */
  subscribers (topic: WebSocketTopic): number

  /**
   * Returns a message that is framed once, to be sent any number of times: by `publish()`, `broadcast()` and
   * `socket.send()`.
   *
   * @throws FST_WS_INVALID_MESSAGE if the data cannot be sent
   * @throws FST_WS_INVALID_OPTION if an option is invalid
   */
  prepare<Data extends string | object> (data: Data, options?: MessageOptions): PreparedMessage<Data>
}
