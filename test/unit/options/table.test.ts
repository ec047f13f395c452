import { EventEmitter } from 'node:events'
import t from 'tap'
import { CONNECT_OPTIONS, readConnectOptions } from '../../../lib/options/client.ts'
import { DRAIN_OPTIONS, readDrainOptions } from '../../../lib/options/drain.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS, readOptions } from '../../../lib/options/plugin.ts'
import { BROADCAST_OPTIONS, readMethodOptions } from '../../../lib/options/publish.ts'
import { RECEIVE_WINDOW_OPTIONS } from '../../../lib/options/receive-window.ts'
import { RECONNECT_OPTIONS } from '../../../lib/options/reconnect.ts'
import { ROUTE_OPTIONS, readRouteOptions } from '../../../lib/options/route.ts'
import { SHUTDOWN_OPTIONS } from '../../../lib/options/shutdown.ts'
import { complete, omit, omitNullish, perRoute, pick, unknownNames, valueOf } from '../../../lib/options/table.ts'
import type { Rows } from '../../../lib/options/table.ts'
import { BOOLEAN, COUNT, describe } from '../../../lib/options/validate.ts'

interface Case {
  rows: Rows
  /** Reads options as the plugin, a route or the client does. */
  read: (options: object) => unknown
  /** Returns the name of an option as an error has it. */
  formatName: (name: string) => string
}

const log = { warn () {} } as never
const plugin = readOptions({}, 0, log)

const CASES: Record<string, Case> = {
  plugin: {
    rows: PLUGIN_OPTIONS,
    read: (options) => readOptions(options, 0, log),
    formatName: (name) => `"${name}"`
  },
  options: {
    rows: SERVER_OPTIONS,
    read: (options) => readOptions({ options }, 0, log),
    formatName: (name) => `"options.${name}"`
  },
  receiveWindow: {
    rows: RECEIVE_WINDOW_OPTIONS,
    read: (receiveWindow) => readOptions({ receiveWindow }, 0, log),
    formatName: (name) => `"receiveWindow.${name}"`
  },
  shutdown: {
    rows: SHUTDOWN_OPTIONS,
    read: (shutdown) => readOptions({ shutdown }, 0, log),
    formatName: (name) => `"shutdown.${name}"`
  },
  route: {
    rows: ROUTE_OPTIONS,
    read: (options) => readRouteOptions(options, '/x', plugin),
    formatName: (name) => `"websocket.${name}" of route "/x"`
  },
  connect: {
    rows: CONNECT_OPTIONS,
    // One of them is for a session, the other for a URL.
    read: (options) => readConnectOptions(options, 'path' in options),
    formatName: (name) => `"${name}"`
  },
  reconnect: {
    rows: RECONNECT_OPTIONS,
    // The default of minDelay limits maxDelay from below.
    read: (reconnect) => readConnectOptions({ reconnect: { minDelay: 1, ...reconnect } }, false),
    formatName: (name) => `"reconnect.${name}"`
  },
  drain: {
    rows: DRAIN_OPTIONS,
    read: readDrainOptions,
    formatName: (name) => `"${name}" of drain()`
  },
  broadcast: {
    // They include those of publish() and prepare().
    rows: BROADCAST_OPTIONS,
    read: (options) => readMethodOptions(options, 'broadcast', BROADCAST_OPTIONS),
    formatName: (name) => `"${name}" of broadcast()`
  }
}

/** Values of which each option accepts one, and refuses another. */
const VALUES: unknown[] = [
  true, false, -1, 0, 0.5, 1, 999, 1000, 1006, 1015, 1024, 4999, 5000, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e12, NaN,
  Infinity, 1n, '', 'close', 'send', 'shared', '1.1', '2', '3', '/path', 'x'.repeat(123), 'x'.repeat(124), Symbol('value'), {}, [],
  ['chat'], ['not a token'], () => {}, async () => {}, Object.create(EventEmitter.prototype),
  Object.create({ emit () {}, on () {}, removeListener () {}, close () {} })
]

for (const [table, { rows, read, formatName }] of Object.entries(CASES)) {
  for (const [name, { expected, isValid, default: byDefault }] of Object.entries(rows)) {
    void t.test(`${table}.${name} accepts valid values, and refuses others by its name`, async (t) => {
      const [valid, invalid] = [VALUES.filter(isValid), VALUES.filter((value) => !isValid(value))]
      t.ok(valid.length > 0 && invalid.length > 0)
      for (const value of valid) t.doesNotThrow(() => read({ [name]: value }), describe(value))
      for (const value of invalid) {
        t.throws(() => read({ [name]: value }), {
          code: 'FST_WS_INVALID_OPTION',
          statusCode: 500,
          message: `option ${formatName(name)} must be ${expected}, got ${describe(value)}`
        })
      }
    })

    void t.test(`${table}.${name} may be omitted`, async (t) => {
      for (const omitted of [undefined, null]) t.doesNotThrow(() => read({ [name]: omitted }))
      if (byDefault !== undefined) t.ok(isValid(byDefault), 'its default is valid')
    })
  }
}

void t.test('an inherited value of an option is validated too', async (t) => {
  t.throws(() => CASES.plugin!.read(Object.create({ heartbeat: -1 })), { code: 'FST_WS_INVALID_OPTION' })
})

const ROWS = {
  flag: { ...BOOLEAN, default: true, perRoute: true },
  size: { ...COUNT, default: 7 },
  other: { ...COUNT, default: undefined, perRoute: true }
} satisfies Rows

void t.test('complete takes each value from the options, from complete options, or from the defaults', async (t) => {
  t.same(complete({}, ROWS), { flag: true, size: 7, other: undefined })
  t.same(complete(null, ROWS), complete(undefined, ROWS))
  t.same(complete({ flag: false, size: 0, unknown: 1 }, ROWS), { flag: false, size: 0, other: undefined })
  t.same(complete({ size: null }, ROWS, { flag: false, size: 0, other: 1 }), { flag: false, size: 0, other: 1 })
  t.same(complete({ size: 2 }, ROWS, { size: 1 }), { flag: true, size: 2, other: undefined })
  t.same(Object.keys(complete({ size: 2, flag: true }, ROWS)), Object.keys(ROWS), 'in the order of the rows')
})

void t.test('pick and omit divide options by whether a table has them, without those that are omitted', async (t) => {
  const options = { size: 0, flag: null, other: undefined, unknown: '', constructor: 1, omitted: null }
  t.same(pick(options, ROWS), { size: 0 })
  t.same(omit(options, ROWS), { unknown: '', constructor: 1 })
  t.same(unknownNames(options, ROWS), ['unknown', 'constructor'])
  t.same(unknownNames(null, ROWS), [])
  t.same(omitNullish(options), { size: 0, unknown: '', constructor: 1 })
})

void t.test('perRoute returns the rows that a route may have, in their order', async (t) => {
  t.same(Object.entries(perRoute(ROWS)), [['flag', ROWS.flag], ['other', ROWS.other]])
})

void t.test('valueOf reads an option of its own or inherited, and nothing where no options are', async (t) => {
  t.equal(valueOf({ size: 1 }, 'size'), 1)
  t.equal(valueOf(Object.create({ size: 1 }), 'size'), 1)
  for (const nothing of [undefined, null, {}]) t.equal(valueOf(nothing, 'size'), undefined)
})
