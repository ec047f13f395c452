import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import fastify from 'fastify'
import t from 'tap'
import { WebSocketServer } from 'ws'
import websocket from '../../../index.ts'
import type { WebsocketPluginOptions } from '../../../index.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS, readOptions } from '../../../lib/options/plugin.ts'
import type { PluginSettings } from '../../../lib/options/plugin.ts'

/** Options of ws that the plugin accepts. */
const WS_NAMES = Object.keys(SERVER_OPTIONS).filter((name) => !['noServer', 'port', 'host', 'backlog'].includes(name))

const REFUSED: Array<[options: object, message: string]> = [
  [{ options: 7 }, 'option "options" must be an object, got 7'],
  [{ errorHandler: {} }, 'option "errorHandler" must be a function, got object'],
  [{ preClose: 'now' }, 'option "preClose" must be a function, got "now"'],
  [{ heartbeat: -1 }, 'option "heartbeat" must be an integer from 0 to 2147483647 (ms), got -1'],
  [{ maxSessionAge: 2 ** 31 }, 'option "maxSessionAge" must be an integer from 0 to 2147483647 (ms), got 2147483648'],
  [
    { maxSessionAgeGrace: -1 },
    'option "maxSessionAgeGrace" must be an integer from 0 to 2147483647 (ms), or Infinity, got -1'
  ],
  [{ handshakeTimeout: '5s' }, 'option "handshakeTimeout" must be an integer from 0 to 2147483647 (ms), got "5s"'],
  [{ advertise: 'no' }, 'option "advertise" must be a boolean, got "no"'],
  [{ maxConcurrentStreams: 0 }, 'option "maxConcurrentStreams" must be an integer from 1 to 4294967295, got 0'],
  [{ maxConcurrentStreams: 2 ** 32 }, 'option "maxConcurrentStreams" must be an integer from 1 to 4294967295, got 4294967296'],
  [{ receiveWindow: 65535 }, 'option "receiveWindow" must be an object, got 65535'],
  [{ receiveWindow: { initial: 0 } }, 'option "receiveWindow.initial" must be an integer from 1024 to 2147483647 (bytes), got 0'],
  [{ receiveWindow: { max: 2 ** 31 } }, 'option "receiveWindow.max" must be an integer from 1024 to 2147483647 (bytes), got 2147483648'],
  [{ receiveWindow: { sessionBudget: Infinity } }, 'option "receiveWindow.sessionBudget" must be an integer of at least 65535 (bytes), got Infinity'],
  [{ sendLimit: -1 }, 'option "sendLimit" must be an integer of at least 0 (bytes), or Infinity, got -1'],
  [{ captureRejections: 1 }, 'option "captureRejections" must be a boolean, got 1'],
  [{ slowConsumer: 'wait' }, 'option "slowConsumer" must be "close", "drop" or a synchronous function, got "wait"'],
  [
    { slowConsumer: async () => 'drop' },
    'option "slowConsumer" must be "close", "drop" or a synchronous function, got an async function'
  ],
  [{ maxSockets: 0 }, 'option "maxSockets" must be an integer of at least 1, or Infinity, got 0'],
  [{ maxSockets: '100' }, 'option "maxSockets" must be an integer of at least 1, or Infinity, got "100"'],
  [{ maxPendingHandshakes: 0.5 }, 'option "maxPendingHandshakes" must be an integer of at least 1, or Infinity, got 0.5'],
  [{ nodeVersionWarning: 1 }, 'option "nodeVersionWarning" must be a boolean, got 1'],
  [{ relay: 7 }, 'option "relay" must be an MQEmitter, or an object with its methods emit, on, removeListener and close, got 7'],
  ...[[], {}, { emit () {}, on () {}, removeListener () {} }].map((relay): [object, string] => [
    { relay },
    'option "relay" must be an MQEmitter, or an object with its methods emit, on, removeListener and close, got object'
  ]),
  [{ onRelayError: true }, 'option "onRelayError" must be a function, got boolean'],
  [{ options: { noServer: true } }, 'option "options.noServer" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got boolean'],
  [{ options: { port: 80 } }, 'option "options.port" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got 80'],
  [{ options: { host: '::1' } }, 'option "options.host" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got "::1"'],
  [{ options: { backlog: 5 } }, 'option "options.backlog" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got 5'],
  [{ receiveWindow: { maximum: 1 } }, 'option "receiveWindow.maximum" must be one of initial, max, sessionBudget, got an option "maximum"'],
  [{ shutdown: 5 }, 'option "shutdown" must be an object, got 5'],
  [{ receiveWindow: { Max: 1 } }, 'option "receiveWindow.Max" must be one of initial, max, sessionBudget, got an option "Max": did you mean "max"?'],
  [{ options: { path: 7 } }, 'option "options.path" must be a string, got 7'],
  [{ options: { server: {} } }, 'option "options.server" must be an HTTP server, got object'],
  [{ options: { maxPayload: -1 } }, 'option "options.maxPayload" must be an integer of at least 0 (bytes), got -1'],
  [{ options: { maxPayload: '1mb' } }, 'option "options.maxPayload" must be an integer of at least 0 (bytes), got "1mb"'],
  [{ options: { closeTimeout: 1e12 } }, 'option "options.closeTimeout" must be an integer from 0 to 2147483647 (ms), got 1000000000000'],
  [{ options: { verifyClient: true } }, 'option "options.verifyClient" must be a function, got boolean'],
  [{ options: { perMessageDeflate: 'yes' } }, 'option "options.perMessageDeflate" must be a boolean or an object, got "yes"'],
  ...refuseUnknown('', `one of ${Object.keys(PLUGIN_OPTIONS).join(', ')}`, [
    [{ heartBeat: 5 }, ': did you mean "heartbeat"?'],
    [{ maxPayload: 5, verifyclient: true }, ': did you mean "options.maxPayload"?'],
    [{ verifyclient: true }, ': did you mean "options.verifyClient"?'],
    [{ sessionBudget: 1e9 }, ': did you mean "receiveWindow.sessionBudget"?'],
    [{ reason: 'bye' }, ': did you mean "shutdown.reason"?'],
    [{ wss: 5, port: 80 }, ''],
    [{ port: 80 }, ''],
    [{ constructor: 5 }, ''],
    // Fastify was not created with it.
    [{ http2: true }, '']
  ]),
  ...refuseUnknown('options.', `one of ${WS_NAMES.join(', ')}`, [
    [{ maxPayLoad: 7 }, ': did you mean "options.maxPayload"?'],
    [{ heartbeat: 7 }, ': did you mean "heartbeat"?'],
    [{ Server: 7 }, ': did you mean "options.server"?'],
    [{ constructor: 7 }, '']
  ])
]

