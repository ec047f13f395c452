import type { SlowConsumer, WebSocket } from '../../types/index.ts'
import { FST_WS_INVALID_SLOW_CONSUMER } from '../errors.ts'
import { describe, isPromise } from '../options/validate.ts'

/** Decision about a message, or the error with which the socket is closed. */
export type Verdict = 'send' | 'drop' | 'close' | Error

const VERDICTS: unknown[] = ['send', 'drop', 'close']

let deciding = 0

/** Returns true while user code decides about a slow socket, or receives a report of one. */
export function isDeciding (): boolean {
  return deciding > 0
}

/** Calls user code that decides about a slow socket, or that receives a report of one. */
export function whileDeciding<Result> (call: () => Result): Result {
  deciding++
  try {
    return call()
  } finally {
    deciding--
  }
}

/**
 * Decides about a message that is sent while `bufferedAmount` exceeds `sendLimit`. If the user's function throws, or
 * returns an invalid value, the error is returned, not thrown: the caller of `send()` is not at fault.
 */
export function decide (slowConsumer: SlowConsumer, socket: WebSocket, bytes: number): Verdict {
  if (typeof slowConsumer !== 'function') return slowConsumer
  try {
    const returned: unknown = whileDeciding(() => slowConsumer(socket, bytes))
    if (returned === undefined) return 'send'
    if (VERDICTS.includes(returned)) return returned as Verdict
    return new FST_WS_INVALID_SLOW_CONSUMER('returned', describeResult(returned))
  } catch (error) {
    return error instanceof Error ? error : new FST_WS_INVALID_SLOW_CONSUMER('threw', describe(error))
  }
}

function describeResult (returned: unknown): string {
  if (!isPromise(returned)) return describe(returned)
  // The promise is not awaited. An unhandled rejection would end the process.
  returned.then(undefined, () => {})
  return 'a promise'
}
