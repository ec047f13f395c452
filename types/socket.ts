import type { WebSocket as WsWebSocket } from 'ws'

/**
 * The socket that a websocket handler gets: ws's `WebSocket`, and what backpressure asks for. The same over HTTP/1.1
 * and HTTP/2.
 *
 * A message that nobody listens to waits until somebody does: up to 16 KiB of them, then the peer waits too. Those of a
 * handler that has returned and does not listen, or that lets the peer wait for 5 s, are dropped past that.
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
   * The messages one by one, text as string and binary as Buffer (or what `binaryType` says), until the socket closes;
   * it throws what `'error'` tells. Between two messages the peer can only send ahead what its window lets through
   * (RFC 9113 section 6.9), and sockets beside it go on. To leave the loop does not close the socket: what it did not
   * take goes to the next one who listens.
   */
  [Symbol.asyncIterator] (): AsyncGenerator<string | Buffer, void, undefined>
}

/**
 * What to do about a message to a peer that has more than `sendLimit` bytes to read: `'drop'` does not send it,
 * `'close'` does neither and closes the socket with 1008 (RFC 6455 section 7.4.1), `'send'` sends it all the same. The
 * callback of a message that is not sent gets FST_WS_SLOW_CONSUMER. A message whose first part was sent before cannot
 * be dropped: the socket closes.
 */
export type SlowConsumer =
  | 'close'
  | 'drop'
  | ((socket: WebSocket, bytes: number) => 'close' | 'drop' | 'send' | void)
