import { isUtf8 } from 'node:buffer'
import type { Http2Stream } from 'node:http2'
import { endianness } from 'node:os'
import type { WebSocket } from 'ws'
import { PINNED } from './inflow.ts'
import { hasFailed, passChunk } from './internals.ts'

/** What ws was told about the messages of a socket. */
export interface MessageLimits {
  /** in bytes; 0 is no limit */
  maxPayload: number
  skipUTF8Validation: boolean
  /** Whether messages may follow each other within one tick. */
  allowSynchronousEvents: boolean
}

// RFC 6455 section 5.2.
const WHOLE_TEXT = 0x81
const WHOLE_BINARY = 0x82
const FIN = 0x80
const CONTROL = 0x08
const MASKED = 0x80
const LENGTH = 0x7f
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_SIZE = 4
const LARGEST_HEADER = 14

/** From here on it is quicker to unmask words than bytes. */
const WORTH_WORDS = 128
const HAS_WORDS = endianness() === 'LE'

const NOTHING = Buffer.alloc(0)

/**
 * Sees what a stream brings of a client's WebSocket frames before ws does, and spares it two things.
 *
 * ws unmasks byte by byte, which is most of what a large message costs: here it is done in words, and the mask that ws
 * gets to see is zero. And a message that is one frame, and came as one chunk, as almost every small one does, goes to
 * its listeners at once, and not through the queues of two streams. Everything else is left to ws: fragments, control
 * frames, whatever breaks the protocol.
 */
export class MessageReader {
  readonly #stream: Http2Stream
  #websocket: WebSocket | undefined
  #limits: MessageLimits | undefined
  /** Bytes that are left of the payload at hand. */
  #left = 0
  /** How they are masked, the next byte's mask lowest; 0 where ws is to unmask them. */
  #mask = 0
  /** What a chunk ended with, amidst a header. */
  #header: Buffer | undefined
  #isInMessage = false

  constructor (stream: Http2Stream) {
    this.#stream = stream
  }

  /** Hands messages to a socket from now on. */
  start (websocket: WebSocket, limits: MessageLimits): void {
    // What is inflated, or waits for its turn, must not be overtaken.
    if (websocket.extensions !== '' || !limits.allowSynchronousEvents) return
    this.#websocket = websocket
    this.#limits = limits
    // After a pause Node reads on, and opens the window again, once something was pushed since it last read.
    this.#stream.on('resume', () => passChunk(this.#stream, NOTHING))
  }

  /** Hands a chunk to the listeners, if it is a message. Returns whether it was; if not, it is for ws. */
  deliver (chunk: Buffer): boolean {
    const start = this.#findPayload(chunk)
    const websocket = this.#websocket
    if (start === 0 || !this.#isShortCutOpen || websocket!.readyState !== websocket!.OPEN || hasFailed(websocket!)) {
      return false
    }
    const isBinary = chunk[0] === WHOLE_BINARY
    if (isBinary && websocket!.binaryType !== 'nodebuffer') return false
    const payload = takePayload(chunk, start)
    if (!isBinary && !this.#limits!.skipUTF8Validation && !isUtf8(payload)) return false

    websocket!.emit('message', payload, isBinary)
    return true
  }

  /** Unmasks a chunk, for ws. */
  unmask (chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      at = this.#left > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at)
    }
  }

  /** Where the payload begins if the chunk is a whole message; else 0. */
  #findPayload (chunk: Buffer): number {
    if (this.#websocket === undefined || this.#left > 0 || this.#isInMessage || this.#header !== undefined) return 0
    const { length, 0: first, 1: second = 0 } = chunk
    if ((first !== WHOLE_TEXT && first !== WHOLE_BINARY) || second < MASKED) return 0

    const field = second & LENGTH
    const start = field === LENGTH_16 ? 8 : 6
    if (field === LENGTH_64 || length < start) return 0
    const size = field === LENGTH_16 ? chunk.readUInt16BE(2) : field
    const { maxPayload } = this.#limits!
    return start + size === length && (size <= maxPayload || maxPayload === 0) ? start : 0
  }

