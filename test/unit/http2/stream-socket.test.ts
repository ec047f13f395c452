import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { mock } from 'node:test'
import t from 'tap'
import type { WebSocket } from 'ws'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'
import { SendBudget } from '../../../lib/http2/send-budget.ts'
import { StreamSocket } from '../../../lib/http2/stream-socket.ts'
import type { SharedSession } from '../../../lib/http2/stream-socket.ts'
import { connectionOf } from '../../../lib/socket/connection.ts'
import { wsText } from '../../helpers/ws-frames.ts'
import { openStream, untilClosed } from './open-stream.ts'
import { waitUntil } from '../../helpers/waiting.ts'

const LARGE = 300 * 1024
const CLOSE_TIMEOUT = 1000

void t.test('connectionOf finds the StreamSocket of a stream', async (t) => {
  const { socket, stream } = await openStream(t)
  t.equal(connectionOf(stream), socket)
  t.equal(socket.duplex, stream)
  t.equal(socket.stream, stream)
})

// end()

void t.test('end() sends END_STREAM, and no RST_STREAM if the peer ends its side too', async (t) => {
  const { socket, stream, client, roundTrip } = await openStream(t)
  stream.resume().end()
  t.equal(socket.hasFinishedWriting, false)
  await client.untilEnd(1)
  t.equal(socket.hasFinishedWriting, true)
  client.end(1)
  await untilClosed(stream)
  await roundTrip()
  t.strictSame(client.trace(1), ['HEADERS', 'DATA END_STREAM'])
})

void t.test('a peer that does not end its side after end() receives RST_STREAM NO_ERROR', async (t) => {
  const { stream, client } = await openStream(t)
  // Node itself resets a stream that nobody reads.
  stream.resume().end()
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA END_STREAM', 'RST_STREAM NO_ERROR'])
  await untilClosed(stream)
})

// destroy()

void t.test('destroy() sends one RST_STREAM CANCEL, however often it is called', async (t) => {
  const { stream, client, roundTrip } = await openStream(t)
  t.equal(stream.destroy(), stream)
  stream.destroy()
  process.nextTick(() => stream.destroy())
  setImmediate(() => stream.destroy())
  await untilClosed(stream)
  stream.destroy()
  await roundTrip()
  t.strictSame(client.trace(1), ['HEADERS', 'RST_STREAM CANCEL'])
})

void t.test('destroy() within a listener sends RST_STREAM after the data that the listener wrote', async (t) => {
  const { stream, client, received } = await openStream(t)
  let chunks = 0
  stream.on('data', () => {
    chunks++
    stream.write('last words')
    stream.destroy()
  })
  client.data(1, Buffer.from('one'))
  client.data(1, Buffer.from('two'))
  await client.untilReset(1)
  await untilClosed(stream)
  t.strictSame(client.trace(1), ['HEADERS', 'DATA', 'RST_STREAM CANCEL'])
  t.equal(String(received()), 'last words')
  t.equal(chunks, 1, 'a destroyed stream emits no more data')
})

void t.test('destroy() of a paused stream leaves its data to be read, as ws does when it closes', async (t) => {
  const { stream, client, roundTrip } = await openStream(t)
  const chunks: string[] = []
  stream.on('data', (chunk) => chunks.push(String(chunk)))
  stream.pause()
  client.data(1, Buffer.from('unread'))
  await roundTrip()
  stream.destroy()
  t.equal(stream.listenerCount('data'), 1)
  t.equal(String(stream.read()), 'unread')
  await untilClosed(stream)
  t.same(chunks, ['unread'])
})

void t.test('destroy() after the peer has ended its side sends RST_STREAM CANCEL', async (t) => {
  const { stream, client } = await openStream(t)
  client.end(1)
  await new Promise((resolve) => stream.resume().once('end', resolve))
  stream.destroy()
  stream.destroy()
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM CANCEL'])
  await untilClosed(stream)
})

