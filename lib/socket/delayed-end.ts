import type { Duplex, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import { hookMethods } from '../internals/streams.ts'
import { interceptEnd, isQueueing, wsReceiverOf, wsSenderOf } from '../internals/ws.ts'

/** Function to call whenever a message that ws has accepted was sent, or could not be sent. */
export type OnSent = (error?: Error | null) => void

/** Makes the end of a connection wait for zlib, in both directions. */
export function delayEnd (websocket: WebSocket, connection: Duplex): OnSent {
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
function endWhenSent (websocket: WebSocket, connection: Duplex): OnSent {
  const { end } = connection as { end: (...parameters: unknown[]) => Duplex }
  let delayed: unknown[] | undefined
  // ws sends nothing more after a Blob that could not be read. Its queue remains.
  let hasFailed = false
  const isWaiting = (): boolean => !hasFailed && isQueueing(wsSenderOf(websocket))
  hookMethods(connection, {
    end (...parameters) {
      if (!isWaiting()) return end.apply(this, parameters)
      delayed = parameters
      return this
    }
  })
  return (error) => {
    hasFailed ||= error != null
    if (delayed === undefined || isWaiting()) return
    const parameters = delayed
    delayed = undefined
    end.apply(connection, parameters)
  }
}
