import t from 'tap'
import { escapeText, toSafeJson } from '../../../lib/cli/escape.ts'

void t.test('text that a terminal would act upon is escaped', async (t) => {
  t.equal(escapeText('\x1b[2J\x9b31m\x07\r\n\x7f'), '\\u001b[2J\\u009b31m\\u0007\\u000d\\u000a\\u007f')
  t.equal(escapeText('\u202egnp.exe \u2066 \u2028'), '\\u202egnp.exe \\u2066 \\u2028')
  t.equal(escapeText('\ud83d \ud83d\ude00'), '\\ud83d \ud83d\ude00')
})

void t.test('other text is left as it is', async (t) => {
  t.equal(escapeText('no-cache, "ä" 漢字 \\n'), 'no-cache, "ä" 漢字 \\n')
})

void t.test('JSON has no character that a terminal would act upon, and the same value', async (t) => {
  const value = { header: '\x1b[2J \x9b31m \u202e', list: [1, null], other: 'ä "\\' }
  const json = toSafeJson(value)
  t.equal(escapeText(json.replaceAll('\n', '')), json.replaceAll('\n', ''))
  t.same(JSON.parse(json), value)
})
