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

  /** @param sockets a set that others change, too */
  constructor (sockets = new Set<WebSocket>()) {
    this.#sockets = sockets
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
   * Resolves when all of these sockets have closed. It adds no listener to them: a handler that calls
   * `removeAllListeners()` would remove it.
   */
  async untilClosed (sockets: Iterable<WebSocket>): Promise<void> {
    const open = new Set(sockets)
    if (open.size === 0) return
    await new Promise<void>((resolve) => {
      const wait = { sockets: open, end: () => { this.#waits.delete(wait); resolve() } }
      this.#waits.add(wait)
    })
  }
}
