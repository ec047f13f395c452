import t from 'tap'
import { readDrainOptions } from '../../../lib/options/drain.ts'

const DEFAULTS = { over: 30_000, code: 1012, reason: 'reconnect' }

void t.test('options of drain() that are omitted have their defaults', async (t) => {
  for (const options of [undefined, null, {}, { over: undefined, code: null }]) {
    t.same(readDrainOptions(options as object), DEFAULTS)
  }
  t.same(readDrainOptions({ over: 0, code: 4000, reason: '' }), { over: 0, code: 4000, reason: '' })
})

void t.test('an option of drain() that is unknown, or whose value is invalid, is refused', async (t) => {
  const invalid: Array<[object, string]> = [
    [{ over: 1.5 }, 'option "over" of drain() must be an integer from 0 to 2147483647 (ms), got 1.5'],
    [{ over: Infinity }, 'option "over" of drain() must be an integer from 0 to 2147483647 (ms), got Infinity'],
    [{ code: 1005 }, 'option "code" of drain() must be a close code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999, got 1005'],
    [{ reason: 5 }, 'option "reason" of drain() must be a string of at most 123 bytes, got 5'],
    [{ time: 5 }, 'option "time" of drain() must be one of over, code, reason, got an option "time"'],
    [5 as never, 'option "options" of drain() must be an object, got 5']
  ]
  for (const [options, message] of invalid) {
    t.throws(() => readDrainOptions(options), { code: 'FST_WS_INVALID_OPTION', message })
  }
})
