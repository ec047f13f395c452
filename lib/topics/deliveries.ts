import { captureRejectionSymbol } from 'node:events'
import type { PreparedMessage } from '../frames/prepared-message.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { isDeciding } from '../socket/slow-consumer.ts'
import { kDeliver, kIsSlow } from '../symbols.ts'

/** Depth to which deliveries wait for each other. Thousands of them would overflow the stack. */
const MAX_DEPTH = 16

/** A message, on its way to its sockets. */
interface Delivery {
  readonly message: PreparedMessage
  readonly sockets: readonly PluginSocket[]
  readonly isReceiver: (socket: PluginSocket) => boolean
  /** Called once, when all sockets have received it, except slow ones that may follow. */
  onEnd: (() => void) | undefined
  /** Index of the next socket. */
  at: number
  /** Slow sockets that were left out, and that follow. */
  readonly slow: PluginSocket[]
  count: number
}

/**
 * Delivers messages to sockets, synchronously. User code that runs meanwhile, such as `slowConsumer` and `send()` of a
 * class, may publish another message: the sockets that are left receive the first one before.
 *
 * What is published while `slowConsumer` decides is a report. Slow sockets do not receive it: their functions would
 * report it, too. They need not receive the first message before it either, so that their functions do not call each
 * other.
 */
export class Deliveries {
  #current: Delivery | undefined
  #depth = 0

  /**
   * Sends a message to sockets, and returns the number of those that took it.
   *
   * @param isReceiver returns false for a socket that is not to receive it, or not any more
   * @param onEnd called once, before a later message is delivered. Must not throw
   */
  deliver (
    message: PreparedMessage, sockets: readonly PluginSocket[], isReceiver: (socket: PluginSocket) => boolean,
    onEnd?: () => void
  ): number {
    const isReport = isDeciding()
    const outer = this.#current
    const delivery = { message, sockets, isReceiver, onEnd, at: 0, slow: [], count: 0 }
    this.#depth++
    try {
      if (outer !== undefined && this.#depth <= MAX_DEPTH) this.#continue(outer, isReport)
      this.#current = delivery
      this.#continue(delivery, isReport)
    } finally {
      this.#depth--
      this.#current = outer
    }
    return delivery.count
  }

  #continue (delivery: Delivery, isReport: boolean): void {
    const { sockets, slow } = delivery
    while (delivery.at < sockets.length) {
      const socket = sockets[delivery.at++]!
      if (isReport && socket[kIsSlow]) slow.push(socket)
      else send(delivery, socket)
    }
    if (!isReport) while (slow.length > 0) send(delivery, slow.pop()!)
    // User code may have continued this delivery, and ended it.
    const { onEnd } = delivery
    delivery.onEnd = undefined
    onEnd?.()
  }
}

/** Sends a message to a socket. What its class throws is an 'error' of this socket. */
function send (delivery: Delivery, socket: PluginSocket): void {
  try {
    if (delivery.isReceiver(socket) && socket[kDeliver](delivery.message)) delivery.count++
  } catch (error) {
    process.nextTick(reportError, socket, error)
  }
}

/** Emits 'error'. If all listeners were removed, the error reaches `errorHandler` nevertheless. */
function reportError (socket: PluginSocket, error: Error): void {
  if (socket.listenerCount('error') > 0) socket.emit('error', error)
  else socket[captureRejectionSymbol]!(error, 'error')
}
