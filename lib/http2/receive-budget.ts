/** A stream whose received bytes are accounted for. */
export interface AccountedStream {
  readonly stream: { readonly readableLength: number }
  /** Bytes that nobody has read, as of the last count. */
  unread: number
}

/** Accounts for the bytes that the streams of one HTTP/2 session have received and that nobody has read yet. */
export class ReceiveBudget {
  readonly #limit: number
  readonly #streams = new Set<AccountedStream>()
  #unread = 0

  /** @param limit in bytes */
  constructor (limit: number) {
    this.#limit = limit
  }

  /** Number of streams. */
  get size (): number {
    return this.#streams.size
  }

  /** Bytes that there is room for, as of the last counts. */
  get available (): number {
    return this.#limit - this.#unread
  }

  add (stream: AccountedStream): void {
    this.#streams.add(stream)
  }

  remove (stream: AccountedStream): void {
    if (this.#streams.delete(stream)) this.#unread -= stream.unread
  }

  /** Counts anew what is unread of a stream. */
  recount (stream: AccountedStream, incoming = 0): void {
    const unread = stream.stream.readableLength + incoming
    this.#unread += unread - stream.unread
    stream.unread = unread
  }

  /** Accounts for a chunk that nobody reads yet. Returns false, and leaves it out, if there is no room for it. */
  reserve (stream: AccountedStream, bytes: number): boolean {
    this.recount(stream, bytes)
    if (this.available >= 0) return true

    // What was read since the last count is still counted.
    for (const each of this.#streams) this.recount(each, each === stream ? bytes : 0)
    if (this.available >= 0) return true
    this.recount(stream)
    return false
  }
}
