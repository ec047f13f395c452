import type { WebSocket } from 'ws'

/** Sockets that have to close before a wait ends. */
interface Wait {
  readonly sockets: Set<WebSocket>
  end (): void
}

/** Open sockets of a server. */
export class OpenSockets implements Iterable<WebSocket> {
  readonly #sockets: Set<WebSocket>
  readonly #waits = new Set<Wait>()
  readonly #socketOnClose: (this: WebSocket) => void

  /** @param sockets a set that others change, too */
  constructor (sockets = new Set<WebSocket>()) {
    this.#sockets = sockets
    const remove = (socket: WebSocket): void => this.remove(socket)
    this.#socketOnClose = function () { remove(this) }
  }

  get size (): number {
    return this.#sockets.size
  }

  [Symbol.iterator] (): Iterator<WebSocket> {
    return this.#sockets[Symbol.iterator]()
  }

  add (socket: WebSocket): void {
    this.#sockets.add(socket)
  }

  /** Removes a socket that has closed. */
  remove (socket: WebSocket): void {
    this.#sockets.delete(socket)
    for (const { sockets, end } of this.#waits) {
      if (sockets.delete(socket) && sockets.size === 0) end()
    }
  }

  /**
   * Resolves when all of these sockets have closed. The listener is for sockets that a user has opened with the ws
   * server, which nothing else removes. For others it is not enough: `removeAllListeners()` would remove it.
   */
  async untilClosed (sockets: Iterable<WebSocket>): Promise<void> {
    const open = new Set(sockets)
    if (open.size === 0) return
    for (const socket of open) socket.off('close', this.#socketOnClose).on('close', this.#socketOnClose)
    await new Promise<void>((resolve) => {
      const wait = { sockets: open, end: () => { this.#waits.delete(wait); resolve() } }
      this.#waits.add(wait)
    })
  }
}
