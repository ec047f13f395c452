import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'

type Callback = (error?: Error | null) => void

/** Creates a connection in memory, and returns its two ends. */
export function createLoopback (): [one: Duplex, other: Duplex] {
  const one = new LoopbackEnd()
  const other = new LoopbackEnd()
  one.peer = other
  other.peer = one
  return [one, other]
}

/**
 * End of a connection in memory. Unlike the ends of Node's `duplexPair()`, it behaves like a TCP connection: data
 * arrives in a later turn of the event loop, after promises have settled, and destroying one end closes the other.
 */
class LoopbackEnd extends Duplex {
  peer!: LoopbackEnd
  /** As of net.Socket: with it, socket.io and `upgradeFallback` decide if an upgrade has been answered. */
  bytesWritten = 0
  #hasPeerEnded = false
  /** Callback of a write of the peer that waits until this end is read. */
  #resumePeer: Callback | undefined

  override _read (): void {
    this.#resumePeer?.()
    this.#resumePeer = undefined
  }

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.bytesWritten += chunk.length
    setImmediate(() => this.peer.#receive(chunk, done))
  }

  override _writev (items: Array<{ chunk: Buffer }>, done: Callback): void {
    this._write(Buffer.concat(items.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done)
  }

  override _final (done: Callback): void {
    setImmediate(() => {
      this.peer.#onPeerEnd()
      done()
    })
  }

  override _destroy (error: Error | null, done: Callback): void {
    this.#resumePeer?.()
    setImmediate(() => this.peer.#onPeerDestroyed())
    done(error)
  }

  #receive (chunk: Buffer, done: Callback): void {
    if (this.#hasPeerEnded || this.destroyed || this.push(chunk)) done()
    else this.#resumePeer = done
  }

  #onPeerEnd (): void {
    if (!this.#hasPeerEnded && !this.destroyed) this.push(null)
    this.#hasPeerEnded = true
  }

  /** Destroys this end after the data that arrived before has been read, like a closed TCP connection. */
  #onPeerDestroyed (): void {
    this.#onPeerEnd()
    if (this.readableEnded) this.destroy()
    else this.once('end', () => this.destroy())
  }
}
