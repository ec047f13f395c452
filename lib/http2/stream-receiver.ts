import type { Http2Stream } from 'node:http2'

/** Who counts what streams bring. */
export interface Inlet {
  /** A chunk came that is read at once. */
  read (inflow: Inflow, bytes: number): void
  /** Whether there is room for a chunk that nobody reads yet. */
  reserve (inflow: Inflow, bytes: number): boolean
}

/** Who sees what a stream brings before the stream has it. */
export interface ChunkReader {
  /** Bytes that it must see next, by themselves; 0 where there are none. */
  missing: number
  /** Returns whether it has taken the chunk. */
  deliver (chunk: Buffer): boolean
  /** Sees a chunk that it has not taken. */
  unmask (chunk: Buffer): void
  /** Passes on what it keeps, because nothing comes any more. */
  passToWs (): void
}

// A DATA chunk is a view of all that one read of the connection brought, and keeps that alive.
const PINNED = 8
const SLAB = 1024

/** What one HTTP/2 stream brings. */
export class Inflow {
  readonly stream: Http2Stream
  /** The receive window that it was opened with, or may have been, in bytes. */
  readonly window: number
  /** Whether the stream plays a socket. */
  isSocket = false
  reader: ChunkReader | undefined
  /** Bytes that nobody has read, as last counted. */
  unread = 0
  /** Bytes that were read in a round of measuring. */
  bytes = 0
  round = -1
  readonly #inlet: Inlet
  readonly #onRefused: (stream: Http2Stream) => void
  #isRefused = false
  #slab: Buffer | undefined
  #used = 0

  /** @param onRefused called once, when what the stream brought had no room */
  constructor (stream: Http2Stream, inlet: Inlet, window: number, onRefused: (stream: Http2Stream) => void) {
    this.stream = stream
    this.window = window
    this.#inlet = inlet
    this.#onRefused = onRefused
  }

  /** Whether the reader has taken a chunk. */
  deliver (chunk: Buffer): boolean {
    if (this.#isRefused || this.reader?.deliver(chunk) !== true) return false
    this.#inlet.read(this, chunk.length)
    return true
  }

  /** A chunk as it may be kept; undefined where there is no room for it, and from then on. */
  admit (chunk: Buffer): Buffer | undefined {
    if (this.#isRefused) return undefined

    const { readableFlowing, readableLength } = this.stream
    if (readableFlowing === true && readableLength === 0) {
      this.#inlet.read(this, chunk.length)
      return chunk.buffer.byteLength < PINNED * chunk.length ? chunk : this.#copy(chunk)
    }
    if (this.#inlet.reserve(this, chunk.length)) return this.#copy(chunk)

    this.#isRefused = true
    this.#onRefused(this.stream)
    return undefined
  }

  /** Small chunks share slabs of their own stream, so that none keeps alive what came on another. */
  #copy (chunk: Buffer): Buffer {
    const { length } = chunk
    if (length > SLAB / 4) return copyTo(Buffer.allocUnsafeSlow(length), chunk)
    if (this.#slab === undefined || this.#used + length > SLAB) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    return copyTo(this.#slab.subarray(start, this.#used), chunk)
  }
}

function copyTo (target: Buffer, chunk: Buffer): Buffer {
  target.set(chunk)
  return target
}
