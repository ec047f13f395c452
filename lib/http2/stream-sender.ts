import type { Http2Stream } from 'node:http2'
import { nodeEnd, nodeWrite, nodeWritev } from '../internals/streams.ts'
import type { WriteCallback, WriteItem } from '../internals/streams.ts'
import { ConnectionWriter, sizeOf, sizeOfAll } from '../socket/connection-writer.ts'
import { areSeveralAnswers } from './answer-joiner.ts'
import type { AnsweringStream } from './answer-joiner.ts'
import { SMALL_WRITE } from './send-budget.ts'
import type { SendBudget } from './send-budget.ts'

const NOTHING: Buffer[] = []

/** Largest `writableLength` that is certainly a small write: a stream counts the UTF-16 units of a string. */
const SMALL_LENGTH = SMALL_WRITE / 3

/** A receiver of the HTTP/1.1 head that is written to a stream as if it were a TCP connection. */
export interface HeadWriter {
  /**
   * Receives a write. Returns the bytes behind the head, which are sent as DATA, like all later writes; undefined while
   * the head is not complete.
   */
  writeHead (chunk: WriteItem['chunk'], encoding: BufferEncoding): Buffer | undefined
}

/**
 * Send side of an HTTP/2 stream that carries a WebSocket. It passes a large write to Node in slices, each when the
 * previous one has been sent: Node would keep the whole write in its session, where it waits for a flow-control window
 * that may never open.
 */
export class StreamSender extends ConnectionWriter {
  /** Receives the first writes in place of the stream: an HTTP/1.1 head must not be sent as DATA. */
  head: HeadWriter | undefined
  /** Receive side of the stream, whose chunks may be answered together. */
  receiver: Pick<AnsweringStream, 'isPipelined'> | undefined
  readonly #budget: SendBudget
  /** Part of the current write that has not been passed to Node. */
  #rest = NOTHING
  /** The `writableLength` of the stream if the current write, in slices, is its only one. */
  #length = 0
  #reserved = 0
  /** Calls of `end` that wait for the last slice, or for the head. */
  #endCalls: unknown[][] = []
  #isWritingHead = false

  constructor (stream: Http2Stream, budget: SendBudget) {
    super(stream)
    this.#budget = budget
  }

  override write (chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback): void {
    if (this.head !== undefined) return this.#writeHead([{ chunk, encoding }], callback)
    const size = sizeOf(chunk)
    if (size > SMALL_WRITE) return this.#writeSlices([toBuffer({ chunk, encoding })], callback)
    nodeWrite(this.duplex, chunk, encoding, this.begin(size, callback), this.prototype)
  }

  override writeAll (items: WriteItem[], callback: WriteCallback): void {
    if (this.head !== undefined) return this.#writeHead(items, callback)
    const size = sizeOfAll(items)
    if (this.receiver !== undefined && areSeveralAnswers(items.length, size)) this.receiver.isPipelined = true
    if (size > SMALL_WRITE) return this.#writeSlices(items.map(toBuffer), callback)
    nodeWritev(this.duplex, items, this.begin(size, callback), this.prototype)
  }

