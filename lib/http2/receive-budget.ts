/** A stream whose unread bytes are counted. */
export interface AccountedStream {
  readonly stream: { readonly readableLength: number }
  /** Bytes that nobody has read, as of the last count. */
  unread: number
}

/**
 * Account of the unread bytes of one HTTP/2 session: its streams have received them, and no consumer has read them. A
 * chunk is counted before it is kept, so the limit holds for any client, whatever windows it obeys.
 */
export class ReceiveBudget<Stream extends AccountedStream = AccountedStream> {
  readonly #limit: number
  readonly #streams = new Set<Stream>()
  #unread = 0

  /** @param limit in bytes */
  constructor (limit: number) {
    this.#limit = limit
  }

  get streams (): ReadonlySet<Stream> {
    return this.#streams
  }

  /** Number of streams. */
  get size (): number {
    return this.#streams.size
  }

  /** Bytes left of the limit, as of the last counts. */
  get available (): number {
    return this.#limit - this.#unread
  }

  /** Counts the unread bytes of all streams. */
  countUnread (): number {
    let unread = 0
    for (const { stream } of this.#streams) unread += stream.readableLength
    return unread
  }

  add (stream: Stream): void {
    this.#streams.add(stream)
  }

  remove (stream: Stream): void {
    if (this.#streams.delete(stream)) this.#unread -= stream.unread
  }

  /** Counts the unread bytes of a stream again. */
  recount (stream: Stream, incoming = 0): void {
    const unread = stream.stream.readableLength + incoming
    this.#unread += unread - stream.unread
    stream.unread = unread
  }

  /** Counts a chunk that is not consumed immediately. Returns false, and does not count it, if it exceeds the limit. */
  reserve (stream: Stream, bytes: number): boolean {
    this.recount(stream, bytes)
    if (this.available >= 0) return true

    // The counts still include bytes that were read since.
    for (const each of this.#streams) this.recount(each, each === stream ? bytes : 0)
    if (this.available >= 0) return true
    this.recount(stream)
    return false
  }
}
