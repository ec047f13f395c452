/** Size, in bytes, up to which V8 keeps the memory of a Buffer with its object: it costs next to nothing. */
const ON_HEAP = 64

const SLAB = 4096

/** Size, in bytes, from which memory of its own costs a Buffer less than a part of a slab. */
const LARGE = SLAB / 4

/** How long, in ms, memory is kept for what comes next. */
const KEPT = 1000

/** What has asked for memory since it was last swept. */
let active: PrivateMemory[] = []

/**
 * Returns a copy that has its memory for itself. `Buffer.from()` and `Buffer.allocUnsafe()` take memory from a pool of
 * the whole process: who has such a Buffer can read the messages of other sockets in its `buffer`.
 */
export function copyPrivately (bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/**
 * The memory of one socket, for messages that follow each other quickly: memory for each of them costs 0.5 to 1.5 µs,
 * a part of a slab a fraction of that. What is quiet for a second keeps no slab.
 */
export class PrivateMemory {
  #slab: Buffer | undefined
  #used = 0
  #isActive = false

  /** Returns a Buffer for somebody to fill. In its `buffer` is nothing but zeros, or what this socket has received. */
  allocate (size: number): Buffer {
    if (size <= ON_HEAP || size > LARGE || this.#isFirst()) return Buffer.allocUnsafeSlow(size)
    if (this.#slab === undefined || this.#used + size > SLAB) {
      this.#slab = Buffer.alloc(SLAB)
      this.#used = 0
    }
    const start = this.#used
    this.#used += size
    return this.#slab.subarray(start, this.#used)
  }

  release (): void {
    this.#slab = undefined
    this.#isActive = false
  }

  #isFirst (): boolean {
    if (this.#isActive) return false
    this.#isActive = true
    if (active.length === 0) setTimeout(releaseAll, KEPT).unref()
    active.push(this)
    return true
  }
}

function releaseAll (): void {
  const released = active
  active = []
  for (const memory of released) memory.release()
}
