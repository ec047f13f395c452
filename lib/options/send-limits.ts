import type { SlowConsumer } from '../../types/index.ts'
import type { Check } from './table.ts'
import { BYTES_OR_INFINITY, isSyncFunction } from './validate.ts'

/** Limit of the bytes that wait to be sent to a peer, and the action on a message that exceeds it. */
export interface SendLimits {
  /** In bytes. */
  sendLimit: number
  slowConsumer: SlowConsumer
}

/** Limits of a socket that has no options. */
export const NO_LIMITS: SendLimits = Object.freeze({ sendLimit: Infinity, slowConsumer: 'close' })

const POLICIES: unknown[] = ['close', 'drop']

/** Check of the option `sendLimit`. */
export const SEND_LIMIT: Check = BYTES_OR_INFINITY

/** Check of the option `slowConsumer`. */
export const SLOW_CONSUMER: Check = {
  expected: '"close", "drop" or a synchronous function',
  isValid: (value) => POLICIES.includes(value) || isSyncFunction(value)
}
