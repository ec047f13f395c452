import { isUtf8 } from 'node:buffer'
import type { Http2Stream } from 'node:http2'
import type { WebSocket } from 'ws'
import { fillsItsMemory, nodePush } from '../internals/streams.ts'
import { hasReceiverFailed } from '../internals/ws.ts'
import { MessageAssembler } from './message-assembler.ts'
import { MASK_SIZE, copyUnmasked, takeMask, unmask } from './unmask.ts'
import { PrivateMemory } from './private-memory.ts'

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
const LARGEST_HEADER = 14

/** Size, in bytes, of the largest message that is put together here. */
const MAX_ASSEMBLED = 2 ** 30

const NOTHING = Buffer.alloc(0)

/**
 * Sees what a stream brings of a client's WebSocket frames before ws does, and spares it two things.
 *
 * ws unmasks byte by byte, which is most of what a large message costs: here it is done in words, and the mask that ws
 * gets to see is zero. And a message that is one frame, as almost every one is, goes to its listeners at once, and not
 * through the queues of two streams. Everything else is left to ws: fragments, control frames, whatever breaks the
 * protocol.
 */
export class FrameReader {
  readonly #stream: Http2Stream
  #websocket: WebSocket | undefined
  #validates = true
  #maxPayload = 0
  #assembler: MessageAssembler | undefined
  readonly #memory = new PrivateMemory()
  // Of what is left to ws.
  /** Bytes that are left of the payload at hand. */
  #payloadLeft = 0
  /** How they are masked, the next byte's mask lowest; 0 where ws is to unmask them. */
  #mask = 0
  /** What a chunk ended with, amidst a header. */
  #header: Buffer | undefined
  #isInMessage = false

  constructor (stream: Http2Stream) {
    this.#stream = stream
  }

  /** Hands messages to a socket from now on. */
  start (websocket: WebSocket, { maxPayload, skipUTF8Validation, allowSynchronousEvents }: MessageLimits): void {
    // What is inflated, or waits for its turn, must not be overtaken.
    if (websocket.extensions !== '' || !allowSynchronousEvents) return
    this.#websocket = websocket
    this.#validates = !skipUTF8Validation
    this.#maxPayload = maxPayload === 0 ? MAX_ASSEMBLED : Math.min(maxPayload, MAX_ASSEMBLED)
    // After a pause Node reads on, and opens the window again, once something was pushed since it last read.
    this.#stream.on('resume', () => nodePush(this.#stream, NOTHING))
  }

  /** Bytes that are to come of a message that is being put together; 0 where none is. */
  get missing (): number {
    return this.#assembler?.missing ?? 0
  }

  /**
   * Hands a chunk to the listeners if it is a message, or keeps it if it is a part of one. Returns whether it did; if
   * not, it is for ws.
   *
   * @param chunk no longer than what is missing, where something is
   */
  deliver (chunk: Buffer): boolean {
    if (!this.#isFastPathOpen) {
      this.passToWs()
      return false
    }
    return this.#assembler === undefined ? this.#begin(chunk) : this.#continue(this.#assembler, chunk)
  }

  /** Leaves the message that is being put together, if there is one, to ws. */
  passToWs (): void {
    const long = this.#assembler
    if (long === undefined) return
    this.#assembler = undefined
    this.#payloadLeft = long.missing
    this.#mask = long.mask
    // It counts as read: the stream must not keep it, though it may be paused.
    for (const part of long.frame) this.#stream.emit('data', part)
  }

  /** Unmasks a chunk, for ws. */
  unmask (chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      at = this.#payloadLeft > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at)
    }
  }

  /** Whether ws is between two messages, nothing waits in the stream, and nobody but ws listens to it. */
  get #isFastPathOpen (): boolean {
    const [stream, websocket] = [this.#stream, this.#websocket]
    return websocket !== undefined && websocket.readyState === websocket.OPEN && !hasReceiverFailed(websocket) &&
      this.#payloadLeft === 0 && !this.#isInMessage && this.#header === undefined &&
      stream.readableFlowing === true && stream.readableLength === 0 && stream.listenerCount('data') === 1
  }

  #begin (chunk: Buffer): boolean {
    const { length, 0: first, 1: second = 0 } = chunk
    const start = sizeOfHeader(chunk)
    if ((first !== WHOLE_TEXT && first !== WHOLE_BINARY) || second < MASKED || length < start) return false
    const size = sizeOfPayload(chunk)
    if (size > this.#maxPayload || start + size < length) return false

    const isBinary = first === WHOLE_BINARY
    if (start + size === length) return this.#emit(this.#takePayload(chunk, start), isBinary)
    const mask = takeMask(chunk, start)
    this.#assembler = new MessageAssembler(chunk.subarray(0, start), size, isBinary, mask)
    this.#assembler.add(chunk.subarray(start))
    return true
  }

  /** Returns the payload of a message, unmasked. It shares no memory with other sockets. */
  #takePayload (chunk: Buffer, start: number): Buffer {
    if (!fillsItsMemory(chunk)) return copyUnmasked(this.#memory.allocate(chunk.length - start), chunk, start)
    unmask(chunk, start, chunk.length, takeMask(chunk, start))
    return chunk.subarray(start)
  }

  #continue (long: MessageAssembler, chunk: Buffer): boolean {
    long.add(chunk)
    if (long.missing === 0 && !this.#emit(long.payload, long.isBinary)) this.passToWs()
    return true
  }

  /** Hands a message to its listeners, unless ws is to make something else of it, or to refuse it. */
  #emit (payload: Buffer, isBinary: boolean): boolean {
    const websocket = this.#websocket!
    if (isBinary ? websocket.binaryType !== 'nodebuffer' : this.#validates && !isUtf8(payload)) return false
    this.#assembler = undefined
    websocket.emit('message', payload, isBinary)
    return true
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
    this.#payloadLeft = sizeOfPayload(header)
    this.#header = undefined
    const end = at + size - known
    // What ws has of a mask can not be taken back.
    this.#mask = second >= MASKED && known === 0 ? takeMask(chunk, end) : 0
    return end
  }

  #readPayload (chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#payloadLeft)
    if (this.#mask !== 0) this.#mask = unmask(chunk, at, end, this.#mask)
    this.#payloadLeft -= end - at
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
