import t from 'tap'
import { readWsDefaults, statedValues, toStated } from './defaults.ts'
import { read } from './pages.ts'
import {
  CONNECT_DEFAULTS, GATEWAY_DEFAULTS, NESTED_DEFAULTS, PLUGIN_DEFAULTS, RECONNECT_DEFAULTS
} from './subjects.ts'

/** A property of an interface, with its doc comment. */
const PROPERTY = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(\w+)\?:/g

const FILES: Record<string, Record<string, unknown>> = {
  'types/server-options.ts': await readWsDefaults(),
  'types/options.ts': { ...NESTED_DEFAULTS, ...PLUGIN_DEFAULTS },
  'types/receive-window.ts': NESTED_DEFAULTS,
  'types/client.ts': CONNECT_DEFAULTS,
  'types/reconnect.ts': RECONNECT_DEFAULTS,
  'types/gateway.ts': GATEWAY_DEFAULTS
}

for (const [file, defaults] of Object.entries(FILES)) {
  void t.test(`the defaults in the comments of ${file} are those of the code`, async (t) => {
    const checked = [...read(file).matchAll(PROPERTY)].flatMap(([, comment = '', name = '']) => {
      const text = comment.replace(/\s*\n\s*\*/g, '').split('Default: ')[1] ?? ''
      const [stated] = statedValues(text)
      if (stated === undefined || !(name in defaults)) return []
      t.equal(stated, toStated(defaults[name], [stated])[0], name)
      return [name]
    })
    t.ok(checked.length > 1)
  })
}
