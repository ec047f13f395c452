import type { Duplex } from 'node:stream'
import { FST_WS_NOT_SENT } from '../errors.ts'
import { nodeWrite, nodeWritev } from '../internals/streams.ts'
import type { WriteCallback, WriteItem } from '../internals/streams.ts'
import { SMALL_WRITE, cut, sizeOf, sizeOfAll, toBuffer, toItem } from './send-budget.ts'
import type { SendBudget } from './send-budget.ts'

const NOTHING: Buffer[] = []

/**
 * The writes of one connection or stream. Writable hands them down one by one, and waits for the callback of each. Each
 * callback is called exactly once, and with an error if the data did not leave. Node itself may report success for data
 * that it dropped (before 22 on any connection, in 26 on a stream that is reset), or never call back.
 */
export class Outflow {
  /** Bytes that have left of the write that is under way. */
  gone = 0
  /** Bytes that have left. */
  sent = 0
  /** Whether the end of the stream has been sent, and so all that was written before it. */
  hasEnded = false
  /** Whether the stream is to be ended once all that was written has left. */
  endsLater = false
  readonly #carrier: Duplex
  readonly #budget: SendBudget | undefined
  #done: WriteCallback | undefined
  /** What is not in Node's hands yet. */
  #rest = NOTHING
  #size = 0
  #slice = 0
  /** Made with the first write: an idle socket goes without. */
  #onWritten: WriteCallback | undefined

  /** @param budget with it, large writes go out in slices */
  constructor (carrier: Duplex, budget?: SendBudget) {
    this.#carrier = carrier
    this.#budget = budget
  }

  get isSliced (): boolean {
    return this.#budget !== undefined
  }

  write (chunk: WriteItem['chunk'], encoding: BufferEncoding, done: WriteCallback): void {
    const size = sizeOf(chunk)
    if (this.#budget !== undefined && size > SMALL_WRITE) return this.#slices([toBuffer({ chunk, encoding })], done)
    nodeWrite(this.#carrier, chunk, encoding, this.#begin(size, done))
  }

  writeAll (items: WriteItem[], done: WriteCallback): void {
    const size = sizeOfAll(items)
    if (this.#budget !== undefined && size > SMALL_WRITE) return this.#slices(items.map(toBuffer), done)
    nodeWritev(this.#carrier, items, this.#begin(size, done))
  }

  /** Calls back a write that Node does not call back any more, or not truthfully. */
  lose (error?: Error | null): void {
    this.#giveBack()
    if (this.#done !== undefined) this.#end(error ?? (this.hasEnded ? null : new FST_WS_NOT_SENT()))
  }

  #begin (size: number, done: WriteCallback): WriteCallback {
    // A connection that is not Node's own may do its `_writev` by its `_write`.
    if (this.#done !== undefined) return done
    this.#size = size
    this.#done = done
    this.#onWritten ??= (error) => this.#written(error)
    return this.#onWritten
  }

  #slices (rest: Buffer[], done: WriteCallback): void {
    this.#rest = rest
    this.#next(this.#begin(0, done))
  }

  #next (onWritten: WriteCallback): void {
    this.#slice = this.#budget!.reserve()
    const slice = cut(this.#rest, this.#slice)
    this.#size = slice.reduce((sum, { length }) => sum + length, 0)
    nodeWritev(this.#carrier, slice.map(toItem), onWritten)
  }

  #written (error?: Error | null): void {
    // Node 26 calls back within destroy(), which would take what a callback throws for an error of the stream.
    if (this.#carrier.destroyed) return process.nextTick(loseWrite, this, error)
    this.#giveBack()
    if (error != null) return this.#end(error)
    this.sent += this.#size
    if (this.#rest.length === 0) return this.#end(null)
    this.gone += this.#size
    this.#next(this.#onWritten!)
  }

  #end (error: Error | null): void {
    const done = this.#done
    this.#done = undefined
    this.#rest = NOTHING
    this.gone = 0
    try {
      done?.(error)
    } finally {
      if (this.endsLater && this.#carrier.writableLength === 0) this.#carrier.end()
    }
  }

  #giveBack (): void {
    this.#budget?.release(this.#slice)
    this.#slice = 0
  }
}

function loseWrite (outflow: Outflow, error?: Error | null): void {
  outflow.lose(error)
}
