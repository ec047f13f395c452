import t from 'tap'
import { readReconnectOptions } from '../../../lib/options/reconnect.ts'
import type { ReconnectOptions } from '../../../types/index.ts'

const DEFAULTS = { retries: Infinity, minDelay: 1000, maxDelay: 30_000, jitter: 0.5 }

void t.test('without reconnect there are no settings', async (t) => {
  for (const value of [undefined, null, false]) t.equal(readReconnectOptions(value), undefined)
})

void t.test('options of reconnect that are omitted have their defaults', async (t) => {
  for (const value of [true, {}, { retries: undefined, jitter: null }]) {
    t.same(readReconnectOptions(value as ReconnectOptions), DEFAULTS)
  }
  const all = { retries: 5, minDelay: 10, maxDelay: 20, jitter: 1 }
  t.same(readReconnectOptions(all), all)
  t.same(readReconnectOptions({ minDelay: 60_000 }), { ...DEFAULTS, minDelay: 60_000, maxDelay: 60_000 })
})

const DELAY = 'an integer from 1 to 2147483647 (ms)'

for (const [options, message] of [
  [{ retries: 0 }, 'option "reconnect.retries" must be an integer of at least 1, or Infinity, got 0'],
  [{ minDelay: 0 }, `option "reconnect.minDelay" must be ${DELAY}, got 0`],
  [{ maxDelay: Infinity }, `option "reconnect.maxDelay" must be ${DELAY}, got Infinity`],
  [{ minDelay: 20, maxDelay: 10 }, 'option "reconnect.maxDelay" must be at least reconnect.minDelay, 20, got 10'],
  [{ jitter: 2 }, 'option "reconnect.jitter" must be a number from 0 to 1, got 2'],
  [{ jitter: NaN }, 'option "reconnect.jitter" must be a number from 0 to 1, got NaN'],
  [{ retry: 1 }, 'option "reconnect.retry" must be one of retries, minDelay, maxDelay, jitter, got an option "retry"']
] as const) {
  void t.test(`reconnect refuses ${JSON.stringify(options)}`, async (t) => {
    t.throws(() => readReconnectOptions(options as object), { code: 'FST_WS_INVALID_OPTION', message })
  })
}
