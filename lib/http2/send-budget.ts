/** Size, in bytes, up to which a write goes to Node as it is. */
export const SMALL_WRITE = 4096

/** More in Node's hands gives no more throughput, and makes small messages of other streams wait behind it. */
const LARGEST_SLICE = 128 * 1024

/**
 * What Node may hold of a session in slices. With a small write of each of a thousand sockets that is less than the
 * 10 MB (`maxSessionMemory`) from which on Node refuses every new stream of a session, and at last ends it.
 */
const SESSION_LIMIT = 3 * 1024 * 1024
const SHARE = 8

/**
 * What Node holds of one HTTP/2 session that its client has not taken yet. A large write is handed to Node in slices,
 * the next when the last has gone: all at once it would wait in Node's session for a window that may never open.
 */
export class SendBudget {
  #held = 0

  /** Size, in bytes, of a slice: the more is held already, the smaller. */
  reserve (): number {
    const size = Math.min(LARGEST_SLICE, Math.max(SMALL_WRITE, Math.floor((SESSION_LIMIT - this.#held) / SHARE)))
    this.#held += size
    return size
  }

  release (size: number): void {
    this.#held -= size
  }
}
