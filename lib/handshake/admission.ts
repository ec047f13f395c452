import type { ServerResponse } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import { kUpgrade } from '../symbols.ts'
import { CompressionBudget } from './compression-budget.ts'
import { RefusalLog } from './refusal-log.ts'
import { toRefused } from './refused-handshake.ts'
import type { OnRefused, RawRequest, Upgrade } from './upgrade.ts'

/** Limits of a server, over both transports. */
export interface AdmissionLimits {
  maxSockets: number
  maxPendingHandshakes: number
  compressionBudget: number
}

/**
 * Part of `maxPendingHandshakes` that one HTTP/2 session may use, so that it cannot use all of it. Of the default this
 * is 1024, the default of `maxConcurrentStreams`: a proxy may open all sockets of a session at once.
 */
const SESSION_PART = 1 / 4

/** Least and most value of Retry-After, in s. */
const RETRY_AFTER = [5, 15] as const

/**
 * Admission of handshakes. It counts the handshakes that are not answered yet and the open sockets of a server, and
 * refuses what exceeds the limits with 503. A handshake is refused before Fastify sees it, because that is cheap. A
 * handshake that is about to be accepted reserves its socket, because `verifyClient` may decide later. One whose
 * connection or stream is lost is not counted any more, although its hooks may still run.
 */
export class Admission {
  /** Account of the memory for compression. */
  readonly compression: CompressionBudget
  readonly #limits: AdmissionLimits
  readonly #onRefused: OnRefused
  readonly #maxPerSession: number
  /** Handshakes that are not answered yet, and their HTTP/2 sessions. */
  readonly #pending = new Map<Upgrade, object | undefined>()
  /** Number of handshakes that are not answered yet, by HTTP/2 session. */
  readonly #sessions = new Map<object, number>()
  /** Handshakes for which a socket is reserved. */
  readonly #reserved = new Set<Upgrade>()
  readonly #bySockets: RefusalLog
  readonly #byPending: RefusalLog
  readonly #bySession: RefusalLog
  readonly #responseOnClose: (this: ServerResponse) => void
  #sockets = 0

  /** @param onRefused called once for each handshake that was counted or refused here and opens no socket */
  constructor (limits: AdmissionLimits, log: FastifyBaseLogger, onRefused: OnRefused) {
    const { maxSockets, maxPendingHandshakes, compressionBudget } = limits
    this.#limits = limits
    this.#onRefused = onRefused
    this.compression = new CompressionBudget(compressionBudget, log)
    this.#maxPerSession = Math.ceil(maxPendingHandshakes * SESSION_PART)
    this.#bySockets = new RefusalLog(log, { option: 'maxSockets', limit: maxSockets },
      'websocket handshakes refused with 503: as many sockets are open as maxSockets allows (see docs/limits.md)')
    this.#byPending = new RefusalLog(log, { option: 'maxPendingHandshakes', limit: maxPendingHandshakes },
      'websocket handshakes refused with 503: as many wait for hooks or verifyClient as maxPendingHandshakes allows (see docs/limits.md)')
    this.#bySession = new RefusalLog(log, { option: 'maxPendingHandshakes', limit: this.#maxPerSession },
      'websocket handshakes refused with 503: one HTTP/2 session has a quarter of maxPendingHandshakes unanswered (see docs/limits.md)')
    const end = (upgrade: Upgrade): void => this.end(upgrade)
    // One function for all responses, because a closure would cost each handshake.
    this.#responseOnClose = function () {
      const { [kUpgrade]: upgrade } = this.req as RawRequest
      if (upgrade !== undefined) end(upgrade)
    }
  }

  /** Number of open sockets, including those that are reserved. */
  get open (): number {
    return this.#sockets + this.#reserved.size
  }

  /** Number of handshakes that are not answered yet. */
  get pending (): number {
    return this.#pending.size
  }

  /** Counts a handshake until it ends, or refuses it with 503. Returns false if it is refused. */
  admit (request: RawRequest, upgrade: Upgrade): boolean {
    const session = 'stream' in request ? request.stream.session : undefined
    const ofSession = session === undefined ? 0 : this.#sessions.get(session) ?? 0
    const refusal = this.#findExceeded(ofSession)
    if (refusal !== undefined) {
      refusal.add()
      const cause = refusal === this.#bySockets ? 'max_sockets' : 'max_pending_handshakes'
      upgrade.refusal = { cause, isLogged: true }
      upgrade.response.writeHead(503, { 'retry-after': chooseRetryAfter(), 'content-length': 0 }).end()
      this.#onRefused(toRefused(upgrade))
      return false
    }
    this.#pending.set(upgrade, session)
    if (session !== undefined) this.#sessions.set(session, ofSession + 1)
    // Emitted after an answer, and when the connection or stream is lost. An open socket is detached from its response.
    upgrade.response.on('close', this.#responseOnClose)
    return true
  }

  /** Reserves a socket for a handshake that is about to be accepted. Returns false if there are too many sockets. */
  reserve (upgrade: Upgrade): boolean {
    if (this.open >= this.#limits.maxSockets) {
      this.#bySockets.add()
      upgrade.refusal = { cause: 'max_sockets', isLogged: true }
      return false
    }
    // The connection may be lost already. ws then opens no socket, and nothing would end the reservation.
    if (this.#pending.has(upgrade)) this.#reserved.add(upgrade)
    return true
  }

  /**
   * Reserves memory for the compression of a handshake that has reserved its socket. It is released when the handshake
   * ends, unless a socket has taken it over. Returns false if it exceeds the budget.
   */
  reserveCompression (upgrade: Upgrade, bytes: number): boolean {
    return this.#reserved.has(upgrade) && this.compression.reserve(upgrade, bytes)
  }

  /** Ends a handshake with an open socket, which is counted until `socketClosed()` is called. */
  complete (upgrade: Upgrade): void {
    this.#remove(upgrade)
    this.#sockets++
  }

  /** Counts one open socket less. */
  socketClosed (): void {
    this.#sockets--
  }

  /** Ends a handshake, with its reservation. Does nothing if it has ended before. */
  end (upgrade: Upgrade): void {
    if (!this.#pending.has(upgrade)) return
    this.#remove(upgrade)
    this.#onRefused(toRefused(upgrade))
  }

  /** Logs the refusals that are not logged yet. */
  close (): void {
    for (const log of [this.#bySockets, this.#byPending, this.#bySession, this.compression]) log.close()
  }

  #remove (upgrade: Upgrade): void {
    if (this.#reserved.delete(upgrade)) this.compression.release(upgrade)
    const session = this.#pending.get(upgrade)
    this.#pending.delete(upgrade)
    if (session === undefined) return
    const rest = this.#sessions.get(session)! - 1
    if (rest === 0) this.#sessions.delete(session)
    else this.#sessions.set(session, rest)
  }

  #findExceeded (ofSession: number): RefusalLog | undefined {
    if (this.open >= this.#limits.maxSockets) return this.#bySockets
    if (this.pending >= this.#limits.maxPendingHandshakes) return this.#byPending
    return ofSession >= this.#maxPerSession ? this.#bySession : undefined
  }
}

/** Returns a value of Retry-After, in s. It is random, so that not all clients return at the same moment. */
export function chooseRetryAfter (): string {
  const [least, most] = RETRY_AFTER
  return String(least + Math.floor(Math.random() * (most - least + 1)))
}
