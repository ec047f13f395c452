import { readFile } from 'node:fs/promises'
import t from 'tap'
import * as errors from '../lib/errors.ts'
import { PLUGIN_OPTIONS, RECEIVE_WINDOW_OPTIONS, SERVER_OPTIONS } from '../lib/options.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

function section (title: string): string {
  return readme.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
}

function rows (table: string): string[] {
  return [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!)
}

void t.test('README lists every error, with its status', async (t) => {
  const [table = ''] = section('Errors').split('\nWhat a client gets')
  t.same(rows(table).sort(), Object.keys(errors).sort())
  for (const [code, FastifyError] of Object.entries(errors)) {
    const { statusCode } = new (FastifyError as unknown as new (...args: string[]) => { statusCode: number })('', '', '')
    const isAnswer = ['FST_WS_NO_WEBSOCKET_ROUTE', 'FST_WS_INVALID_HEADER'].includes(code)
    t.ok(table.includes(`| \`${code}\` | ${isAnswer ? `${statusCode} ` : ''}|`), code)
  }
})

void t.test('README lists every option', async (t) => {
  t.same(rows(section('Options')), Object.keys(PLUGIN_OPTIONS))
  t.ok(section('Options').includes(`| \`{ ${Object.keys(RECEIVE_WINDOW_OPTIONS).join(', ')} }\` |`))
  for (const name of Object.keys(SERVER_OPTIONS)) t.ok(section('Options').includes(`\`${name}\``), name)
})