void t.test('destroy() before END_STREAM of the peer is read sends one RST_STREAM, and the stream closes', async (t) => {
  const { stream, client } = await openStream(t)
  client.data(1, Buffer.from('data'), true)
  await new Promise((resolve) => stream.once('readable', resolve))
  stream.destroy()
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM CANCEL'])
  await untilClosed(stream)
})

void t.test('destroy() after our END_STREAM sends RST_STREAM NO_ERROR', async (t) => {
  const { stream, client } = await openStream(t)
  stream.resume().end()
  await client.untilEnd(1)
  stream.destroy()
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA END_STREAM', 'RST_STREAM NO_ERROR'])
  await untilClosed(stream)
})

void t.test('destroy() after END_STREAM of both sides sends nothing', async (t) => {
  const { stream, client, roundTrip } = await openStream(t)
  client.end(1)
  stream.resume().end()
  await untilClosed(stream)
  stream.destroy()
  await roundTrip()
  t.strictSame(client.trace(1), ['HEADERS', 'DATA END_STREAM'])
})

void t.test('destroy() with an error sends RST_STREAM INTERNAL_ERROR, and the current write fails with the error', async (t) => {
  const { stream, client } = await openStream(t, 0)
  const results: unknown[] = []
  stream.write(Buffer.alloc(LARGE), (error) => results.push(error))
  const error = new Error('broken')
  stream.destroy(error)
  t.strictSame(await client.untilReset(1), ['HEADERS', 'RST_STREAM INTERNAL_ERROR'])
  await untilClosed(stream)
  t.strictSame(results, [error])
})

// Write callbacks

const ends: Record<string, (parts: Awaited<ReturnType<typeof openStream>>) => unknown> = {
  'destroy()': ({ stream }) => stream.destroy(),
  'destroy() twice': ({ stream }) => stream.destroy().destroy(),
  'reset()': ({ socket }) => socket.reset(8),
  'RST_STREAM CANCEL of the peer': ({ client }) => client.rst(1),
  'RST_STREAM NO_ERROR of the peer': ({ client }) => client.rst(1, 'NO_ERROR'),
  'END_STREAM and RST_STREAM of the peer': ({ client }) => { client.end(1); client.rst(1, 'NO_ERROR') },
  'destroy() and RST_STREAM of the peer': ({ stream, client }) => { stream.destroy(); client.rst(1) },
  'the loss of the connection': ({ client }) => client.destroy(),
  'session.destroy()': ({ stream }) => stream.session!.destroy(),
  'session.destroy() and destroy()': ({ stream }) => { stream.session!.destroy(); stream.destroy() },
  'end() and destroy()': ({ stream }) => { stream.end(); stream.destroy() }
}

for (const [name, size, window] of [
  ['a small write is blocked', 10, 5], ['a slice is blocked', LARGE, 0], ['a second slice is blocked', LARGE, 200 * 1024]
] as const) {
  for (const [end, act] of Object.entries(ends)) {
    void t.test(`${end} while ${name}: callbacks fail once, the current one with FST_WS_NOT_SENT`, async (t) => {
      const parts = await openStream(t, window)
      const { socket, stream, client, untilReceived, session } = parts
      client.windowUpdate(0, LARGE)
      const results: unknown[][] = [[], []]
      for (const calls of results) stream.write(Buffer.alloc(size), (error) => calls.push(error))
      await untilReceived(window)
      act(parts)
      await untilClosed(stream)
      t.match(results, [[Error], [Error]])
      t.ok(results[0]![0] instanceof FST_WS_NOT_SENT)
      t.same(results.map(({ length }) => length), [1, 1])
      t.equal(socket.bytesAlreadySent, 0)
      t.equal(session.sendBudget.reserve(), 128 * 1024)
    })
  }
}

