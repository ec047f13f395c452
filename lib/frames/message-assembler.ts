import { unmask } from './unmask.ts'

/** Limit of the memory for a message, in relation to its received part: a header can announce what never arrives. */
const MAX_OVERALLOCATION = 16

/**
 * Message of one frame that is received as several chunks. Each chunk is copied and unmasked when it arrives: it is a
 * view of everything that one read of the connection received, and ws would keep all of these until the message is
 * complete.
 */
export class MessageAssembler {
  readonly isBinary: boolean
  /** Mask of the next byte, and of those after it. */
  mask: number
  readonly #header: Buffer
  readonly #size: number
  #bytes: Buffer
  #length = 0

  /**
   * @param header the header of the frame, with a mask of zero
   * @param size of the payload, in bytes
   */
  constructor (header: Buffer, size: number, isBinary: boolean, mask: number) {
    this.isBinary = isBinary
    this.mask = mask
    this.#header = Buffer.from(header)
    this.#size = size
    this.#bytes = Buffer.alloc(0)
  }

  /** Bytes that have not been received yet. */
  get missing (): number {
    return this.#size - this.#length
  }

  /** Received part of the payload, unmasked. */
  get payload (): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Received part of the frame, unmasked. */
  get frame (): [header: Buffer, payload: Buffer] {
    return [this.#header, this.payload]
  }

  /** Adds the next chunk of the payload. */
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
