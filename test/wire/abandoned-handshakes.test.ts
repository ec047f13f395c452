import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { ERROR_CODES } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { wsClose, wsText } from '../helpers/ws-frames.ts'

interface Waiting {
  routes: (app: FastifyInstance) => void
  entered: Promise<void>
  proceed: () => void
  called: string[]
}

/** Returns a route whose hook waits for a call of `proceed`. */
function addWaiting (): Waiting {
  const [entered, enter] = deferred()
  const [proceeding, proceed] = deferred()
  const called: string[] = []
  return { routes, entered, proceed, called }

  function routes (app: FastifyInstance): void {
    addEcho(app)
    app.get('/waiting', { websocket: true, preValidation: wait }, () => { called.push('handler') })
  }

  async function wait (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    enter()
    await proceeding
    if (request.url.endsWith('?refuse')) await reply.code(401).send({ because: 'no token' })
  }
}

function deferred (): [promise: Promise<void>, resolve: () => void] {
  let settle = (): void => {}
  const promise = new Promise<void>((resolve) => { settle = resolve })
  return [promise, settle]
}

for (const path of ['/waiting', '/waiting?refuse']) {
  await t.test(`after RST_STREAM while a hook of ${path} waits, no handler runs, and no response and no error is reported`, async (t) => {
    const { routes, entered, proceed, called } = addWaiting()
    const server = await startServer(t, routes)
    const client = await server.client()
    client.connect(1, path)
    await entered
    client.rst(1)
    await server.socketsClosed()
    proceed()
    await waitTurns()
    await openEcho(client, 3)
    t.strictSame(called, [])
    t.strictSame(client.trace(1), [])
    t.equal(server.app.websocketServer.clients.size, 1)
    t.strictSame(server.warnings, [])
  })

  for (const tls of [false, true]) {
    await t.test(`after a reset of the ${tls ? 'TLS' : 'TCP'} connection while a hook of ${path} waits, no handler runs, and no error is logged`, async (t) => {
      const { routes, entered, proceed, called } = addWaiting()
      const server = await startServer(t, routes, { tls })
      const client = await server.client()
      client.connect(1, path)
      await entered
      client.resetConnection()
      await server.socketsClosed()
      proceed()
      await waitTurns()
      await openEcho(await server.client(), 1)
      t.strictSame(called, [])
      t.equal(server.app.websocketServer.clients.size, 1)
      t.strictSame(server.warnings, [])
    })
  }
}

await t.test('after RST_STREAM with any code before the response, no response is sent and no socket opens', async (t) => {
  const { routes, proceed, called } = addWaiting()
  const server = await startServer(t, routes)
  const client = await server.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const code of ERROR_CODES) {
    streamId += 2
    client.connect(streamId, '/waiting')
    client.data(streamId, wsText('early'))
    await client.roundTrip()
    client.rst(streamId, code)
    await expectEcho(client, 1, `after ${code}`)
  }
  proceed()
  await expectEcho(client, 1, 'after all')
  for (let id = 3; id <= streamId; id += 2) t.strictSame(client.trace(id), [])
  t.equal(server.streams.size, 1)
  t.strictSame(called, [])
  t.strictSame(server.events, [[]])
})

await t.test('a Close and END_STREAM that arrive while a hook waits reach the socket', async (t) => {
  const { routes, entered, proceed, called } = addWaiting()
  const server = await startServer(t, routes)
  const client = await server.client()
  client.connect(1, '/waiting')
  await entered
  client.data(1, Buffer.concat([wsText('early'), wsClose(4000)]), true)
  await client.roundTrip()
  proceed()
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 4000', 'END_STREAM'])
  await server.socketsClosed()
  t.strictSame(called, ['handler'])
  t.strictSame(server.events, [['close 4000']])
})

await t.test('END_STREAM that arrives while a hook waits is reported as 1006, and the stream is freed', async (t) => {
  const { routes, entered, proceed } = addWaiting()
  const server = await startServer(t, routes)
  const client = await server.client()
  client.connect(1, '/waiting')
  await entered
  client.end(1)
  await client.roundTrip()
  proceed()
  await server.socketsClosed()
  t.ok(server.events.every((events) => events.join() === 'close 1006'))
  await openEcho(client, 3)
})

await t.test('app.close() while a hook waits refuses with 503, and then ends the connection', async (t) => {
  const { routes, entered, proceed, called } = addWaiting()
  const server = await startServer(t, routes)
  const client = await server.client()
  client.connect(1, '/waiting')
  await entered
  const closing = server.app.close()
  await client.waitForFrame(({ type }) => type === 'GOAWAY')
  proceed()
  t.match(await client.response(1), { ':status': '503' })
  await Promise.all([closing, client.closed])
  await server.sessionsClosed()
  t.strictSame(called, [])
})

await t.test('RST_STREAM in the same packet as the CONNECT frees the stream and emits no error', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.batch(() => {
    client.connect(1, '/echo')
    client.rst(1)
  })
  await client.roundTrip()
  await server.socketsClosed()
  t.ok(server.events.every((events) => events.join() === 'close 1006'))
  await openEcho(client, 3)
})

await t.test('after RST_STREAM while an asynchronous constraint waits, no hook and no other server is called', async (t) => {
  const [entered, enter] = deferred()
  const [proceeding, proceed] = deferred()
  const called: string[] = []
  const constraint = {
    name: 'tenant',
    storage: () => ({ get: () => null, set: () => {} }),
    validate: () => {},
    deriveConstraint: (request: IncomingMessage, _context: unknown, done: (error: null, value?: string) => void) => {
      if (request.url === '/echo') return done(null)
      enter()
      void proceeding.then(() => done(null))
    }
  }
  const server = await startServer(t, (app) => {
    addEcho(app)
    app.get('/waiting', { websocket: true, constraints: { tenant: 'a' } }, () => { called.push('handler') })
    app.addHook('onRequest', async ({ url }) => { if (url !== '/echo') called.push('hook') })
    app.server.on('upgrade', () => { called.push('other server') })
  }, { server: { routerOptions: { constraints: { tenant: constraint } } } })
  const client = await server.client()
  client.connect(1, '/waiting')
  await entered
  client.rst(1)
  await server.socketsClosed()
  proceed()
  await waitTurns()
  await openEcho(client, 3)
  t.strictSame(called, [])
  t.strictSame(server.warnings, [])
})