  /**
   * Ends the stream, after the last slice if any are left. Node would send END_STREAM behind the slice that it has, and
   * drop the rest, even the rest of a chunk that is passed to `end`.
   */
  end (parameters: unknown[]): void {
    const { stream } = this
    const rest = this.#writeChunk(parameters)
    if (rest.length > 0 || this.#endCalls.length === 0) this.#endCalls.push(rest)
    while (stream.writableCorked > 0) stream.uncork()
    if (stream.closed || this.#isLastPassed) this.#endNow()
  }

  /** True if Node has received the last slice. An end in the same tick is sent in one frame with it. */
  get #isLastPassed (): boolean {
    const { writableLength } = this.stream
    if (this.#isWritingHead || this.#rest.length > 0) return false
    return writableLength <= SMALL_LENGTH || writableLength === this.#length
  }

  protected override writeMore (onWritten: WriteCallback): boolean {
    if (this.#rest.length === 0) return false
    this.bytesAlreadySent += this.bytesPassed
    this.#writeSlice(onWritten)
    return true
  }

  protected override release (): void {
    if (this.#reserved === 0) return
    this.#budget.release(this.#reserved)
    this.#reserved = 0
  }

  protected override finish (error: Error | null): void {
    this.#rest = NOTHING
    if (error !== null) this.#budget.lose(this.bytesPassed)
    try {
      super.finish(error)
    } finally {
      this.endIfWritten()
    }
  }

  /** Makes the calls of `end` that wait, if no write is left. */
  endIfWritten (): void {
    if (this.#endCalls.length === 0) return
    if (this.stream.writableLength === 0 || this.stream.destroyed) this.#endNow()
  }

  /** Writes the chunk that was passed to `end`, if there is one. Returns the other parameters. */
  #writeChunk (parameters: unknown[]): unknown[] {
    const [chunk, encoding, ...rest] = parameters
    if (chunk == null || typeof chunk === 'function') return parameters
    if (typeof encoding !== 'string') {
      this.stream.write(chunk)
      return [encoding, ...rest]
    }
    this.stream.write(chunk, encoding as BufferEncoding)
    return rest
  }

  #endNow (): void {
    for (const parameters of this.#endCalls.splice(0)) nodeEnd(this.stream, parameters)
  }

  private get stream (): Http2Stream {
    return this.duplex as Http2Stream
  }

  /** Sends what follows the head. Calls back even if the head cannot be written, so that the stream can be ended. */
  #writeHead (items: WriteItem[], callback: WriteCallback): void {
    let rest: WriteItem[] = []
    this.#isWritingHead = true
    try {
      rest = this.#removeHead(items)
    } finally {
      this.#isWritingHead = false
      if (rest.length > 0) this.writeAll(rest, callback)
      else this.#finishHead(callback)
    }
  }

  /** Passes writes to `head` until it is complete. Returns the rest. */
  #removeHead (items: readonly WriteItem[]): WriteItem[] {
    for (const [index, { chunk, encoding }] of items.entries()) {
      const { head } = this
      if (head === undefined) return items.slice(index)
      this.head = undefined
      const rest = head.writeHead(chunk, encoding)
      const size = Buffer.byteLength(chunk, encoding) - (rest?.length ?? 0)
      this.bytesSent += size
      this.bytesAlreadySent += size
      if (rest === undefined) this.head = head
      else if (rest.length > 0) return [toItem(rest), ...items.slice(index + 1)]
    }
    return []
  }

  #finishHead (callback: WriteCallback): void {
    this.bytesAlreadySent = 0
    callback()
    // Not within the write: Writable never finishes if it is ended while it passes on what was corked.
    if (this.#endCalls.length > 0) process.nextTick(endIfWritten, this)
  }

  #writeSlices (rest: Buffer[], callback: WriteCallback): void {
    this.#rest = rest
    this.#length = this.stream.writableLength
    this.#writeSlice(this.begin(0, callback))
  }

  #writeSlice (onWritten: WriteCallback): void {
    const [first] = this.#rest as [Buffer]
    const isOne = this.#rest.length === 1
    this.#reserved = this.#budget.reserve(isOne ? first.length : undefined)
    if (isOne && first.length === this.#reserved) return this.#writeLast(first, onWritten)
    const slice = cut(this.#rest, this.#reserved)
    this.bytesPassed = slice.reduce((sum, { length }) => sum + length, 0)
    nodeWritev(this.duplex, slice.map(toItem), onWritten, this.prototype)
  }

  #writeLast (chunk: Buffer, onWritten: WriteCallback): void {
    this.#rest = NOTHING
    this.bytesPassed = chunk.length
    nodeWrite(this.duplex, chunk, 'buffer' as BufferEncoding, onWritten, this.prototype)
  }
}

function endIfWritten (sender: StreamSender): void {
  sender.endIfWritten()
}

/** Removes up to `size` bytes from the front of a list of buffers, and returns them. */
function cut (rest: Buffer[], size: number): Buffer[] {
  const slice: Buffer[] = []
  for (let left = size; left > 0 && rest.length > 0;) {
    const [first] = rest as [Buffer]
    slice.push(first.subarray(0, left))
    if (first.length > left) rest[0] = first.subarray(left)
    else rest.shift()
    left -= first.length
  }
  return slice
}

function toBuffer ({ chunk, encoding }: WriteItem): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
}

function toItem (chunk: Buffer): WriteItem {
  return { chunk, encoding: 'buffer' as BufferEncoding }
}
