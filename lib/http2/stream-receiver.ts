import type { Http2Stream } from 'node:http2'
import { FrameReader } from '../frames/frame-reader.ts'
import { Slabs } from '../frames/private-memory.ts'
import { hookMethods, nodePush } from '../internals/streams.ts'
import type { ConnectionObserver } from '../socket/connection.ts'
import type { AnswerJoiner } from './answer-joiner.ts'
import type { ReceiveBudget } from './receive-budget.ts'
import type { WindowTuner } from './window-tuner.ts'

const kReceiver = Symbol('fastify-websocket-h2.receiver')

/**
 * Limit of the memory that a chunk keeps alive, in relation to its size. Node's chunk is a view of everything that one
 * read of the connection received.
 */
const MAX_PINNED_RATIO = 8

/** Size, in bytes, of the memory that small chunks share: what they may keep alive beyond `sessionBudget`. */
const SLAB = 1024

/** Part of a Session that a StreamReceiver uses. */
export interface ReceivingSession {
  readonly budget: ReceiveBudget
  readonly tuner: WindowTuner
  readonly answers: AnswerJoiner
  /** Called once for a stream that received more than there is room for. */
  refuse (receiver: StreamReceiver): void
  removeStream (receiver: StreamReceiver): void
}

/** Receive side of one HTTP/2 stream, of a socket or of an ordinary request with a body. */
export class StreamReceiver {
  readonly stream: Http2Stream
  /** The window, in bytes, that the stream was opened with, or may have been opened with. */
  readonly window: number
  /** True if the stream carries a WebSocket. */
  isSocket = false
  /** Informed of the next data, once. A listener for 'data' would miss messages, and disable the FrameReader. */
  observer: Pick<ConnectionObserver, 'onData'> | undefined
  /** Present once `readFrames()` was called. */
  reader: FrameReader | undefined
  // Used by ReceiveBudget.
  unread = 0
  // Used by AnswerJoiner.
  isPipelined = false
  chunks = 0
  // Used by WindowTuner.
  bytes = 0
  round = -1
  readonly #session: ReceivingSession
  #slabs: Slabs | undefined
  #isRefused = false

  constructor (stream: Http2Stream, session: ReceivingSession) {
    this.stream = stream
    this.window = session.tuner.size
    this.#session = session
    hookMethods(stream, { push: streamPush })
    Object.assign(stream, { [kReceiver]: this }).on('close', streamOnClose)
  }

  /** Parses the WebSocket frames of a client, ahead of ws. Called for streams of a server only. */
  readFrames (): void {
    // A connection that is not Node's own may deliver data ahead of 'stream', and the reader would miss the beginning.
    if (this.stream.readableLength === 0) this.reader = new FrameReader(this.stream)
  }

  /**
   * Receives a chunk of DATA: delivers the messages in it, counts the rest, copies it if it would keep other data
   * alive, and pushes it to the stream. Returns whether Node is to continue reading.
   */
  receive (chunk: Buffer): boolean {
    if (this.#isRefused) return false

    if (this.observer !== undefined) this.#reportData(this.observer)
    const { answers, budget, tuner } = this.#session
    if (this.isPipelined) answers.add(this)
    const rest = this.reader === undefined ? chunk : this.reader.read(chunk)
    if (rest !== chunk) tuner.read(this, chunk.length - (rest?.length ?? 0))
    if (rest === undefined) return true

    const { readableFlowing, readableLength } = this.stream
    const isConsumedImmediately = readableFlowing === true && readableLength === 0
    if (isConsumedImmediately) tuner.read(this, rest.length)
    else if (!budget.reserve(this, rest.length)) return this.#refuse()

    const keepsLittle = rest.buffer.byteLength < MAX_PINNED_RATIO * rest.length
    return nodePush(this.stream, isConsumedImmediately && keepsLittle ? rest : this.#copy(rest))
  }

  /** Receives END_STREAM. */
  receiveEnd (): boolean {
    this.reader?.passToWs()
    return nodePush(this.stream, null)
  }

  onClose (): void {
    this.#session.removeStream(this)
  }

  #reportData (observer: Pick<ConnectionObserver, 'onData'>): void {
    this.observer = undefined
    observer.onData()
  }

  /** Discards this chunk and all that follow it. */
  #refuse (): false {
    this.#isRefused = true
    this.#session.refuse(this)
    return false
  }

  /** Small chunks share slabs that this stream keeps until they are full, however slowly it receives them. */
  #copy (chunk: Buffer): Buffer {
    this.#slabs ??= new Slabs(SLAB)
    return this.#slabs.copy(chunk)
  }
}

/** Returns the receiver of a stream, if it has one. */
export function receiverOf (stream: Http2Stream): StreamReceiver | undefined {
  return (stream as Partial<ReceivedStream>)[kReceiver]
}

type ReceivedStream = Http2Stream & { [kReceiver]: StreamReceiver }

function streamPush (this: Http2Stream, chunk: Buffer | null): boolean {
  const receiver = (this as ReceivedStream)[kReceiver]
  return chunk === null ? receiver.receiveEnd() : receiver.receive(chunk)
}

function streamOnClose (this: ReceivedStream): void {
  this[kReceiver].onClose()
}
