import { once } from 'node:events'
import { createServer } from 'node:http'
import fastify from 'fastify'
import t from 'tap'
import websocket from '../../../index.ts'
import type { WebsocketPluginOptions } from '../../../index.ts'

const REFUSED: Array<[options: object, message: string]> = [
  [{ options: 7 }, 'option "options" must be an object, got 7'],
  [{ errorHandler: {} }, 'option "errorHandler" must be a function, got object'],
  [{ preClose: 'now' }, 'option "preClose" must be a function, got "now"'],
  [{ heartbeat: -1 }, 'option "heartbeat" must be an integer from 0 to 2147483647 (ms), got -1'],
  [{ handshakeTimeout: '5s' }, 'option "handshakeTimeout" must be an integer from 0 to 2147483647 (ms), got "5s"'],
  [{ advertise: 'no' }, 'option "advertise" must be a boolean, got "no"'],
  [{ maxConcurrentStreams: 0 }, 'option "maxConcurrentStreams" must be an integer from 1 to 4294967295, got 0'],
  [{ maxConcurrentStreams: 2 ** 32 }, 'option "maxConcurrentStreams" must be an integer from 1 to 4294967295, got 4294967296'],
  [{ receiveWindow: 65535 }, 'option "receiveWindow" must be an object, got 65535'],
  [{ receiveWindow: { initial: 0 } }, 'option "receiveWindow.initial" must be an integer from 1024 to 2147483647 (bytes), got 0'],
  [{ receiveWindow: { max: 2 ** 31 } }, 'option "receiveWindow.max" must be an integer from 1024 to 2147483647 (bytes), got 2147483648'],
  [{ receiveWindow: { sessionBudget: Infinity } }, 'option "receiveWindow.sessionBudget" must be an integer of at least 65535 (bytes), got Infinity'],
  [{ sendLimit: -1 }, 'option "sendLimit" must be an integer of at least 0 (bytes), or Infinity, got -1'],
  [{ slowConsumer: 'wait' }, 'option "slowConsumer" must be "close", "drop" or a synchronous function, got "wait"'],
  [
    { slowConsumer: async () => 'drop' },
    'option "slowConsumer" must be "close", "drop" or a synchronous function, got an async function'
  ],
  [{ options: { noServer: true } }, 'option "options.noServer" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got boolean'],
  [{ options: { port: 80 } }, 'option "options.port" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got 80'],
  [{ options: { host: '::1' } }, 'option "options.host" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got "::1"'],
  [{ options: { backlog: 5 } }, 'option "options.backlog" must be absent: the sockets come from Fastify\'s server; for a server of its own use the ws package, got 5'],
  [{ receiveWindow: { maximum: 1 } }, 'option "receiveWindow.maximum" must be one of initial, max, sessionBudget, got an option "maximum"'],
  [{ options: { path: 7 } }, 'option "options.path" must be a string, got 7'],
  [{ options: { server: {} } }, 'option "options.server" must be an HTTP server, got object'],
  [{ options: { maxPayload: -1 } }, 'option "options.maxPayload" must be an integer of at least 0 (bytes), got -1'],
  [{ options: { maxPayload: '1mb' } }, 'option "options.maxPayload" must be an integer of at least 0 (bytes), got "1mb"'],
  [{ options: { closeTimeout: 1e12 } }, 'option "options.closeTimeout" must be an integer from 0 to 2147483647 (ms), got 1000000000000'],
  [{ options: { verifyClient: true } }, 'option "options.verifyClient" must be a function, got boolean'],
  [{ options: { perMessageDeflate: 'yes' } }, 'option "options.perMessageDeflate" must be a boolean or an object, got "yes"']
]

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

const NAMES = 'errorHandler, heartbeat, protocols, sendLimit, slowConsumer, allowSynchronousEvents, autoPong, closeTimeout, ' +
  'maxBufferedChunks, maxFragments, maxPayload, maxPendingAutoPongs, perMessageDeflate, skipUTF8Validation'

const REFUSED_BY_ROUTE: Array<[websocket: unknown, message: string]> = [
  ['yes', 'option "websocket" of route "/v1/room" must be a boolean or an object, got "yes"'],
  [[], 'option "websocket" of route "/v1/room" must be a boolean or an object, got object'],
  [{ maxPayload: '1mb' }, 'option "websocket.maxPayload" of route "/v1/room" must be an integer of at least 0 (bytes), got "1mb"'],
  [{ maxPayLoad: 1 }, `option "websocket.maxPayLoad" of route "/v1/room" must be one of ${NAMES}, got an option "maxPayLoad"`],
  [{ verifyClient: 1 }, `option "websocket.verifyClient" of route "/v1/room" must be one of ${NAMES}, got an option "verifyClient"`],
  [{ protocols: 'chat' }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got "chat"'],
  [{ protocols: ['a b'] }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got object'],
  [{ sendLimit: 0.5 }, 'option "websocket.sendLimit" of route "/v1/room" must be an integer of at least 0 (bytes), or Infinity, got 0.5'],
  [{ errorHandler: 1 }, 'option "websocket.errorHandler" of route "/v1/room" must be a function, got 1']
]

for (const [given, expected] of REFUSED_BY_ROUTE) {
  void t.test(`a route refuses ${JSON.stringify(given)}, by its URL`, async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(websocket)
    const adding = app.register(async (scope) => {
      scope.get('/room', { websocket: given as true }, () => {})
    }, { prefix: '/v1' })
    await t.rejects(Promise.resolve(adding), { code: 'FST_WS_INVALID_OPTION', message: expected })
  })
}

void t.test('a route whose websocket is undefined, null or false is one of pages', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  const plain = [undefined, null, false]
  for (const given of plain) app.get(`/${given}`, { websocket: given as false }, async () => 'page')
  for (const given of plain) t.equal((await app.inject(`/${given}`)).body, 'page')
})

void t.test('a route\'s option that is undefined is as good as absent', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, { options: { maxPayload: 3 } })
  app.get('/', { websocket: { maxPayload: undefined, protocols: undefined, sendLimit: undefined } }, (socket) => {
    socket.on('close', (code) => app.server.emit('seen', code))
  })
  const seen = once(app.server, 'seen')
  const socket = await app.injectWS()
  socket.send('four')
  t.same(await seen, [1009])
})

void t.test('an option of ws that we do not know is passed on, with a warning', async (t) => {
  const lines: string[] = []
  const app = fastify({ logger: { level: 'warn', stream: { write: (line: string) => { lines.push(JSON.parse(line).msg) } } } })
  t.teardown(() => app.close())
  await app.register(websocket, { options: { maxPayLoad: 7 } } as WebsocketPluginOptions)
  t.match(app.websocketServer.options, { maxPayLoad: 7 })
  t.same(lines, ['option "options.maxPayLoad" is none that we know: it is passed on to ws as it is'])
})

void t.test('an option that is undefined or null is as good as absent', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, {
    options: { maxPayload: undefined, closeTimeout: undefined, verifyClient: null },
    errorHandler: undefined,
    maxConcurrentStreams: undefined
  } as unknown as WebsocketPluginOptions)
  t.match(app.websocketServer.options, { maxPayload: 100 * 1024 * 1024, closeTimeout: 30_000, verifyClient: null })
})

void t.test('options that ws alone knows are handed on', async (t) => {
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
