import type { Duplex } from 'node:stream'
import { FST_WS_NOT_SENT } from '../errors.ts'
import { nodeWrite, nodeWritev } from '../internals/streams.ts'
import type { WriteCallback, WriteItem } from '../internals/streams.ts'

/**
 * The write side of a connection or stream. Writable passes writes on one at a time and waits for the callback of each.
 * Each callback is called exactly once, with an error if the data was not sent. Node itself may report success for data
 * that it dropped (before 22 on any connection, in 26 on a stream that is reset), or never call back.
 */
export class ConnectionWriter {
  /** Bytes of the current write that Node has sent, and that the connection still counts as buffered. */
  bytesAlreadySent = 0
  /** Bytes sent so far. */
  bytesSent = 0
  /** Whether the end of the stream has been sent, and so all that was written before it. */
  isEndSent = false
  protected readonly duplex: Duplex
  /** Bytes in Node's hands. */
  protected bytesPassed = 0
  #callback: WriteCallback | undefined
  /** Created with the first write, to spare idle sockets the closure. */
  #onWritten: WriteCallback | undefined

  constructor (duplex: Duplex) {
    this.duplex = duplex
  }

  write (chunk: WriteItem['chunk'], encoding: BufferEncoding, callback: WriteCallback): void {
    nodeWrite(this.duplex, chunk, encoding, this.begin(sizeOf(chunk), callback))
  }

  writeAll (items: WriteItem[], callback: WriteCallback): void {
    nodeWritev(this.duplex, items, this.begin(sizeOfAll(items), callback))
  }

  /** Calls back the current write. Called once Node no longer does, or no longer reports the truth. */
  lose (error?: Error | null): void {
    this.release()
    if (this.#callback !== undefined) this.finish(error ?? (this.isEndSent ? null : new FST_WS_NOT_SENT()))
  }

  /** Begins a write of so many bytes. Returns the callback for Node. */
  protected begin (size: number, callback: WriteCallback): WriteCallback {
    // A connection that is not Node's own may implement `_writev` with its `_write`.
    if (this.#callback !== undefined) return callback
    this.bytesPassed = size
    this.#callback = callback
    this.#onWritten ??= (error) => this.#written(error)
    return this.#onWritten
  }

  /** Passes on more of the current write. Returns false if there is no more. */
  protected writeMore (_onWritten: WriteCallback): boolean {
    return false
  }

  /** Returns what Node held of the current write to a budget. */
  protected release (): void {}

  protected finish (error: Error | null): void {
    const callback = this.#callback
    this.#callback = undefined
    this.bytesAlreadySent = 0
    callback?.(error)
  }

  #written (error?: Error | null): void {
    // Node 26 calls back within destroy(), which would take an exception of the callback for an error of the stream.
    if (this.duplex.destroyed) return process.nextTick(loseWrite, this, error)
    this.release()
    if (error != null) return this.finish(error)
    this.bytesSent += this.bytesPassed
    if (!this.writeMore(this.#onWritten!)) this.finish(null)
  }
}

/** Calls back the current write with an error, if there is one. */
export function loseWrite (writer: ConnectionWriter | undefined, error?: Error | null): void {
  writer?.lose(error)
}

/** Returns the size of a write, in bytes, at most: a string has up to three bytes for each of its UTF-16 units. */
export function sizeOf (chunk: WriteItem['chunk']): number {
  return typeof chunk === 'string' ? 3 * chunk.length : chunk.length
}

export function sizeOfAll (items: readonly WriteItem[]): number {
  let size = 0
  for (const { chunk } of items) size += sizeOf(chunk)
  return size
}
