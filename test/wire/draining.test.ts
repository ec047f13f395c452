import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { addEcho } from '../helpers/echo.ts'
import { FrameClient } from '../helpers/h2-frames.ts'
import type { Frame } from '../helpers/h2-frames.ts'
import { H1, H2C, H2_TLS, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'
import { wsClose, wsText } from '../helpers/ws-frames.ts'

/** Milliseconds of mocked timers: an hour, without the tenth that is added or taken away. */
const AGE = 3_600_000
const GRACE = 60_000
const CLOSE = 'Close 1012 reconnect'

interface Served extends Fixture {
  client: FrameClient
  /** Opens another connection. */
  another (): Promise<FrameClient>
}

async function serve (
  t: Test, transport: Transport, options: object, routes: (app: FastifyInstance) => unknown = addEcho
): Promise<Served> {
  const fixture = await start(t, transport, routes, { heartbeat: 0, ...options })
  const another = async (): Promise<FrameClient> => {
    const client = await FrameClient.open(Number(new URL(fixture.origin).port), { tls: transport.secure })
    t.teardown(() => client.destroy())
    return client
  }
  return Object.assign(fixture, { client: await another(), another })
}

/** Replaces the timers before the server starts, and lets ages be as long as the option says. */
function mockTimers (t: Test): void {
  mock.method(Math, 'random', () => 0.5)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset(); mock.restoreAll() })
}

async function tick (milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds)
  await nextTurn()
}

/** Returns the different GOAWAY frames. Without TLS, Node repeats one when it ends the session. */
function goaways (client: FrameClient): Array<[lastStreamId: number, code: number]> {
  const all = client.frames.filter(({ type }) => type === 'GOAWAY')
  return all.filter(({ payload }, index) => all.findIndex((each) => each.payload.equals(payload)) === index)
    .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)])
}

function indexOf (client: FrameClient, matches: (frame: Frame) => boolean): number {
  return client.frames.findIndex(matches)
}