for (const [end, act] of Object.entries(ends)) {
  void t.test(`${end}: the current write is called back before 'close'`, async (t) => {
    const parts = await openStream(t, 0)
    const events: string[] = []
    parts.stream.write('blocked', () => events.push('callback'))
    parts.stream.on('close', () => events.push('close'))
    parts.socket.observe({ onData () {}, onClose: () => { events.push('observed') } })
    act(parts)
    await untilClosed(parts.stream)
    t.equal(events[0], 'callback')
    t.same([...events].sort(), ['callback', 'close', 'observed'])
  })
}

void t.test('observe: the next data is reported once, without a listener of the stream', async (t) => {
  const { socket, stream, client } = await openStream(t)
  const listeners = stream.listenerCount('data')
  let calls = 0
  socket.observe({ onData: () => { calls++ }, onClose () {} })
  t.equal(stream.listenerCount('data'), listeners, 'one would disable the FrameReader')
  client.data(1, Buffer.from('one'))
  await waitUntil(() => calls === 1, 'the data is reported')
  client.data(1, Buffer.from('two'))
  await waitUntil(() => stream.readableLength === 6 || stream.readableFlowing === true, 'more data was received')
  t.equal(calls, 1)
})

void t.test('a write counts as sent if Node closes the stream with the END_STREAM that follows it', async (t) => {
  const { socket, stream, client, untilReceived } = await openStream(t)
  const results: unknown[] = []
  client.end(1)
  await new Promise((resolve) => stream.resume().once('end', resolve))
  stream.write('last words', (error) => results.push(error))
  stream.end()
  await untilClosed(stream)
  await untilReceived(10)
  t.equal(results.length, 1)
  t.equal(results[0] ?? null, null)
  t.equal(socket.hasFinishedWriting, true)
})

void t.test('a stream that is reset has not finished writing', async (t) => {
  const { socket, stream, client } = await openStream(t, 0)
  stream.end('blocked')
  client.rst(1)
  await untilClosed(stream)
  t.equal(socket.hasFinishedWriting, false)
})

// A peer that has ended its side

void t.test('destroyAfterEnd: a peer that ended its side and takes nothing is reset after the close timeout', async (t) => {
  const { socket, stream, client } = await openStream(t, 0)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  socket.destroyAfterEnd(CLOSE_TIMEOUT)
  stream.write(Buffer.alloc(LARGE))
  client.end(1)
  await new Promise((resolve) => stream.resume().once('end', resolve))
  mock.timers.tick(CLOSE_TIMEOUT - 1)
  await new Promise(setImmediate)
  t.notOk(stream.closed)
  mock.timers.tick(1)
  await untilClosed(stream)
  t.strictSame(client.trace(1), ['HEADERS', 'RST_STREAM CANCEL'])
})

void t.test('destroyAfterEnd: a peer that takes a slice in each close timeout receives everything', async (t) => {
  const { socket, stream, client, untilReceived } = await openStream(t, 0)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  socket.destroyAfterEnd(CLOSE_TIMEOUT)
  stream.write(Buffer.alloc(LARGE))
  client.windowUpdate(0, LARGE)
  client.end(1)
  await new Promise((resolve) => stream.resume().once('end', resolve))
  stream.end()
  const step = 128 * 1024
  for (let taken = step; taken < LARGE; taken += step) {
    client.windowUpdate(1, step)
    await untilReceived(taken)
    mock.timers.tick(CLOSE_TIMEOUT)
    await new Promise(setImmediate)
    t.notOk(stream.closed)
  }
  client.windowUpdate(1, step)
  await client.untilEnd(1)
  await untilReceived(LARGE)
  await untilClosed(stream)
  t.equal(client.trace(1).at(-1), 'DATA END_STREAM')
})

