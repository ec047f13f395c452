import type { FastifyBaseLogger } from 'fastify'
import type { DeflatePool } from '../internals/ws-deflate.ts'
import { RefusalLog } from './refusal-log.ts'

/**
 * Account of the memory that the zlib contexts of a server's sockets may need, over both transports. A holder is a
 * handshake that may open a compressed socket, then that socket.
 */
export class CompressionBudget {
  readonly #limit: number
  readonly #holders = new Map<object, number>()
  readonly #pools = new Map<unknown, DeflatePool>()
  readonly #declined: RefusalLog
  #bytes = 0

  /** @param limit in bytes */
  constructor (limit: number, log: FastifyBaseLogger) {
    this.#limit = limit
    this.#declined = new RefusalLog(log, { option: 'compressionBudget', limit },
      'compression declined: the open sockets that compress may need all of compressionBudget (see docs/compression.md)')
  }

  /** Bytes that are reserved. */
  get bytes (): number {
    return this.#bytes
  }

  /** Number of compressed sockets, including the handshakes that may open one. */
  get sockets (): number {
    return this.#holders.size
  }

  /** Number of sockets that were opened without compression, because the budget was used up. */
  get declined (): number {
    return this.#declined.total
  }

  /** Reserves memory. Returns false, and reserves nothing, if that exceeds the limit. */
  reserve (holder: object, bytes: number): boolean {
    if (this.#bytes + bytes > this.#limit) {
      this.#declined.add()
      return false
    }
    this.#holders.set(holder, bytes)
    this.#bytes += bytes
    return true
  }

  /** Passes the reservation of a handshake to the socket that it has opened. */
  transfer (from: object, to: object): void {
    const bytes = this.#holders.get(from)
    if (bytes === undefined) return
    this.#holders.delete(from)
    this.#holders.set(to, bytes)
  }

  /** Releases what a holder has reserved. Does nothing if it has reserved nothing. */
  release (holder: object): void {
    this.#bytes -= this.#holders.get(holder) ?? 0
    this.#holders.delete(holder)
  }

  /** Returns the idle deflate streams of the sockets, of whatever route, with this value of `perMessageDeflate`. */
  poolOf (option: unknown): DeflatePool {
    const pool = this.#pools.get(option) ?? new Map()
    this.#pools.set(option, pool)
    return pool
  }

  /** Logs what is not logged yet. */
  close (): void {
    this.#declined.close()
  }
}
