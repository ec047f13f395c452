import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { HEADERS_END } from './upgrade-request.ts'

export interface MemoryConnectionOptions {
  /** End our side as soon as the other has ended its own. Default: true. */
  endsWithPeer?: boolean
}

/** Our side of a connection in memory. The other side reads each pushed chunk separately. */
export class MemoryConnection {
  /** The other side of it, for a server or a client. */
  readonly duplex: Duplex
  /** Bytes that the other side has written, without the heads that `takeHead` has removed. */
  bytes: Buffer = Buffer.alloc(0)
  /** Whether the other side has ended its side, or dropped the connection. */
  end: 'ended' | 'dropped' | undefined
  #hasEnded = false

  constructor ({ endsWithPeer = true }: MemoryConnectionOptions = {}) {
    this.duplex = new Duplex({
      read () {},
      write: (chunk, _encoding, done) => {
        this.bytes = Buffer.concat([this.bytes, chunk])
        done()
        this.duplex.emit('written')
      },
      final: (done) => {
        this.end ??= 'ended'
        if (endsWithPeer) this.endSide()
        done()
      },
      destroy: (_error, done) => {
        this.end ??= 'dropped'
        done(null)
      }
    })
  }

  /** Copies each chunk, because ws unmasks what it reads. */
  push (...chunks: Buffer[]): void {
    for (const chunk of chunks) if (!this.#hasEnded) this.duplex.push(Buffer.from(chunk))
  }

  endSide (): void {
    if (!this.#hasEnded) this.duplex.push(null)
    this.#hasEnded = true
  }

  /** Waits for the header section of a request or a response, and removes it from `bytes`. */
  async takeHead (): Promise<string> {
    while (!this.bytes.includes(HEADERS_END)) await once(this.duplex, 'written')
    const end = this.bytes.indexOf(HEADERS_END) + HEADERS_END.length
    const head = this.bytes.subarray(0, end).toString('latin1')
    this.bytes = this.bytes.subarray(end)
    return head
  }
}