  /** Whether nothing waits in the stream, and nobody but ws listens to it. */
  get #isShortCutOpen (): boolean {
    const stream = this.#stream
    return stream.readableFlowing === true && stream.readableLength === 0 && stream.listenerCount('data') === 1
  }

  #readHeader (chunk: Buffer, at: number): number {
    const known = this.#header?.length ?? 0
    const coming = chunk.subarray(at, at + LARGEST_HEADER)
    const header = this.#header === undefined ? coming : Buffer.concat([this.#header, coming])
    const size = sizeOfHeader(header)
    if (header.length < size) {
      this.#header = Buffer.from(header)
      return chunk.length
    }

    const [first, second] = header as unknown as [number, number]
    if ((first & CONTROL) === 0) this.#isInMessage = (first & FIN) === 0
    this.#left = sizeOfPayload(header)
    this.#header = undefined
    const end = at + size - known
    // What ws has of a mask can not be taken back.
    this.#mask = second >= MASKED && known === 0 ? takeMask(chunk, end) : 0
    return end
  }

  #readPayload (chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    if (this.#mask !== 0) this.#mask = unmask(chunk, at, end, this.#mask)
    this.#left -= end - at
    return end
  }
}

function sizeOfHeader ({ length, 1: second = 0 }: Buffer): number {
  if (length < 2) return LARGEST_HEADER
  const field = second & LENGTH
  return 2 + (field < LENGTH_16 ? 0 : field === LENGTH_16 ? 2 : 8) + (second < MASKED ? 0 : MASK_SIZE)
}

function sizeOfPayload (header: Buffer): number {
  const field = header[1]! & LENGTH
  if (field < LENGTH_16) return field
  return field === LENGTH_16 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
}

/**
 * The payload of a message, unmasked. A small one is copied: a chunk is a view of all that one read of the connection
 * brought, and who keeps a message would keep that.
 */
function takePayload (chunk: Buffer, start: number): Buffer {
  const size = chunk.length - start
  if (chunk.buffer.byteLength >= PINNED * size) {
    const payload = Buffer.allocUnsafe(size)
    const mask = chunk.readInt32LE(start - MASK_SIZE)
    if (size < WORTH_WORDS) {
      copyUnmasked(payload, chunk, start, mask)
    } else {
      payload.set(chunk.subarray(start))
      unmask(payload, 0, size, mask)
    }
    return payload
  }
  unmask(chunk, start, chunk.length, takeMask(chunk, start))
  return chunk.subarray(start)
}

/** Four bytes at a time: none waits for the mask of the one before. */
function copyUnmasked (target: Buffer, source: Buffer, start: number, mask: number): void {
  const [second, third, fourth] = [mask >>> 8, mask >>> 16, mask >>> 24]
  let [to, from] = [0, start]
  for (const end = target.length - 3; to < end; to += 4, from += 4) {
    target[to] = source[from]! ^ mask
    target[to + 1] = source[from + 1]! ^ second
    target[to + 2] = source[from + 2]! ^ third
    target[to + 3] = source[from + 3]! ^ fourth
  }
  for (; to < target.length; to++, from++) {
    target[to] = source[from]! ^ mask
    mask = rotate(mask)
  }
}

/** Takes the mask out of a header that ends there: for ws the payload is not masked then. */
function takeMask (chunk: Buffer, end: number): number {
  const mask = chunk.readInt32LE(end - MASK_SIZE)
  chunk.writeInt32LE(0, end - MASK_SIZE)
  return mask
}

/** Returns the mask of what follows. */
function unmask (bytes: Buffer, begin: number, end: number, mask: number): number {
  let at = begin
  if (HAS_WORDS && end - begin >= WORTH_WORDS) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) mask = unmaskByte(bytes, at, mask)
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2)
    for (let index = 0; index < words.length; index++) words[index]! ^= mask
    at += words.byteLength
  }
  for (; at < end; at++) mask = unmaskByte(bytes, at, mask)
  return mask
}

function unmaskByte (bytes: Buffer, at: number, mask: number): number {
  bytes[at]! ^= mask
  return rotate(mask)
}

function rotate (mask: number): number {
  return (mask >>> 8) | (mask << 24)
}
