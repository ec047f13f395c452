import { unmask } from './unmask.ts'

/** How many times as much room a message gets as has come of it: what its header announces may never come. */
const MAX_OVERALLOCATION = 16

/**
 * A message that is one frame and comes as many chunks. Each of them is a view of all that one read of the connection
 * brought, and ws would keep those until it has the last: here each is copied, and unmasked, as it comes.
 */
export class MessageAssembler {
  readonly isBinary: boolean
  /** How the next byte is masked. */
  mask: number
  readonly #header: Buffer
  readonly #size: number
  #bytes: Buffer
  #length = 0

  /**
   * @param header as ws is to see it: without the mask
   * @param size of the payload, in bytes
   */
  constructor (header: Buffer, size: number, isBinary: boolean, mask: number) {
    this.isBinary = isBinary
    this.mask = mask
    this.#header = Buffer.from(header)
    this.#size = size
    this.#bytes = Buffer.alloc(0)
  }

  /** Bytes that are still to come. */
  get missing (): number {
    return this.#size - this.#length
  }

  /** What has come, unmasked. */
  get payload (): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** The beginning of a frame that is not masked. */
  get frame (): [header: Buffer, payload: Buffer] {
    return [this.#header, this.payload]
  }

  add (chunk: Buffer): void {
    const [begin, end] = [this.#length, this.#length + chunk.length]
    if (end > this.#bytes.length) this.#grow(Math.min(this.#size, MAX_OVERALLOCATION * end))
    this.#bytes.set(chunk, begin)
    this.mask = unmask(this.#bytes, begin, end, this.mask)
    this.#length = end
  }

  #grow (room: number): void {
    const bytes = Buffer.allocUnsafeSlow(room)
    bytes.set(this.payload)
    this.#bytes = bytes
  }
}
