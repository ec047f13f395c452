import type { Duplex } from 'node:stream'
import { FST_WS_NOT_SENT } from '../errors.ts'
import { nodeWrite, nodeWritev, prototypeOf } from '../internals/streams.ts'
import type { StreamHooks, WriteCallback, WriteItem } from '../internals/streams.ts'

/**
 * Write side of a connection or stream. Writable passes on one write at a time and waits for its callback. The writer
 * calls each callback exactly once, with an error if the data was not sent. Node itself may report success for data
 * that it dropped (before 22 on any connection, in 26 on a stream that is reset), or never call back.
 */
export class ConnectionWriter {
  /** Bytes of the current write that Node has sent, and that the connection still counts as buffered. */
  bytesAlreadySent = 0
  /** Bytes sent so far. */
  bytesSent = 0
  /** True if the end of the stream has been sent, and so everything that was written before it. */
  isEndSent = false
  protected readonly duplex: Duplex
  protected readonly prototype: StreamHooks
  /** Bytes of the current write that were passed to Node. */
  protected bytesPassed = 0
  #callback: WriteCallback | undefined
  /** Created with the first write, to spare idle sockets the closure. */
  #onWritten: WriteCallback | undefined

  constructor (duplex: Duplex) {
    this.duplex = duplex
    this.prototype = prototypeOf(duplex)
  }

  write (chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback): void {
    nodeWrite(this.duplex, chunk, encoding, this.begin(sizeOf(chunk), callback), this.prototype)
  }

  writeAll (items: WriteItem[], callback: WriteCallback): void {
    nodeWritev(this.duplex, items, this.begin(sizeOfAll(items), callback), this.prototype)
  }

  /** Calls the callback of the current write. Called when Node will not, or would report success wrongly. */
  lose (error?: Error | null): void {
    this.release()
    if (this.#callback !== undefined) this.finish(error ?? (this.isEndSent ? null : new FST_WS_NOT_SENT()))
  }

  /** Begins a write of `size` bytes. Returns the callback to pass to Node. */
  protected begin (size: number, callback: WriteCallback): WriteCallback {
    // A connection that is not Node's own may implement `_writev` with its `_write`.
    if (this.#callback !== undefined) return callback
    this.bytesPassed = size
    this.#callback = callback
    this.#onWritten ??= (error) => this.#written(error)
    return this.#onWritten
  }

  /** Passes the next part of the current write to Node. Returns false if nothing is left of it. */
  protected writeMore (_onWritten: WriteCallback): boolean {
    return false
  }

  /** Releases the budget that the current write has reserved. */
  protected release (): void {}

  protected finish (error: Error | null): void {
    const callback = this.#callback
    this.#callback = undefined
    this.bytesAlreadySent = 0
    callback?.(error)
  }

  #written (error?: Error | null): void {
    // Node 26 calls back within destroy(), which would treat an exception of the callback as an error of the stream.
    // `writable` is false then. `destroyed` alone would also read the state of the Readable, a cache miss each time.
    if (!this.duplex.writable && this.duplex.destroyed) return process.nextTick(loseWrite, this, error)
    this.release()
    if (error != null) return this.finish(error)
    this.bytesSent += this.bytesPassed
    if (!this.writeMore(this.#onWritten!)) this.finish(null)
  }
}

/** Calls the callback of the current write of a writer. A function of its own for `process.nextTick`. */
export function loseWrite (writer: ConnectionWriter | undefined, error?: Error | null): void {
  writer?.lose(error)
}

/** Returns the maximum size of a write, in bytes: a UTF-16 unit of a string is up to three bytes. */
export function sizeOf (chunk: WriteItem['chunk']): number {
  return typeof chunk === 'string' ? 3 * chunk.length : chunk.length
}

/** Returns the maximum size of several writes, in bytes. */
export function sizeOfAll (items: readonly WriteItem[]): number {
  let size = 0
  for (const { chunk } of items) size += sizeOf(chunk)
  return size
}
