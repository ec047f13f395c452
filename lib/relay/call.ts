import type { RelayCallback } from '../../types/index.ts'
import { toError } from '../error-handling.ts'
import { FST_WS_RELAY_TIMEOUT } from '../errors.ts'
import { isPromise } from '../options/validate.ts'

/** Time, in ms, that an operation may take, and its name for the error. */
export interface TimeLimit {
  readonly operation: string
  readonly time: number
}

/**
 * Calls a method of a relay, and `done` once with its result: the first of an exception, the callback, the promise that
 * the method may have returned, and the end of a time limit.
 *
 * @param name the name of the method, for errors
 * @param limit default: none
 */
export function callRelay (
  name: string, method: (callback: RelayCallback) => unknown, done: (error: Error | undefined) => void,
  limit?: TimeLimit
): void {
  let isDone = false
  const timer = limit &&
    setTimeout(() => settle(new FST_WS_RELAY_TIMEOUT(limit.operation, limit.time)), limit.time).unref()
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
    clearTimeout(timer)
    done(error == null ? undefined : toError(error, `the relay's ${name}()`))
  }
}
