import type { Duplex, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import { hookMethods } from '../internals/streams.ts'
import { interceptEnd, isQueueing, wsReceiverOf, wsSenderOf } from '../internals/ws.ts'

/**
 * Makes the end of a connection wait for zlib, in both directions.
 *
 * @returns a function to call whenever a message has been sent
 */
export function delayEnd (websocket: WebSocket, connection: Duplex): () => void {
  endWhenParsed(websocket, connection)
  return endWhenSent(websocket, connection)
}

/**
 * Makes the end of a connection wait until ws has parsed what was received before it. ws ends its own side as soon as
 * the peer has ended, without an answer to a Close frame behind messages that it inflates, or that wait for the next
 * tick with `allowSynchronousEvents: false`. Chromium sends END_STREAM together with its Close.
 */
export function endWhenParsed (websocket: WebSocket, connection: Duplex): void {
  interceptEnd(connection, (wsOnEnd) => {
    const receiver = wsReceiverOf(websocket) as unknown as Writable
    if (receiver.writableLength === 0) return wsOnEnd()
    const onParsed = (): void => { if (!connection.destroyed) wsOnEnd() }
    receiver.on('finish', onParsed).on('error', onParsed).end()
  })
}

/** Makes `end()` wait until ws has passed on what it compresses, which would be written after the end. */
function endWhenSent (websocket: WebSocket, connection: Duplex): () => void {
  const { end } = connection as { end: (...parameters: unknown[]) => Duplex }
  let delayed: unknown[] | undefined
  hookMethods(connection, {
    end (...parameters) {
      if (!isQueueing(wsSenderOf(websocket))) return end.apply(this, parameters)
      delayed = parameters
      return this
    }
  })
  return () => {
    if (delayed === undefined || isQueueing(wsSenderOf(websocket))) return
    const parameters = delayed
    delayed = undefined
    end.apply(connection, parameters)
  }
}
