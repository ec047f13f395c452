import type { WebSocket as WsWebSocket } from 'ws'

/**
 * The socket that a websocket handler gets: ws's `WebSocket`, and what backpressure asks for. The same over HTTP/1.1
 * and HTTP/2.
 *
 * A message that nobody listens to waits until somebody does: up to 16 KiB of them, then the peer waits too. Past that,
 * messages are dropped if the handler has returned without listening, or lets the peer wait for 5 s; the first time a
 * warning is logged.
 *
 * Any number of `'message'` listeners and `for await` loops may read one socket. Each receives every message, once and
 * in order, from the first one that no other has received when it begins to listen, until it leaves. Messages that
 * nobody has received when the last one leaves go to the next. What was received before the socket closes is emitted
 * before `'close'`.
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
   * Whether more is waiting to be sent than Node wants to keep (`writableHighWaterMark`: 64 KiB, with Node 20 16 KiB).
   * `'drain'` is emitted when all of it has gone, as with a stream of Node.
   */
  readonly writableNeedDrain: boolean

  /**
   * Returns the messages one by one, text as string and binary as Buffer (or what `binaryType` says), until the socket
   * closes. Throws the error of an `'error'` event, after the messages before it. Between two messages the peer can
   * only send ahead what its window lets through (RFC 9113 section 6.9); other sockets are not affected. Leaving the
   * loop does not close the socket: messages that no other listener or loop has received go to the next one. Where
   * several loops read one socket, the slowest sets the pace.
   */
  [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined>

  /**
   * Pauses the socket until `resume()` is called: nothing is emitted meanwhile, to listeners or loops, and the peer can
   * only send ahead what its window lets through. What was received is emitted all the same when the socket closes.
   */
  pause (): void

  /** Undoes `pause()`. A socket stays paused while a `for await` loop has too many messages waiting. */
  resume (): void
}

/**
 * What to do about a message to a peer that has more than `sendLimit` bytes to read: `'drop'` does not send it,
 * `'close'` does neither and closes the socket with 1008 (RFC 6455 section 7.4.1), `'send'` sends it all the same. The
 * callback of a message that is not sent gets FST_WS_SLOW_CONSUMER. A message whose first part was sent before cannot
 * be dropped: the socket closes.
 *
 * A function is synchronous: it returns one of these, or nothing for `'send'`. It is not called for what it sends to
 * the socket itself. If it returns anything else, such as a promise, or throws, the message is not sent and the socket
 * closes with 1011; the callback and `'error'` get FST_WS_INVALID_SLOW_CONSUMER, or the error that it threw.
 */
export type SlowConsumer =
  | 'close'
  | 'drop'
  | ((socket: WebSocket, bytes: number) => 'close' | 'drop' | 'send' | void)
