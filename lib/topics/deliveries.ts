import type { PreparedMessage } from '../frames/prepared-message.ts'
import type { PluginSocket } from '../socket/plugin-socket.ts'
import { isDeciding } from '../socket/slow-consumer.ts'
import { kDeliver } from '../symbols.ts'

/** Depth to which deliveries wait for each other. Thousands of slow sockets could otherwise overflow the stack. */
const MAX_DEPTH = 16

/** A message, on its way to its sockets. */
interface Delivery {
  readonly message: PreparedMessage
  readonly sockets: readonly PluginSocket[]
  readonly isReceiver: (socket: PluginSocket) => boolean
  /** True if a `slowConsumer` function has published it. */
  readonly isReport: boolean
  /** Called once, when all sockets have received it. */
  onEnd: (() => void) | undefined
  at: number
  count: number
}

/**
 * Delivers messages to sockets, synchronously. User code that runs meanwhile, such as `slowConsumer` and `send()` of a
 * class, may publish another message: the sockets that are left receive the first one before.
 */
export class Deliveries {
  #current: Delivery | undefined
  #depth = 0

  /**
   * Sends a message to sockets, and returns the number of those that took it.
   *
   * @param isReceiver returns false for a socket that is not to receive it, or not any more
   * @param onEnd called once, when all sockets have received it. Must not throw
   */
  deliver (
    message: PreparedMessage, sockets: readonly PluginSocket[], isReceiver: (socket: PluginSocket) => boolean,
    onEnd?: () => void
  ): number {
    const outer = this.#current
    if (outer !== undefined && this.#depth < MAX_DEPTH) this.#continue(outer)
    const delivery = { message, sockets, isReceiver, isReport: isDeciding(), onEnd, at: 0, count: 0 }
    this.#current = delivery
    this.#depth++
    try {
      this.#continue(delivery)
    } finally {
      this.#depth--
      this.#current = outer
    }
    return delivery.count
  }

  #continue (delivery: Delivery): void {
    const { message, sockets, isReceiver, isReport } = delivery
    while (delivery.at < sockets.length) {
      const socket = sockets[delivery.at++]!
      if (isReceiver(socket) && send(socket, message, isReport)) delivery.count++
    }
    const { onEnd } = delivery
    delivery.onEnd = undefined
    onEnd?.()
  }
}

/** Sends a message to a socket. What its class throws is an 'error' of this socket. */
function send (socket: PluginSocket, message: PreparedMessage, isReport: boolean): boolean {
  try {
    return socket[kDeliver](message, isReport)
  } catch (error) {
    process.nextTick(emitError, socket, error)
    return false
  }
}

function emitError (socket: PluginSocket, error: unknown): void {
  socket.emit('error', error)
}