void t.test('destroyAfterEnd: a congested connection gives a peer no more time, though other streams progress', async (t) => {
  const { stream, client, session: { sendBudget } } = await openStream(t, 0)
  const session = { ...createSession(100, 0), sendBudget }
  const socket = new StreamSocket(stream, { reader: undefined } as never, session)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  socket.destroyAfterEnd(CLOSE_TIMEOUT)
  stream.write(Buffer.alloc(LARGE))
  client.end(1)
  await new Promise((resolve) => stream.resume().once('end', resolve))
  const { _handle: handle } = session.transport as unknown as { _handle: { bytesWritten: number } }
  handle.bytesWritten += 1000
  t.equal(socket.measureProgress(), 1000)
  mock.timers.tick(CLOSE_TIMEOUT)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.ok(stream.closed)
})

// The session

interface FakeSession extends SharedSession {
  transport: Duplex | undefined
  readonly timeouts: number[]
}

/** A session whose TCP connection has this many bytes queued and accepted. */
function createSession (queued: number, accepted: number): FakeSession {
  const handle = { bytesWritten: queued + accepted, writeQueueSize: queued }
  const timeouts: number[] = []
  return {
    sendBudget: new SendBudget(),
    transport: { _handle: handle } as unknown as Duplex,
    destroyIfUnresponsive: (timeout) => { timeouts.push(timeout) },
    socketOpened () {},
    timeouts
  }
}

/** Creates a StreamSocket of a stream that nobody reads or writes. */
function createSocket (session: SharedSession): StreamSocket {
  return new StreamSocket(new EventEmitter() as never, { reader: undefined } as never, session)
}

void t.test('the progress of a stream includes that of its connection while the connection is congested', async (t) => {
  const [congested, idle] = [createSocket(createSession(100, 5000)), createSocket(createSession(0, 5000))]
  for (const socket of [congested, idle]) socket.writer.bytesSent = 70
  t.equal(congested.measureProgress(), 5070)
  t.equal(idle.measureProgress(), 70)

  const unknown = createSession(100, 5000)
  unknown.transport = undefined
  t.equal(createSocket(unknown).measureProgress(), 0)
})

void t.test('the bytes that the kernel accepted are those of the connection; 0 while that is unknown', async (t) => {
  const session = createSession(100, 5000)
  const socket = createSocket(session)
  t.equal(socket.bytesAccepted, 5000)
  session.transport = undefined
  t.equal(socket.bytesAccepted, 0)
})

void t.test('destroyIfUnresponsive is passed on to the session', async (t) => {
  const session = createSession(0, 0)
  createSocket(session).destroyIfUnresponsive(300)
  t.same(session.timeouts, [300])
})

// Handshake and frames

void t.test('a handshake learns that its stream has closed, unless the socket has been opened', async (t) => {
  for (const isOpen of [false, true]) {
    const { socket, stream, client } = await openStream(t)
    let closes = 0
    socket.handshake = { onStreamClose: () => { closes++ } }
    if (isOpen) socket.handshake = undefined
    client.rst(1)
    await untilClosed(stream)
    t.equal(closes, isOpen ? 0 : 1)
  }
})

class FakeReceiver extends EventEmitter {
  _errored = false
}

void t.test('startReading delivers messages to the socket, if the frames of the stream are read', async (t) => {
  const { socket, stream, client } = await openStream(t)
  const receiver = new FakeReceiver()
  const websocket = { OPEN: 1, readyState: 1, extensions: '', binaryType: 'nodebuffer', _receiver: receiver }
  const texts: string[] = []
  const done = new Promise<void>((resolve) => {
    receiver.on('message', (data) => { if (texts.push(String(data)) === 2) resolve() })
  })
  const limits = { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true }
  socket.startReading(websocket as unknown as WebSocket, limits)
  t.equal(stream.listenerCount('resume'), 0, 'a client does not read masked frames')
  socket.receiver.readFrames()
  socket.startReading(websocket as unknown as WebSocket, limits)
  stream.on('data', () => {})
  client.data(1, wsText('one'))
  client.data(1, wsText('two'))
  await done
  t.same(texts, ['one', 'two'])
})
