import { omitNullish } from './validate.ts'
import type { SlowConsumer } from '../../types/index.ts'

/** The limit of what a socket may have waiting to be sent, and what happens past it. */
export interface SendLimits {
  /** in bytes */
  sendLimit: number
  slowConsumer: SlowConsumer
}

export const NO_LIMITS: SendLimits = Object.freeze({ sendLimit: Infinity, slowConsumer: 'close' })

/** Completes send limits with defaults. */
export function readSendLimits (
  { sendLimit, slowConsumer }: { [Name in keyof SendLimits]?: SendLimits[Name] | undefined }, defaults: SendLimits
): SendLimits {
  return { ...defaults, ...omitNullish({ sendLimit, slowConsumer }) }
}
