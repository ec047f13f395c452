import type { WebSocket as WsWebSocket } from 'ws'
import type { MessageOptions, PreparedMessage } from './message.ts'
import type { WebSocketTopic, WebSocketTopics } from './topics.ts'

/** HTTP version that carries a socket. */
export type HttpVersion = '1.1' | '2'

/**
 * Socket of a websocket handler, `connect()` or `injectWS()`: ws's `WebSocket` with backpressure in both directions. It
 * behaves the same over HTTP/1.1 and HTTP/2.
 *
 * Messages that arrive while there is no listener wait for one. When more than 16 KiB are waiting, reading stops, so
 * that the peer has to wait. Messages are then dropped if the handler has returned, or if there is no listener for 5 s.
 * A warning is logged the first time.
 *
 * Any number of `'message'` listeners and `for await` loops can read one socket. Each receives every message once and
 * in order, starting with the first message that no other listener or loop had received. Messages that are unread when
 * the last one leaves go to the next one. Messages that were received before the socket closes are emitted before
 * `'close'`.
 *
 * @example
 * app.get('/sum', { websocket: true }, async (socket) => {
 *   let sum = 0
 *   for await (const message of socket) {
 *     sum += Number(message)
 *     socket.send(String(sum))
 *     if (socket.writableNeedDrain) await once(socket, 'drain')
 *   }
 * })
 */
export interface WebSocket extends WsWebSocket {
  /**
   * HTTP version that carries the socket: `'2'` for a stream of an HTTP/2 connection (RFC 8441), `'1.1'` for an
   * upgraded connection (RFC 6455). It describes the last hop: behind a proxy, the connection to that proxy. Undefined
   * until a socket of `connect()` opens.
   */
  readonly httpVersion: HttpVersion | undefined

  /**
   * True if the data that waits to be sent has reached the `writableHighWaterMark` of the connection or stream (64 KiB,
   * on Node.js 20 16 KiB), as for a Writable. `'drain'` is emitted when all of it has been sent.
   */
  readonly writableNeedDrain: boolean

  /**
   * Iterates over the messages until the socket closes. Text is a string; binary data is a Buffer, or the type of
   * `binaryType`. Throws the error of an `'error'` event, after the messages that preceded it. While the loop is busy,
   * the peer can send only as much as its receive window allows (RFC 9113 section 5.2); other sockets of the connection
   * are not affected. Leaving the loop does not close the socket; unread messages go to the next listener or loop. The
   * slowest of several loops sets the pace.
   */
  [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined>

  /**
   * Pauses the socket until `resume()` is called. Listeners and loops receive nothing meanwhile, and the peer can send
   * only as much as its receive window allows. Messages that were received before the socket closes are still emitted.
   */
  pause (): void

  /** Resumes a paused socket. Reading stays paused while a `for await` loop has too many messages waiting. */
  resume (): void

  /** Sends a message, as in ws. It also takes a message that `app.websocketServer.prepare()` returned. */
  send: WsWebSocket['send'] & ((message: PreparedMessage, callback?: (error?: Error) => void) => void)

  /**
   * Topics that the socket subscribes to. The set follows each change; its own methods that change it throw. Empty once
   * the socket has closed, and for a client's socket.
   */
  readonly topics: ReadonlySet<WebSocketTopic>

  /**
   * Subscribes to a topic: the socket receives the messages that are published to it from now on, until it
   * unsubscribes or closes. Does nothing if the socket is closing. Topics are compared exactly, without wildcards.
   *
   * @param callback called once, when the relay has confirmed the subscription: from then on, messages of other nodes
   * arrive too. Without the option `relay` it is called on the next tick. It is never called if the last subscription
   * of this node to the topic ends before. Default: none
   * @throws FST_WS_INVALID_TOPIC if the topic is not a string
   * @throws FST_WS_INVALID_OPTION if the callback is not a function
   * @throws FST_WS_NO_TOPICS if the socket is that of a client
   * @example
   * app.get<{ Params: { room: string } }>('/rooms/:room', { websocket: true }, (socket, request) => {
   *   const topic = `room:${request.params.room}` as const
   *   socket.subscribe(topic)
   *   socket.on('message', (message) => socket.publish(topic, String(message)))
   * })
   */
  subscribe (topic: WebSocketTopic, callback?: () => void): void

  /**
   * Ends the subscription to a topic, if there is one.
   *
   * @throws FST_WS_INVALID_TOPIC if the topic is not a string
   * @throws FST_WS_NO_TOPICS if the socket is that of a client
   */
  unsubscribe (topic: WebSocketTopic): void

  /**
   * Publishes a message to the other sockets that subscribe to a topic, as `app.websocketServer.publish()` does. This
   * socket does not receive it. It need not subscribe to the topic itself, and may have closed.
   *
   * @returns the number of sockets of this process that took the message
   * @throws FST_WS_INVALID_TOPIC if the topic is not a string
   * @throws FST_WS_INVALID_MESSAGE if the data cannot be sent
   * @throws FST_WS_INVALID_OPTION if an option is invalid
   * @throws FST_WS_NO_TOPICS if the socket is that of a client
   */
  publish: Publish
}

/**
 * Policy for a message that is sent while `bufferedAmount` exceeds `sendLimit`. `'drop'` discards the message.
 * `'close'` discards it and closes the socket with 1008 (RFC 6455 section 7.4.1). The callback of a discarded message
 * receives FST_WS_SLOW_CONSUMER. A message whose first fragment was sent cannot be dropped: the socket closes.
 *
 * A function receives the socket and its `bufferedAmount` in bytes. It returns `'close'`, `'drop'`, or `'send'` or
 * nothing to send the message anyway. It has to be synchronous, and is not called for messages that it sends to the
 * same socket. If it throws, or returns anything else, such as a promise, the message is discarded and the socket
 * closes with 1011; the callback and `'error'` receive the error that it threw, or FST_WS_INVALID_SLOW_CONSUMER.
 */
export type SlowConsumer =
  | 'close'
  | 'drop'
  | ((socket: WebSocket, bytes: number) => 'close' | 'drop' | 'send' | void)

/** Options of `publish()`. With a prepared message only `except` is allowed: it has `binary` and `compress` already. */
export interface PublishOptions extends MessageOptions {
  /** Sockets of this process that do not receive the message. Default: none. */
  except?: WebSocket | Iterable<WebSocket> | undefined
}

/** Method `publish()` while `WebSocketTopics` is empty: any data on any topic. A type argument checks the data. */
type PublishAnything = <Data extends string | object> (topic: string, data: Data, options?: PublishOptions) => number

/** Method `publish()` with the topics of `WebSocketTopics`: data has the type of its topic, or is prepared from it. */
type PublishDeclared = <Topic extends WebSocketTopic & keyof WebSocketTopics> (
  topic: Topic, data: WebSocketTopics[Topic] | PreparedMessage<WebSocketTopics[Topic]>, options?: PublishOptions
) => number

/** Type of `publish()` of a socket and of `app.websocketServer`. */
export type Publish = [keyof WebSocketTopics] extends [never] ? PublishAnything : PublishDeclared
