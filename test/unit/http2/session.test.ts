import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, Http2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'
import { LOST_LIMIT } from '../../../lib/http2/send-budget.ts'
import { Session } from '../../../lib/http2/session.ts'
import { Sessions } from '../../../lib/http2/sessions.ts'
import { completeSizes } from '../../../lib/options/receive-window.ts'
import { waitTurns } from '../../helpers/waiting.ts'
import { openStream, untilClosed } from './open-stream.ts'

const WINDOW = 65_535

/** Serves sessions in which at most one window of data may be unread. */
async function serve (
  t: Test, onStream: (stream: ServerHttp2Stream, sessions: Sessions) => void
): Promise<ClientHttp2Session> {
  const server = createServer()
  const warnings: string[] = []
  const log = { warn: (_fields: object, message: string) => { warnings.push(message) } }
  const sessions = new Sessions({ receiveWindow: { sessionBudget: WINDOW }, timeout: 0, log: log as never })
  const stop = sessions.track(server)
  server.on('stream', (stream: ServerHttp2Stream) => onStream(stream, sessions))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { stop(); client.destroy(); server.close() })
  return client
}

/** Sends as much as the window of a stream allows. */
function fill (client: ClientHttp2Session): ClientHttp2Stream {
  const stream = client.request({ ':method': 'POST' }, { endStream: false })
  stream.on('error', () => {})
  stream.write(Buffer.alloc(WINDOW))
  return stream
}