for (const transport of [H2C, H2_TLS]) {
  // drain()

  void t.test(`${transport.name}: drain() sends GOAWAY with the last stream that was processed, then Close 1012`, async (t) => {
    const { app, client } = await serve(t, transport, {})
    for (const streamId of [1, 3]) {
      client.connect(streamId, '/echo')
      await client.response(streamId)
    }
    const drained = app.websocketServer.drain({ over: 0 })
    for (const streamId of [1, 3]) {
      await client.untilReceived(streamId, CLOSE)
      client.data(streamId, wsClose(1012), true)
    }
    t.equal(await drained, 2)
    await client.closed
    t.same(goaways(client), [[3, 0]])
    t.ok(indexOf(client, ({ type }) => type === 'GOAWAY') < indexOf(client, ({ type }) => type === 'DATA'))
    for (const streamId of [1, 3]) t.strictSame(client.wsTrace(streamId), ['HEADERS', CLOSE, 'END_STREAM'])
  })

  void t.test(`${transport.name}: a CONNECT after the GOAWAY is not processed, which the client learns from its last stream`, async (t) => {
    const { app, client } = await serve(t, transport, {})
    client.connect(1, '/echo')
    await client.response(1)
    const drained = app.websocketServer.drain({ over: 0 })
    await client.waitForFrame(({ type }) => type === 'GOAWAY')
    client.connect(3, '/echo')
    await client.roundTrip()
    t.same(client.trace(3), [])
    t.same(goaways(client), [[1, 0]])
    client.data(1, wsClose(1012), true)
    await drained
    await client.closed
  })

  void t.test(`${transport.name}: drain() ends a session without sockets, and accepts new sessions`, async (t) => {
    const { app, client, another } = await serve(t, transport, {})
    t.equal(await app.websocketServer.drain(), 0)
    await client.closed
    t.same(goaways(client), [[0, 0]])
    const next = await another()
    next.connect(1, '/echo')
    t.match(await next.response(1), { ':status': '200' })
  })

  void t.test(`${transport.name}: a request in progress is answered after drain()`, async (t) => {
    let answer = (): void => {}
    const { app, client } = await serve(t, transport, {}, (app) => {
      addEcho(app)
      app.get('/plain', async () => await new Promise((resolve) => { answer = () => resolve('done') }))
    })
    client.get(1, '/plain')
    await client.roundTrip()
    await app.websocketServer.drain()
    answer()
    t.match(await client.response(1), { ':status': '200' })
    await client.untilEnd(1)
    await client.closed
  })

  // maxSessionAge

  void t.test(`${transport.name}: a session that has reached maxSessionAge receives GOAWAY, and its sockets live on`, async (t) => {
    mockTimers(t)
    const { client } = await serve(t, transport, { maxSessionAge: AGE, maxSessionAgeGrace: Infinity })
    client.connect(1, '/echo')
    await client.response(1)
    await tick(AGE - 1)
    await client.roundTrip()
    t.same(goaways(client), [])
    await tick(1)
    await client.waitForFrame(({ type }) => type === 'GOAWAY')
    t.same(goaways(client), [[1, 0]])
    await tick(AGE)
    client.data(1, wsText('still here'))
    await client.untilReceived(1, 'Text still here')
    client.data(1, wsClose(1000), true)
    await client.closed
    t.same(goaways(client), [[1, 0]], 'the session has ended with its last socket')
  })

  void t.test(`${transport.name}: in the second half of maxSessionAgeGrace the sockets receive Close 1012, one after the other`, async (t) => {
    mockTimers(t)
    const { client } = await serve(t, transport, { maxSessionAge: AGE, maxSessionAgeGrace: GRACE })
    for (const streamId of [1, 3]) {
      client.connect(streamId, '/echo')
      await client.response(streamId)
    }
    await tick(AGE)
    await tick(GRACE / 2 - 1)
    await client.roundTrip()
    t.same([client.wsTrace(1), client.wsTrace(3)], [['HEADERS'], ['HEADERS']])
    await tick(1)
    await client.untilReceived(1, CLOSE)
    t.same(client.wsTrace(3), ['HEADERS'])
    client.data(1, wsClose(1012), true)
    await client.untilEnd(1)
    await tick(GRACE / 4)
    await client.untilReceived(3, CLOSE)
    client.data(3, wsClose(1012), true)
    await client.closed
  })

  void t.test(`${transport.name}: the age of one session leaves younger ones and their sockets alone`, async (t) => {
    mockTimers(t)
    const { client, another } = await serve(t, transport, { maxSessionAge: AGE, maxSessionAgeGrace: 0 })
    client.connect(1, '/echo')
    await client.response(1)
    await tick(AGE / 2)
    const younger = await another()
    younger.connect(1, '/echo')
    await younger.response(1)
    await tick(AGE / 2)
    await tick(1)
    await client.untilReceived(1, CLOSE)
    younger.data(1, wsText('open'))
    await younger.untilReceived(1, 'Text open')
    t.same(goaways(younger), [])
  })

  void t.test(`${transport.name}: a session without sockets is ended at maxSessionAge`, async (t) => {
    mockTimers(t)
    const { client } = await serve(t, transport, { maxSessionAge: AGE })
    await tick(AGE)
    await client.closed
    t.same(goaways(client), [[0, 0]])
  })

  void t.test(`${transport.name}: a socket that opens after maxSessionAgeGrace on its old session is closed with 1012`, async (t) => {
    mockTimers(t)
    const hooks: Array<() => void> = []
    const options = { maxSessionAge: AGE, maxSessionAgeGrace: 0, handshakeTimeout: 0 }
    const { client } = await serve(t, transport, options, (app) => {
      app.get('/slow', { websocket: true, onRequest: (_request, _reply, done) => { hooks.push(done) } }, () => {})
    })
    client.connect(1, '/slow')
    await client.roundTrip()
    await tick(AGE)
    await tick(1)
    await client.waitForFrame(({ type }) => type === 'GOAWAY')
    hooks[0]!()
    await client.untilReceived(1, CLOSE)
    client.data(1, wsClose(1012), true)
    await client.closed
    t.strictSame(client.wsTrace(1), ['HEADERS', CLOSE, 'END_STREAM'])
  })

  void t.test(`${transport.name}: app.close() after maxSessionAge closes the sockets with the code of the shutdown`, async (t) => {
    mockTimers(t)
    const { app, client } = await serve(t, transport, { maxSessionAge: AGE })
    client.connect(1, '/echo')
    await client.response(1)
    await tick(AGE)
    const ended = app.close()
    await client.untilReceived(1, 'Close 1001')
    client.data(1, wsClose(1001), true)
    await Promise.all([ended, client.closed])
  })
}

void t.test('without maxSessionAge a session has no timer for it', async (t) => {
  mockTimers(t)
  const { client } = await serve(t, H2C, {})
  client.connect(1, '/echo')
  await client.response(1)
  await tick(2 ** 31 - 1)
  await client.roundTrip()
  t.same([goaways(client), client.wsTrace(1)], [[], ['HEADERS']])
})

void t.test('HTTP/1.1: maxSessionAge has no effect on sockets', async (t) => {
  const { open, app } = await start(t, H1, addEcho, { maxSessionAge: 1, maxSessionAgeGrace: 0 })
  const socket = await open('/echo')
  const text = nextText(socket)
  socket.send('open')
  t.equal(await text, 'open')
  const end = closed(socket)
  socket.close(1000)
  t.equal((await end).code, 1000)
  await waitUntil(() => app.websocketServer.clients.size === 0)
})
