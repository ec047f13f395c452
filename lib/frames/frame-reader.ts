import { isUtf8 } from 'node:buffer'
import type { Http2Stream } from 'node:http2'
import type { WebSocket } from 'ws'
import { emitData, fillsItsMemory, readOn } from '../internals/streams.ts'
import { hasReceiverFailed, wsEmitMessage, wsReceiverOf } from '../internals/ws.ts'
import { CONTROL, FIN, LARGEST_HEADER, LENGTH, LENGTH_16, MASKED, WHOLE_BINARY, WHOLE_TEXT } from './constants.ts'
import { MessageAssembler } from './message-assembler.ts'
import { PrivateMemory } from './private-memory.ts'
import { MASK_SIZE, copyUnmasked, takeMask, unmask } from './unmask.ts'

/** Options of ws that a FrameReader applies. */
export interface MessageLimits {
  /** Limit in bytes; 0 is no limit. */
  maxPayload: number
  skipUTF8Validation: boolean
  /** Allows several messages in one tick. */
  allowSynchronousEvents: boolean
}

/** Size, in bytes, of the largest message that is assembled here. */
const MAX_ASSEMBLED = 2 ** 30

/**
 * Parser of a client's frames, ahead of ws's receiver. It takes two jobs off that receiver:
 *
 * - Unmasking (RFC 6455 section 5.3). ws unmasks byte by byte, which is most of the cost of a large message. The reader
 *   unmasks words, and sets the mask in the header to zero.
 * - Messages of one frame, as most are. They are emitted directly, and not passed through the queues of two streams.
 *
 * ws receives everything else: fragments, control frames, protocol errors.
 */
export class FrameReader {
  readonly #stream: Http2Stream
  readonly #memory = new PrivateMemory()
  #websocket: WebSocket | undefined
  #validates = true
  #maxPayload = 0
  /** Assembler of the message that has been received in part. */
  #assembler: MessageAssembler | undefined
  // State of the frames that ws receives.
  /** Bytes left of the current payload. */
  #payloadLeft = 0
  /** Mask of these bytes, with that of the next byte lowest; 0 if ws has to unmask them. */
  #mask = 0
  /** Beginning of a frame header, if the last chunk ended within one. */
  #header: Buffer | undefined
  #isInMessage = false

  constructor (stream: Http2Stream) {
    this.#stream = stream
  }

  /** Delivers messages directly to a socket from now on. */
  start (websocket: WebSocket, { maxPayload, skipUTF8Validation, allowSynchronousEvents }: MessageLimits): void {
    // A message must not overtake one that ws inflates, or that waits for a later tick.
    if (websocket.extensions !== '' || !allowSynchronousEvents) return
    this.#websocket = websocket
    this.#validates = !skipUTF8Validation
    this.#maxPayload = maxPayload === 0 ? MAX_ASSEMBLED : Math.min(maxPayload, MAX_ASSEMBLED)
    this.#stream.on('resume', streamOnResume)
  }

  /** Bytes missing of the message that is being assembled; 0 if no message is. */
  get missing (): number {
    return this.#assembler?.missing ?? 0
  }

  /**
   * Reads a chunk, and delivers the message that it completes. Returns the rest for ws, unmasked, or undefined if
   * nothing is left.
   */
  read (chunk: Buffer): Buffer | undefined {
    if (!this.#isFastPathOpen) {
      this.passToWs()
    } else if (this.#assembler === undefined) {
      if (this.#begin(chunk)) return undefined
    } else if (chunk.length <= this.#assembler.missing) {
      this.#continue(this.#assembler, chunk)
      return undefined
    } else {
      return this.#readInTwo(this.#assembler, chunk)
    }
    this.#unmask(chunk)
    return chunk
  }

  /** Passes the received part of the message that is being assembled to ws. */
  passToWs (): void {
    const assembler = this.#assembler
    if (assembler === undefined) return
    this.#assembler = undefined
    this.#payloadLeft = assembler.missing
    this.#mask = assembler.mask
    // It has been counted as read, so the stream must not buffer it, even if it is paused.
    for (const part of assembler.frame) emitData(this.#stream, part)
  }

  /** True if ws is between two messages, the stream has nothing buffered, and ws is its only listener. */
  get #isFastPathOpen (): boolean {
    const [stream, websocket] = [this.#stream, this.#websocket]
    return websocket !== undefined && websocket.readyState === websocket.OPEN && !hasReceiverFailed(websocket) &&
      this.#payloadLeft === 0 && !this.#isInMessage && this.#header === undefined &&
      stream.readableFlowing === true && stream.readableLength === 0 && stream.listenerCount('data') === 1
  }

  /** Reads the end of a message, then the rest of the chunk, even if a listener for the message throws. */
  #readInTwo (assembler: MessageAssembler, chunk: Buffer): Buffer | undefined {
    const { missing } = assembler
    try {
      this.#continue(assembler, chunk.subarray(0, missing))
    } catch (error) {
      process.nextTick(rethrow, error)
    }
    return this.read(chunk.subarray(missing))
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

  #continue (assembler: MessageAssembler, chunk: Buffer): void {
    assembler.add(chunk)
    if (assembler.missing === 0 && !this.#emit(assembler.payload, assembler.isBinary)) this.passToWs()
  }

  /** Emits a message. Returns false if ws has to convert it to another type, or to refuse it. */
  #emit (payload: Buffer, isBinary: boolean): boolean {
    const websocket = this.#websocket!
    if (isBinary ? websocket.binaryType !== 'nodebuffer' : this.#validates && !isUtf8(payload)) return false
    this.#assembler = undefined
    // Not on the socket: instrumentations such as dd-trace's listen here.
    wsEmitMessage(wsReceiverOf(websocket), payload, isBinary)
    return true
  }

  /** Unmasks a chunk for ws, frame by frame. */
  #unmask (chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      at = this.#payloadLeft > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at)
    }
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
    // A part of the mask that ws already has cannot be replaced.
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

function streamOnResume (this: Http2Stream): void {
  readOn(this)
}

function rethrow (error: unknown): void {
  throw error
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
