/** Size of batches, and the time that they are spread over. */
export interface Spread {
  /** Number of items that a function is called with at once. */
  size: number
  /** Time, in ms, that the batches are spread over. They are evenly apart, and the first one is immediate. */
  over: number
}

/** Shortest time, in ms, between batches that are as small as possible: a timer for each socket would cost more. */
const INTERVAL = 100

/** Calls a function with many items, some at a time, so that the clients of these sockets do not reconnect at once. */
export class Batches {
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  #isStopped = false

  /**
   * Resolves when the function has been called with all items, or after `stop()`. The time between batches does not
   * keep the process alive.
   *
   * @throws the error of the function
   */
  async run<Item> (items: readonly Item[], { size, over }: Spread, act: (item: Item) => void): Promise<void> {
    const interval = over / Math.ceil(items.length / size)
    for (let at = 0; at < items.length; at += size) {
      if (at > 0) await this.#wait(interval)
      if (this.#isStopped) return
      for (const item of items.slice(at, at + size)) act(item)
    }
  }

  stop (): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#wake?.()
  }

  async #wait (interval: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#timer = setTimeout(resolve, interval).unref()
    })
  }
}

/** Returns the size of the smallest batches of `count` items that fit into a time, in ms. */
export function smallestBatch (count: number, over: number): number {
  return Math.ceil(count / Math.max(1, Math.floor(over / INTERVAL)))
}
