import t from 'tap'
import { RECEIVE_WINDOW_OPTIONS, completeSizes } from '../../../lib/options/receive-window.ts'

const MEGABYTE = 1024 * 1024

void t.test('sizes that are omitted have their defaults', async (t) => {
  const defaults = { initial: 65_535, max: 16 * MEGABYTE, sessionBudget: 128 * MEGABYTE }
  t.same(completeSizes({}), defaults)
  t.same(completeSizes({ initial: undefined, max: undefined, sessionBudget: undefined }), defaults)
  t.same(completeSizes({ max: MEGABYTE }), { ...defaults, max: MEGABYTE })
})

void t.test('a maximum below the initial window has no effect', async (t) => {
  t.match(completeSizes({ initial: 100_000, max: 50_000 }), { initial: 100_000, max: 100_000 })
  t.match(completeSizes({ initial: 32 * MEGABYTE }), { initial: 32 * MEGABYTE, max: 32 * MEGABYTE })
})

void t.test('windows are at most those of RFC 9113 section 6.9.1, and a budget has room for one', async (t) => {
  const { initial, max, sessionBudget } = RECEIVE_WINDOW_OPTIONS
  for (const { isValid } of [initial, max]) {
    t.same([1023, 1024, 2 ** 31 - 1, 2 ** 31].map(isValid), [false, true, true, false])
  }
  t.same([65_534, 65_535, 2 ** 31, Infinity].map(sessionBudget.isValid), [false, true, true, false])
})