void t.test('a request whose body exceeds sessionBudget is reset, and its session continues', async (t) => {
  const client = await serve(t, (stream) => {
    stream.on('error', () => {})
    stream.respond()
  })
  const first = fill(client)
  await once(first, 'response')
  const second = fill(client)
  await new Promise((resolve) => second.once('close', resolve))
  t.equal(second.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.notOk(first.closed)
  const third = client.request({ ':method': 'GET' })
  t.ok(await once(third, 'response'), 'the session serves requests')
})

void t.test('a socket whose data exceeds sessionBudget is reset, and its write fails with FST_WS_NOT_SENT', async (t) => {
  const errors: unknown[] = []
  let sockets = 0
  const client = await serve(t, (stream, sessions) => {
    stream.on('error', () => {})
    sessions.forStream(stream)!.addSocket(stream)
    stream.respond()
    if (sockets++ > 0) stream.write(Buffer.alloc(WINDOW * 4), (error) => errors.push(error))
  })
  const first = fill(client)
  await once(first, 'response')
  const second = fill(client)
  await new Promise((resolve) => second.once('close', resolve))
  t.equal(second.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.ok(errors.length === 1 && errors[0] instanceof FST_WS_NOT_SENT)
  t.notOk(first.closed)
})

// Sockets

void t.test('the sockets of a session are those that have opened on its streams', async (t) => {
  const { session, socket } = await openStream(t)
  t.same(session.sockets, [])
  const websocket = { extensions: '' } as unknown as WebSocket
  const late: unknown[] = []
  socket.startReading(websocket, {})
  t.same(session.sockets, [websocket])
  session.onLateSocket = (each) => late.push(each)
  session.socketOpened(websocket)
  t.same(late, [], 'not while the socket opens')
  await waitTurns()
  t.same(late, [websocket])
})

void t.test('the first socket of a session opens the window of its connection', async (t) => {
  const { client } = await openStream(t)
  await client.until(() => client.increments(0) > 0 || undefined)
  t.ok(client.increments(0) + WINDOW >= 4 * 1024 * 1024)
  t.equal(client.increments(1), 0)
})

void t.test('a stream is registered once, whether or not it carries a socket', async (t) => {
  const { session, socket, stream } = await openStream(t)
  t.equal(session.addStream(stream), socket.receiver)
  t.ok(socket.receiver.isSocket)
  t.equal(session.budget.size, 1)
  stream.destroy()
  await untilClosed(stream)
  t.equal(session.budget.size, 0)
})

void t.test('drain() sends GOAWAY when the last socket has closed', async (t) => {
  const { session, stream, client, roundTrip } = await openStream(t)
  session.drain()
  await roundTrip()
  t.notOk(client.trace(0).includes('GOAWAY NO_ERROR'))
  stream.destroy()
  await client.closed
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
})

void t.test('drain() sends GOAWAY immediately on a session without sockets', async (t) => {
  const { session, stream, client } = await openStream(t)
  stream.destroy()
  await untilClosed(stream)
  session.drain()
  await client.closed
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
})

for (const [owner, timeout] of [['server', 0], ['client', undefined]] as const) {
  const outcome = owner === 'server' ? 'is closed when it has lost too much data with reset streams' : 'is left to its user'
  void t.test(`the session of a ${owner} ${outcome}`, async (t) => {
    let closes = 0
    const fake = { once () {}, close () { closes++ } }
    const options = timeout === undefined ? { receiveWindow: {} } : { receiveWindow: {}, timeout }
    const session = new Session(fake as never, undefined, completeSizes({}), options)
    session.sendBudget.lose(LOST_LIMIT + 1)
    t.equal(closes, 0, 'not within a callback of Node')
    await waitTurns()
    t.equal(closes, owner === 'server' ? 1 : 0)
  })
}

// Unresponsive peers

const TIMEOUT = 1000

/** A session whose PINGs are answered by calling them. */
class FakeSession {
  destroyed = false
  destroys = 0
  readonly pings: Array<(error?: Error) => void> = []

  once (): void {}

  ping (callback: () => void): void {
    this.pings.push(callback)
  }

  destroy (): void {
    this.destroys++
  }
}

interface Unresponsive {
  session: Session
  fake: FakeSession
  /** The TCP connection of the session, with its system handle. */
  transport: { destroyed: boolean, destroys: number, destroy: () => void, _handle: Record<string, number> }
}

function setUpUnresponsive (t: Test, hasTransport = true): Unresponsive {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const fake = new FakeSession()
  const transport = {
    destroyed: false,
    destroys: 0,
    destroy: () => { transport.destroys++ },
    _handle: { bytesWritten: 0, writeQueueSize: 0 }
  }
  const session = new Session(
    fake as unknown as Http2Session, hasTransport ? transport as unknown as Duplex : undefined, completeSizes({}),
    { receiveWindow: {} }
  )
  return { session, fake, transport }
}

void t.test('destroyIfUnresponsive destroys the connection of a session that does not answer a PING in time', async (t) => {
  const { session, fake, transport } = setUpUnresponsive(t)
  session.destroyIfUnresponsive(TIMEOUT)
  t.equal(fake.pings.length, 1)
  mock.timers.tick(TIMEOUT - 1)
  t.equal(transport.destroys, 0)
  mock.timers.tick(1)
  t.equal(transport.destroys, 1)
  t.equal(fake.destroys, 0)
})

void t.test('destroyIfUnresponsive destroys the session if its connection is unknown', async (t) => {
  const { session, fake } = setUpUnresponsive(t, false)
  session.destroyIfUnresponsive(TIMEOUT)
  mock.timers.tick(TIMEOUT)
  t.equal(fake.destroys, 1)
})

void t.test('destroyIfUnresponsive does not keep the process running', async (t) => {
  const { session } = setUpUnresponsive(t)
  mock.timers.reset()
  const spy = mock.method(globalThis, 'setInterval')
  t.teardown(() => spy.mock.restore())
  session.destroyIfUnresponsive(TIMEOUT)
  const timer = spy.mock.calls[0]!.result!
  clearInterval(timer)
  t.equal(timer.hasRef(), false)
})

void t.test('destroyIfUnresponsive leaves a session that answers, and sends one PING at a time', async (t) => {
  const { session, fake, transport } = setUpUnresponsive(t)
  for (let count = 0; count < 3; count++) session.destroyIfUnresponsive(TIMEOUT)
  t.equal(fake.pings.length, 1)
  fake.pings[0]!()
  mock.timers.tick(2 * TIMEOUT)
  t.equal(transport.destroys, 0)
  session.destroyIfUnresponsive(TIMEOUT)
  t.equal(fake.pings.length, 2)
  mock.timers.tick(TIMEOUT)
  t.equal(transport.destroys, 1)
})

void t.test('destroyIfUnresponsive destroys the connection of a session that ends before its PING is answered', async (t) => {
  const { session, fake, transport } = setUpUnresponsive(t)
  session.destroyIfUnresponsive(TIMEOUT)
  fake.destroyed = true
  fake.pings[0]!(new Error('ERR_HTTP2_PING_CANCEL'))
  mock.timers.tick(TIMEOUT)
  t.equal(transport.destroys, 1)
})

void t.test('isUnderTest is true until the PING of destroyIfUnresponsive is answered', async (t) => {
  const { session, fake } = setUpUnresponsive(t)
  t.equal(session.isUnderTest, false)
  session.destroyIfUnresponsive(TIMEOUT)
  t.equal(session.isUnderTest, true)
  fake.pings[0]!()
  t.equal(session.isUnderTest, false)
})

void t.test('destroyIfUnresponsive gives a congested connection time, as long as its peer takes something', async (t) => {
  const { session, transport } = setUpUnresponsive(t)
  Object.assign(transport._handle, { bytesWritten: 5000, writeQueueSize: 5000 })
  session.destroyIfUnresponsive(TIMEOUT)
  for (let count = 0; count < 4; count++) {
    transport._handle.writeQueueSize! -= 1000
    mock.timers.tick(TIMEOUT)
    t.equal(transport.destroys, 0)
  }
  mock.timers.tick(TIMEOUT)
  t.equal(transport.destroys, 1)
})

void t.test('destroyIfUnresponsive gives no more time once nothing waits for the peer', async (t) => {
  const { session, transport } = setUpUnresponsive(t)
  Object.assign(transport._handle, { bytesWritten: 5000, writeQueueSize: 1000 })
  session.destroyIfUnresponsive(TIMEOUT)
  Object.assign(transport._handle, { writeQueueSize: 0 })
  mock.timers.tick(TIMEOUT)
  t.equal(transport.destroys, 1)
})

void t.test('destroyIfUnresponsive destroys the connection that a destroyed session has left open, and nothing else', async (t) => {
  const left = setUpUnresponsive(t)
  left.session.destroyIfUnresponsive(TIMEOUT)
  left.fake.destroyed = true
  mock.timers.tick(TIMEOUT)
  t.equal(left.transport.destroys, 1)
  left.session.destroyIfUnresponsive(TIMEOUT)
  t.equal(left.fake.pings.length, 1, 'a destroyed session is not pinged')

  mock.timers.reset()
  const closed = setUpUnresponsive(t)
  closed.session.destroyIfUnresponsive(TIMEOUT)
  closed.fake.destroyed = closed.transport.destroyed = true
  mock.timers.tick(TIMEOUT)
  t.equal(closed.transport.destroys, 0)
})
