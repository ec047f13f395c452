import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** In ms. A slow machine needs a tenth of it. */
const TIME_LIMIT = 10_000
const PAUSE = 20

/**
 * Waits until a condition holds that no event reports, such as the state of another process. It may be asynchronous.
 * Throws if it does not hold after the time limit.
 */
export async function waitUntil (name, condition) {
  const timeout = AbortSignal.timeout(TIME_LIMIT)
  while (!await condition()) {
    assert.ok(!timeout.aborted, `${name}: not after ${TIME_LIMIT / 1000} s`)
    await sleep(PAUSE)
  }
}
