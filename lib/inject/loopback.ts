import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'

type Callback = (error?: Error | null) => void

/** Makes a connection in memory, as its two ends. */
export function createLoopback (): [one: Duplex, other: Duplex] {
  const one = new LoopbackEnd()
  const other = new LoopbackEnd()
  one.peer = other
  other.peer = one
  return [one, other]
}

/**
 * One end of a connection in memory. Unlike Node's `duplexPair()` it does what those who use connections count on: what
 * is sent arrives in a later turn, when promises have settled, and an end that is destroyed is seen by the other.
 */
class LoopbackEnd extends Duplex {
  peer!: LoopbackEnd
  #isEnded = false
  /** What the peer waits for before it sends more. */
  #taken: Callback | undefined

  override _read (): void {
    this.#taken?.()
    this.#taken = undefined
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    setImmediate(() => this.peer.#receive(chunk, done))
  }

  override _writev (items: Array<{ chunk: Buffer }>, done: Callback): void {
    this._write(Buffer.concat(items.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done)
  }

  override _final (done: Callback): void {
    setImmediate(() => {
      this.peer.#end()
      done()
    })
  }

  override _destroy (error: Error | null, done: Callback): void {
    this.#taken?.()
    setImmediate(() => this.peer.#lose())
    done(error)
  }

  #receive (chunk: Buffer, done: Callback): void {
    if (this.#isEnded || this.destroyed || this.push(chunk)) done()
    else this.#taken = done
  }

  #end (): void {
    if (!this.#isEnded && !this.destroyed) this.push(null)
    this.#isEnded = true
  }

  /** What came before is still read, as of a TCP connection that was closed. */
  #lose (): void {
    this.#end()
    if (this.readableEnded) this.destroy()
    else this.once('end', () => this.destroy())
  }
}
