/** Longest delay of a timer of Node, in ms. */
const MAX_TIMEOUT = 2 ** 31 - 1

/** Delays, in ms. */
export interface BackoffSettings {
  /** Number of attempts in a row. */
  readonly retries: number
  /** First delay. Each delay is twice the one before it. */
  readonly minDelay: number
  readonly maxDelay: number
  /** Fraction of each delay that is random, from 0 to 1. */
  readonly jitter: number
}

/**
 * Delays of attempts in a row. The row ends with a connection that is open for longer than the delay before it: a
 * server that accepts connections and closes them again is not connected to more often than it stays connected.
 */
export class Backoff {
  readonly #settings: BackoffSettings
  #failures = 0
  #lastDelay = 0
  #timer: NodeJS.Timeout | undefined

  constructor (settings: BackoffSettings) {
    this.#settings = settings
  }

  /** Number of the attempt that follows the last delay. */
  get attempt (): number {
    return this.#failures
  }

  /**
   * Returns the delay before the next attempt, in ms; undefined if there have been as many as are allowed.
   *
   * @param requested delay that the server requests, in ms: the jitter is added, so that its clients do not all return
   * in the same moment
   */
  next (requested: number): number | undefined {
    const { retries, minDelay, maxDelay, jitter } = this.#settings
    if (this.#failures >= retries) return undefined
    const delay = Math.min(maxDelay, minDelay * 2 ** this.#failures) * (1 - jitter * Math.random())
    const requestedDelay = requested * (1 + jitter * Math.random())
    this.#failures++
    this.#lastDelay = Math.min(MAX_TIMEOUT, Math.ceil(Math.max(delay, requestedDelay)))
    return this.#lastDelay
  }

  onOpen (): void {
    const threshold = Math.max(this.#lastDelay, this.#settings.minDelay)
    this.#timer = setTimeout(() => { this.#failures = 0 }, threshold).unref()
  }

  onClose (): void {
    clearTimeout(this.#timer)
  }
}
