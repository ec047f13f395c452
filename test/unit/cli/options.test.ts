import t from 'tap'
import { OPTION_ROWS, PROBE_OPTIONS } from '../../../lib/cli/options.ts'

void t.test('an option with a value has a name for it', async (t) => {
  for (const [name, { type, value }] of Object.entries(OPTION_ROWS)) {
    t.equal(value !== undefined, type === 'string', name)
  }
  t.equal(OPTION_ROWS, PROBE_OPTIONS)
})
