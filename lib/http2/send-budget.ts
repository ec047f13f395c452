/** Size, in bytes, up to which a write is passed to Node as a whole, and is not counted. */
export const SMALL_WRITE = 4096

/**
 * Smallest slice, in bytes, of a session that has room for one of each stream: a message of 16 KiB with its header. In
 * slices of 4 KiB, a message of 16 KiB to a thousand sockets of a session takes three times the CPU.
 */
export const WIDE_SLICE = 16 * 1024 + 4

/** A larger slice does not improve throughput, and delays small messages of other streams. */
const LARGEST_SLICE = 128 * 1024

/**
 * Limit, in bytes, of the slices of a session that Node holds. Together with a small write of each of a thousand
 * sockets it is less than the 10 MB that `raiseSessionMemory()` leaves for data to send. Above `maxSessionMemory` Node
 * refuses new streams of a session, and in the end closes it.
 */
const SESSION_LIMIT = 3 * 1024 * 1024
const SHARE = 8

/**
 * Limit, in bytes, of data that a session has lost with streams that were reset. Node counts what such a stream had
 * left to send towards `maxSessionMemory` as long as the session lives (docs/upstream/node-http2-reset-streams.md).
 */
export const LOST_LIMIT = 8 * 1024 * 1024

/**
 * Account of the slices of one HTTP/2 session that Node holds, because its client has not accepted them yet. It decides
 * the size of the next slice. It also counts the slices that were lost with streams that were reset.
 */
export class SendBudget {
  readonly #onExhausted: () => void
  readonly #room: number
  #held = 0
  #lost = 0

  /**
   * @param onExhausted called once, when Node will soon refuse new streams because of the data that was lost
   * @param room bytes up to which no slice is smaller than WIDE_SLICE
   */
  constructor (onExhausted = (): void => {}, room = 0) {
    this.#onExhausted = onExhausted
    this.#room = room
  }

  /**
   * Returns the size, in bytes, of a slice, and counts it. The more is held already, the smaller it is.
   *
   * @param most bytes that there are to send
   */
  reserve (most = LARGEST_SLICE): number {
    const smallest = this.#held < this.#room ? WIDE_SLICE : SMALL_WRITE
    const size = Math.min(most, LARGEST_SLICE, Math.max(smallest, Math.floor((SESSION_LIMIT - this.#held) / SHARE)))
    this.#held += size
    return size
  }

  release (size: number): void {
    this.#held -= size
  }

  /** Counts bytes that were passed to Node and not sent. */
  lose (size: number): void {
    const before = this.#lost
    this.#lost += size
    if (before <= LOST_LIMIT && this.#lost > LOST_LIMIT) this.#onExhausted()
  }
}
