import type { FastifyBaseLogger } from 'fastify'

/** Limit that handshakes are refused by, as it is logged. */
export interface LoggedLimit {
  /** Name of the option. */
  option: string
  limit: number
}

/** Time, in ms, between two warnings about one limit. */
const INTERVAL = 1000

/**
 * Log of the handshakes that one limit refuses. The first one is logged immediately, later ones at most once a second,
 * with their number. There is a timer only while handshakes are refused, and it does not keep the process alive.
 */
export class RefusalLog {
  /** Number of refusals since the start. */
  total = 0
  readonly #log: FastifyBaseLogger
  readonly #limit: LoggedLimit
  readonly #message: string
  #unlogged = 0
  #timer: NodeJS.Timeout | undefined

  constructor (log: FastifyBaseLogger, limit: LoggedLimit, message: string) {
    this.#log = log
    this.#limit = limit
    this.#message = message
  }

  /** Counts a refusal, and logs it now or with those that follow. */
  add (): void {
    this.total++
    this.#unlogged++
    if (this.#timer === undefined) this.#write()
  }

  /** Logs what is not logged yet, and stops the timer. */
  close (): void {
    this.#write()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #write (): void {
    this.#timer = undefined
    if (this.#unlogged === 0) return
    this.#log.warn({ ...this.#limit, refused: this.#unlogged }, this.#message)
    this.#unlogged = 0
    this.#timer = setTimeout(() => this.#write(), INTERVAL)
    this.#timer.unref()
  }
}
