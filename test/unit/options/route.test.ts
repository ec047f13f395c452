import { once } from 'node:events'
import fastify from 'fastify'
import t from 'tap'
import websocket from '../../../index.ts'
import type { WebsocketRouteOptions } from '../../../index.ts'
import { PLUGIN_OPTIONS, SERVER_OPTIONS, readOptions } from '../../../lib/options/plugin.ts'
import { ROUTE_OPTIONS, readRouteOptions } from '../../../lib/options/route.ts'
import type { RouteSettings } from '../../../lib/options/route.ts'
import type { Row } from '../../../lib/options/table.ts'

const plugin = readOptions({ heartbeat: 7, slowConsumer: 'drop', options: { maxPayload: 7 } }, 0, { warn () {} } as never)

function read (value: unknown): RouteSettings {
  return readRouteOptions(value, '/room', plugin)
}

void t.test('a route may have exactly the options that are marked perRoute, and protocols', async (t) => {
  // Fails to compile where the public type does not have one of them.
  const names: Array<keyof WebsocketRouteOptions> = Object.keys(ROUTE_OPTIONS) as Array<keyof typeof ROUTE_OPTIONS>
  const rows: Array<[string, Row]> = Object.entries({ ...PLUGIN_OPTIONS, ...SERVER_OPTIONS })
  const ofRoutes = rows.filter(([, row]) => row.perRoute).map(([name]) => name)
  t.same(new Set(names), new Set([...ofRoutes, 'protocols']))

  for (const [name, row] of rows) {
    const value = row.default ?? (name === 'errorHandler' ? () => {} : ['chat'])
    if (ofRoutes.includes(name)) t.doesNotThrow(() => read({ [name]: value }), name)
    else t.throws(() => read({ [name]: value }), { code: 'FST_WS_INVALID_OPTION', message: /must be one of/ }, name)
  }
})

void t.test('options that a route omits are the plugin\'s', async (t) => {
  const { errorHandler, heartbeat, origin, sendLimit, slowConsumer, captureRejections } = plugin
  const settings = { errorHandler, heartbeat, origin, sendLimit, slowConsumer, captureRejections, websocketServer: {} }
  const omitted = Object.fromEntries(Object.keys(ROUTE_OPTIONS).map((name) => [name, null]))
  for (const value of [true, undefined, {}, omitted]) t.same(read(value), settings)
  t.equal(heartbeat, 7)
})

void t.test('options that a route has replace the plugin\'s', async (t) => {
  const errorHandler = (): void => {}
  t.match(read({ errorHandler, heartbeat: 0, sendLimit: Infinity, slowConsumer: 'close' }), {
    errorHandler, heartbeat: 0, sendLimit: Infinity, slowConsumer: 'close', websocketServer: {}
  })
  t.match(read({ captureRejections: true }), { captureRejections: true })
  t.match(read({ heartbeat: 0 }), { heartbeat: 0, slowConsumer: 'drop' })
  const { websocketServer } = read({ maxPayload: 0, autoPong: false, closeTimeout: null })
  t.same(websocketServer, { maxPayload: 0, autoPong: false })
})

void t.test('protocols choose the first subprotocol of the client that the route has', async (t) => {
  const { handleProtocols } = read({ protocols: ['v2', 'v1'] }).websocketServer
  t.equal(handleProtocols!(new Set(['v3', 'v1', 'v2']), undefined as never), 'v1')
  t.equal(handleProtocols!(new Set(['v3']), undefined as never), false)
})

const NAMES = 'captureRejections, errorHandler, heartbeat, origin, protocols, sendLimit, slowConsumer, allowSynchronousEvents, autoPong, closeTimeout, ' +
  'maxBufferedChunks, maxFragments, maxPayload, maxPendingAutoPongs, perMessageDeflate, skipUTF8Validation'

const REFUSED: Array<[websocket: unknown, message: string]> = [
  ['yes', 'option "websocket" of route "/v1/room" must be a boolean or an object, got "yes"'],
  [[], 'option "websocket" of route "/v1/room" must be a boolean or an object, got object'],
  [{ maxPayload: '1mb' }, 'option "websocket.maxPayload" of route "/v1/room" must be an integer of at least 0 (bytes), got "1mb"'],
  [{ maxPayLoad: 1 }, `option "websocket.maxPayLoad" of route "/v1/room" must be one of ${NAMES}, got an option "maxPayLoad": did you mean "maxPayload"?`],
  [{ verifyClient: 1 }, `option "websocket.verifyClient" of route "/v1/room" must be one of ${NAMES}, got an option "verifyClient"`],
  [{ protocols: 'chat' }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got "chat"'],
  [{ protocols: ['a b'] }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got object'],
  [{ protocols: [7] }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got object'],
  [{ protocols: [['chat']] }, 'option "websocket.protocols" of route "/v1/room" must be an array of subprotocols, got object'],
  [{ sendLimit: 0.5 }, 'option "websocket.sendLimit" of route "/v1/room" must be an integer of at least 0 (bytes), or Infinity, got 0.5'],
  [{ errorHandler: 1 }, 'option "websocket.errorHandler" of route "/v1/room" must be a function, got 1']
]

for (const [value, expected] of REFUSED) {
  void t.test(`a route refuses ${JSON.stringify(value)}, and the error has its URL`, async (t) => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(websocket)
    const adding = app.register(async (scope) => {
      scope.get('/room', { websocket: value as true }, () => {})
    }, { prefix: '/v1' })
    await t.rejects(Promise.resolve(adding), { code: 'FST_WS_INVALID_OPTION', message: expected })
  })
}

void t.test('a route whose websocket is undefined, null or false has no sockets', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  const plain = [undefined, null, false]
  for (const value of plain) app.get(`/${value}`, { websocket: value as false }, async () => 'page')
  for (const value of plain) t.equal((await app.inject(`/${value}`)).body, 'page')
})

void t.test('an option of a route that is undefined is the plugin\'s', async (t) => {
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
