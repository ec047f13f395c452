import t from 'tap'
import { ORIGIN_OPTION, formatOrigin, parseOrigin } from '../../../lib/options/origin.ts'
import { readOptions } from '../../../lib/options/plugin.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'

void t.test('parseOrigin: the origins that browsers send', async (t) => {
  for (const [text, expected] of [
    ['https://Example.com:443', 'https://example.com'], ['http://[0::1]:80', 'http://[::1]'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'], ['chrome-extension://ABC', 'chrome-extension://abc'],
    ['file://', 'file://'], ['capacitor://localhost:1', 'capacitor://localhost:1']
  ]) t.equal(formatOrigin(parseOrigin(text!)!), expected)
})

void t.test('parseOrigin: returns undefined for anything else', async (t) => {
  for (const text of [
    'null', '', 'https', 'https:', 'https://', 'https:///', 'https://a/', 'https://a?', 'https://a#', 'https://u@a',
    'https://a, https://b', 'https://a b', 'https://a\\b', 'https://a:port', 'https://[::1', '1https://a', '*', '://a',
    `https://${'a'.repeat(505)}`
  ]) t.equal(parseOrigin(text), undefined, text)
})

void t.test('option "origin": values that are accepted', async (t) => {
  for (const value of [false, 'same', 'https://a.example', 'file://', /^a$/, ['same', 'http://a', /^b$/], () => true]) {
    t.ok(ORIGIN_OPTION.isValid(value), String(value))
  }
})

void t.test('option "origin": values that are refused when the plugin is registered', async (t) => {
  for (const value of [true, '*', '', 'a.example', 'https://a.example/', 'null', [], ['*'], [['same']], [false], {}, 1]) {
    t.throws(() => readOptions({ origin: value } as object, 0, createLog().log), {
      code: 'FST_WS_INVALID_OPTION', message: /^option "origin" must be "same", false, an origin such as /
    }, String(value))
  }
})
