import type { RelayCallback } from '../../types/index.ts'
import { toError } from '../error-handling.ts'
import { isPromise } from '../options/validate.ts'

/**
 * Calls a method of a relay, and `done` once with its result: the first of an exception, the callback and the promise
 * that the method may have returned.
 *
 * @param name the name of the method, for errors
 */
export function callRelay (
  name: string, method: (callback: RelayCallback) => unknown, done: (error: Error | undefined) => void
): void {
  let isDone = false
  try {
    const result = method((error) => settle(error))
    if (isPromise(result)) result.then(() => settle(undefined), fail)
  } catch (error) {
    fail(error)
  }

  function fail (error: unknown): void {
    settle(error ?? new Error(`the relay's ${name}() failed without an error`))
  }

  function settle (error: unknown): void {
    if (isDone) return
    isDone = true
    done(error == null ? undefined : toError(error, `the relay's ${name}()`))
  }
}