function refuseUnknown (
  prefix: string, expected: string, rows: Array<[options: object, suggestion: string]>
): Array<[options: object, message: string]> {
  return rows.map(([options, suggestion]) => {
    const [name] = Object.keys(options)
    return [
      prefix === '' ? options : { options },
      `option "${prefix}${name}" must be ${expected}, got an option "${name}"${suggestion}`
    ]
  })
}

for (const [options, expected] of REFUSED) {
  void t.test(`register refuses ${JSON.stringify(options)}`, async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await t.rejects(Promise.resolve(app.register(websocket, options as WebsocketPluginOptions)), {
      code: 'FST_WS_INVALID_OPTION',
      message: expected
    })
  })
}

function read (options: object, pluginTimeout = 0): { settings: PluginSettings, warnings: string[] } {
  const warnings: string[] = []
  const log = { warn: (line: string) => { warnings.push(line) } }
  return { settings: readOptions(options, pluginTimeout, log as never), warnings }
}

void t.test('options that are omitted have their defaults', async (t) => {
  const { settings, warnings } = read({})
  t.same(settings, {
    errorHandler: undefined,
    heartbeat: 30_000,
    sendLimit: 16 * 1024 * 1024,
    slowConsumer: 'close',
    origin: 'same',
    captureRejections: false,
    advertise: true,
    handshakeTimeout: 30_000,
    maxSockets: Infinity,
    maxPendingHandshakes: 4096,
    compressionBudget: 268_435_456,
    maxSessionAge: 0,
    maxSessionAgeGrace: 60_000,
    nodeVersionWarning: true,
    relay: undefined,
    onRelayError: undefined,
    websocketServer: {},
    server: undefined,
    shutdown: { timeout: 5000, code: 1001, reason: '', batch: 100, preClose: undefined },
    settings: {},
    receiveWindow: {}
  })
  t.same(warnings, [])
  t.ok(Object.isFrozen(settings))
  for (const omitted of [null, undefined]) {
    t.same(read(Object.fromEntries(Object.keys(PLUGIN_OPTIONS).map((name) => [name, omitted]))).settings, settings)
    t.same(read({
      options: Object.fromEntries(Object.keys(SERVER_OPTIONS).map((name) => [name, omitted])),
      receiveWindow: { initial: omitted, max: omitted },
      shutdown: { code: omitted, batch: omitted }
    }), { settings, warnings })
  }
})

