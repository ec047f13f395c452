import { waitTurns, waitUntil } from './waiting.ts'

/** Time in ms for callbacks that are never called. */
const LIMIT = 2000

/** Callbacks of send(), ping() and pong(), and the calls of each. */
export class Callbacks {
  readonly #calls: Array<Array<Error | null | undefined>> = []

  /** A new callback. */
  get next (): (error?: Error | null) => void {
    const calls: Array<Error | null | undefined> = []
    this.#calls.push(calls)
    return (error) => { calls.push(error) }
  }

  /** The result of each callback: 'sent', 'not sent' (an error), 'never' (not called) or 'twice'. */
  get results (): string[] {
    return this.#calls.map((calls) => {
      if (calls.length > 1) return 'twice'
      if (calls.length === 0) return 'never'
      return calls[0] == null ? 'sent' : 'not sent'
    })
  }

  /** Waits until each has been called, or a time limit, and long enough for a second call to be noticed. */
  async settled (): Promise<void> {
    await waitUntil(() => !this.results.includes('never'), 'all callbacks are called', LIMIT).catch(() => {})
    await waitTurns(5)
  }
}
