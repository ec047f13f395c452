import t from 'tap'
import { validateCompression } from '../../../lib/options/compression.ts'
import { readOptions } from '../../../lib/options/plugin.ts'
import { readRouteOptions } from '../../../lib/options/route.ts'

const log = { warn () {} } as never

const VALID: unknown[] = [
  undefined, true, false, {}, { threshold: 0, concurrencyLimit: Infinity }, { serverMaxWindowBits: 8 },
  { clientMaxWindowBits: true, serverNoContextTakeover: true, clientNoContextTakeover: false },
  { zlibDeflateOptions: { level: 1, memLevel: 9, chunkSize: 1024 }, zlibInflateOptions: { chunkSize: 10 * 1024 } }
]

const INVALID: Array<[options: object, message: RegExp]> = [
  [{ serverMaxWindowBits: 20 }, /\.serverMaxWindowBits" must be an integer from 8 to 15, or a boolean, got 20$/],
  [{ clientMaxWindowBits: 7 }, /\.clientMaxWindowBits" must be an integer from 8 to 15/],
  [{ serverNoContextTakeover: 1 }, /\.serverNoContextTakeover" must be a boolean, got 1$/],
  [{ threshold: -1 }, /\.threshold" must be an integer of at least 0 \(bytes\), got -1$/],
  [{ concurrencyLimit: 0 }, /\.concurrencyLimit" must be an integer of at least 1, or Infinity, got 0$/],
  [{ zlibDeflateOptions: { level: 99 } }, /\.zlibDeflateOptions" must be options of zlib\.createDeflateRaw\(\)/],
  [{ zlibDeflateOptions: { memLevel: 20 } }, /\.zlibDeflateOptions" must be/],
  [{ zlibInflateOptions: { chunkSize: 1 } }, /\.zlibInflateOptions" must be options of zlib\.createInflateRaw\(\)/],
  [{ treshold: 1 }, /\.treshold" must be one of .*did you mean "threshold"\?$/]
]

void t.test('valid options of perMessageDeflate are accepted', async (t) => {
  for (const value of VALID) t.doesNotThrow(() => validateCompression(value, String), JSON.stringify(value))
})

void t.test('invalid options of perMessageDeflate are refused with the plugin or the route that has them', async (t) => {
  const plugin = readOptions({}, 0, log)
  for (const [perMessageDeflate, message] of INVALID) {
    const ofPlugin = (): void => { readOptions({ options: { perMessageDeflate } as object }, 0, log) }
    const ofRoute = (): void => { readRouteOptions({ perMessageDeflate }, '/x', plugin) }
    t.throws(ofPlugin, { code: 'FST_WS_INVALID_OPTION', message })
    t.throws(ofPlugin, { message: /^option "options\.perMessageDeflate\./ })
    t.throws(ofRoute, { code: 'FST_WS_INVALID_OPTION' })
    t.throws(ofRoute, { message: /^option "websocket\.perMessageDeflate\.\w+" of route "\/x" must be / })
  }
})
