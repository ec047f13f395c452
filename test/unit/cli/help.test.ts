import t from 'tap'
import { EXIT_CODES } from '../../../lib/cli/exit-codes.ts'
import { formatHelp } from '../../../lib/cli/help.ts'
import { OPTION_ROWS } from '../../../lib/cli/options.ts'

void t.test('the help has every option and every exit code, in 80 columns', async (t) => {
  const help = formatHelp()
  for (const [name, { purpose }] of Object.entries(OPTION_ROWS)) {
    t.ok(help.split('\n').some((line) => line.includes(`--${name} `) && line.endsWith(purpose)), name)
  }
  for (const { code, meaning } of Object.values(EXIT_CODES)) t.ok(help.includes(`  ${code}  ${meaning}\n`), meaning)
  t.same(help.split('\n').filter((line) => line.length > 80), [])
})
