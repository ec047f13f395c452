import { describe, isPromise } from '../options/validate.ts'
import { FST_WS_INVALID_SLOW_CONSUMER } from '../errors.ts'
import type { SlowConsumer, WebSocket } from '../../types/index.ts'

/** What becomes of a message, or the error for which the socket is closed. */
export type Verdict = 'send' | 'drop' | 'close' | Error

const VERDICTS: unknown[] = ['send', 'drop', 'close']

/**
 * Asks what to do about a message to a peer that has too much to read. A function that throws, or that returns what it
 * cannot, makes an error of its own: whoever calls `send()` did nothing wrong.
 */
export function decide (slowConsumer: SlowConsumer, socket: WebSocket, bytes: number): Verdict {
  if (typeof slowConsumer !== 'function') return slowConsumer
  try {
    const returned: unknown = slowConsumer(socket, bytes)
    if (returned === undefined) return 'send'
    if (VERDICTS.includes(returned)) return returned as Verdict
    return new FST_WS_INVALID_SLOW_CONSUMER('returned', describeResult(returned))
  } catch (error) {
    return error instanceof Error ? error : new FST_WS_INVALID_SLOW_CONSUMER('threw', describe(error))
  }
}

function describeResult (returned: unknown): string {
  if (!isPromise(returned)) return describe(returned)
  // Nobody waits for it, and an unhandled rejection would end the process.
  returned.then(undefined, () => {})
  return 'a promise'
}