void t.test('the defaults of ws\'s options are those of ws', async (t) => {
  const { options } = new WebSocketServer({ noServer: true })
  const given = ['noServer', 'WebSocket']
  for (const [name, row] of Object.entries(SERVER_OPTIONS)) {
    if (!given.includes(name)) t.equal(row.default, Reflect.get(options, name) ?? undefined, name)
  }
})

void t.test('settings of HTTP/2 are only those that the user gave', async (t) => {
  t.same(read({ maxConcurrentStreams: 7 }).settings.settings, { maxConcurrentStreams: 7 })
  const { settings, receiveWindow } = read({ receiveWindow: { initial: 2048, max: null } }).settings
  t.same(settings, { initialWindowSize: 2048 })
  t.same(receiveWindow, { initial: 2048 })
})

void t.test('the default of shutdownTimeout fits the pluginTimeout of Fastify', async (t) => {
  t.equal(read({}, 3000).settings.shutdown.timeout, 2500)
})

void t.test('options of Fastify\'s register, of fastify-cli and of Fastify itself are ignored', async (t) => {
  const { warnings, settings } = read({
    prefix: '/v1', logLevel: 'warn', logSerializers: {}, skipOverride: true, unknown: undefined, other: null
  })
  t.same(warnings, [])
  t.same(settings, read({}).settings)

  const fastifyOptions = { trustProxy: true, heartbeat: 'of Fastify' }
  const log = { warn: (line: string) => t.fail(line) } as never
  t.same(readOptions({ trustProxy: true } as object, 0, log, fastifyOptions), settings)
  t.throws(() => readOptions({ heartbeat: 'often' as never }, 0, log, fastifyOptions), /"heartbeat" must be an integer/)
  t.throws(() => readOptions({ trustproxy: true } as object, 0, log, fastifyOptions), { code: 'FST_WS_INVALID_OPTION' })
})

void t.test('options.path is a warning in the log of Fastify', async (t) => {
  t.same(read({ options: { path: null } }).warnings, [])
  const lines: string[] = []
  const app = fastify({ logger: { level: 'warn', stream: { write: (line: string) => { lines.push(JSON.parse(line).msg) } } } })
  t.teardown(() => app.close())
  await app.register(websocket, { options: { path: '/ws' } })
  t.same(lines, ['option "options.path" rejects all other paths; use a websocket route instead'])
})

void t.test('every option of ws\'s WebSocketServer is known', async (t) => {
  const source = await readFile(createRequire(import.meta.url).resolve('ws').replace('index.js', 'lib/websocket-server.js'), 'utf8')
  const documented = [...source.matchAll(/@param .*\[options\.(\w+)/g)].map(([, name]) => name!)
  const used = [...source.matchAll(/\boptions\.(\w+)/g)].map(([, name]) => name!)
  t.same(new Set([...documented, ...used]), new Set(Object.keys(SERVER_OPTIONS)))
  t.same(new Set(Object.keys(new WebSocketServer({ noServer: true }).options)), new Set(Object.keys(SERVER_OPTIONS)))
})

void t.test('options of ws that are undefined or null are not passed on, so that ws has its defaults', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, {
    options: { maxPayload: undefined, closeTimeout: undefined, verifyClient: null },
    errorHandler: undefined,
    maxConcurrentStreams: undefined
  } as unknown as WebsocketPluginOptions)
  t.match(app.websocketServer.options, { maxPayload: 100 * 1024 * 1024, closeTimeout: 30_000, verifyClient: null })
})

void t.test('options that ws alone uses are passed on', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, { options: { allowSynchronousEvents: false, maxFragments: 3 } })
  t.match(app.websocketServer.options, { allowSynchronousEvents: false, maxFragments: 3, noServer: true })
})

void t.test('options.server takes the upgrades of another server', async (t) => {
  const app = fastify()
  const server = createServer()
  t.teardown(() => app.close())
  await app.register(websocket, { options: { server } })
  app.get('/', { websocket: true }, () => {})
  await app.ready()
  t.equal(server.listenerCount('upgrade'), 1)
  t.equal(app.server.listenerCount('upgrade'), 0)
  await app.close()
  t.equal(server.listenerCount('upgrade'), 0)
})
