import type { SlowConsumer, WebSocket } from '../../types/index.ts'
import { FST_WS_INVALID_SLOW_CONSUMER } from '../errors.ts'
import { describe, isPromise } from '../options/validate.ts'

/** Decision about a message, or the error with which the socket is closed. */
export type Verdict = 'send' | 'drop' | 'close' | Error

const VERDICTS: unknown[] = ['send', 'drop', 'close']

let deciding = 0

/** Returns true while a `slowConsumer` function of any socket runs. */
export function isDeciding (): boolean {
  return deciding > 0
}

/**
 * Decides about a message that is sent while `bufferedAmount` exceeds `sendLimit`. If the user's function throws, or
 * returns an invalid value, the error is returned, not thrown: the caller of `send()` is not at fault.
 */
export function decide (slowConsumer: SlowConsumer, socket: WebSocket, bytes: number): Verdict {
  if (typeof slowConsumer !== 'function') return slowConsumer
  deciding++
  try {
    const returned: unknown = slowConsumer(socket, bytes)
    if (returned === undefined) return 'send'
    if (VERDICTS.includes(returned)) return returned as Verdict
    return new FST_WS_INVALID_SLOW_CONSUMER('returned', describeResult(returned))
  } catch (error) {
    return error instanceof Error ? error : new FST_WS_INVALID_SLOW_CONSUMER('threw', describe(error))
  } finally {
    deciding--
  }
}

function describeResult (returned: unknown): string {
  if (!isPromise(returned)) return describe(returned)
  // The promise is not awaited. An unhandled rejection would end the process.
  returned.then(undefined, () => {})
  return 'a promise'
}
