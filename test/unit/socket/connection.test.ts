import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'
import type { WriteCallback, WriteItem } from '../../../lib/internals/streams.ts'
import { Connection, connectionOf, destroyDuplex } from '../../../lib/socket/connection.ts'

const HALF_CLOSE_TIMEOUT = 250
const CLOSE_TIMEOUT = 1000

/** A connection that is not Node's, whose class has a `_write` and a `_writev`. Its callbacks are kept. */
class FakeConnection extends Duplex {
  readonly callbacks: WriteCallback[] = []

  constructor () {
    super({ allowHalfOpen: true, autoDestroy: false })
    this.on('error', () => {})
  }

  override _read (): void {}

  override _write (_chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.callbacks.push(callback)
  }

  override _writev (_items: WriteItem[], callback: WriteCallback): void {
    this.callbacks.push(callback)
  }
}

/** Connects over TCP. The other end reads nothing until it is resumed. */
async function connectTcp (t: Test): Promise<[socket: Socket, other: Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [other] = await accepted as [Socket]
  for (const each of [socket, other]) each.on('error', () => {})
  t.teardown(() => { socket.destroy(); other.destroy(); server.close() })
  return [socket, other]
}

function mockTimers (t: Test): void {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
}

async function turn (): Promise<void> {
  await new Promise(setImmediate)
}

void t.test('connectionOf returns the Connection of a duplex, or undefined if it has none', async (t) => {
  const duplex = new FakeConnection()
  t.equal(connectionOf(duplex), undefined)
  const connection = new Connection(duplex)
  t.equal(connectionOf(duplex), connection)
  t.equal(connection.duplex, duplex)
})

// Write callbacks

void t.test('writes of a TCP connection that is destroyed are called back once, with FST_WS_NOT_SENT or Node\'s error', async (t) => {
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    const [socket, other] = await connectTcp(t)
    const connection = new Connection(socket)
    const results: unknown[][] = [[], []]
    const size = 32 * 1024 * 1024
    for (const calls of results) socket.write(Buffer.alloc(size), (error) => calls.push(error))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    if (end === 'destroy') socket.destroy()
    else other.resetAndDestroy()
    await closed
    await turn()
    t.match(results, [[Error], [Error]], end)
    t.same(results.map(({ length }) => length), [1, 1], end)
    t.notOk(connection.hasFinishedWriting)
  }
})

void t.test('a write that a connection never calls back fails with FST_WS_NOT_SENT when the connection closes', async (t) => {
  const duplex = new FakeConnection()
  void new Connection(duplex)
  const results: unknown[] = []
  duplex.write('x', (error) => results.push(error))
  duplex.destroy()
  await turn()
  t.equal(results.length, 1)
  duplex.callbacks[0]!()
  await turn()
  t.equal(results.length, 1, 'though the connection calls back after all')
  t.ok(results[0] instanceof FST_WS_NOT_SENT)
})

void t.test('several writes that were corked are called back once each', async (t) => {
  const duplex = new FakeConnection()
  void new Connection(duplex)
  const results: unknown[] = []
  duplex.cork()
  for (const text of ['a', 'b', 'c']) duplex.write(text, () => results.push(text))
  duplex.uncork()
  t.equal(duplex.callbacks.length, 1)
  duplex.callbacks[0]!()
  await turn()
  t.same(results, ['a', 'b', 'c'])
})

void t.test('a Duplex that was created with functions of its own keeps them, and their callbacks', async (t) => {
  const written: string[] = []
  const duplex = new Duplex({
    read () {},
    write (chunk, _encoding, callback) { written.push(String(chunk)); callback() }
  })
  const { _write, _writev } = duplex
  const connection = new Connection(duplex)
  t.equal(duplex._write, _write)
  t.equal(duplex._writev, _writev)
  const results: unknown[] = []
  for (const text of ['a', 'b']) duplex.write(text, (error) => results.push(error))
  await turn()
  t.same(written, ['a', 'b'])
  t.same(results, [null, null])
  t.equal(connection.bytesAlreadySent, 0)
  duplex.end()
  await once(duplex, 'finish')
  t.ok(connection.hasFinishedWriting)
  duplex.destroy()
  await once(duplex, 'close')
})

void t.test('a connection whose class has a `_write`, and no `_writev`, is written one by one', async (t) => {
  const callbacks: WriteCallback[] = []
  class SingleWriter extends Duplex {
    readonly written: string[] = []

    override _read (): void {}

    override _write (chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
      this.written.push(String(chunk))
      callbacks.push(callback)
    }
  }
  const duplex = new SingleWriter()
  void new Connection(duplex)
  const results: unknown[] = []
  for (const text of ['a', 'b', 'c']) duplex.write(text, (error) => results.push(error))
  for (let index = 0; index < 3; index++) {
    callbacks[index]!()
    await turn()
  }
  t.same(duplex.written, ['a', 'b', 'c'])
  t.same(results, [null, null, null])
})

// Progress

void t.test('progress over TCP is the number of bytes that the kernel has accepted', async (t) => {
  const [socket, other] = await connectTcp(t)
  const connection = new Connection(socket)
  const size = 32 * 1024 * 1024
  const written = new Promise((resolve) => socket.write(Buffer.alloc(size), resolve))
  await turn()
  const before = connection.measureProgress()
  t.equal(connection.bytesAccepted, before)
  t.ok(before < size, 'the peer does not read')
  await turn()
  t.equal(connection.measureProgress(), before)
  other.resume()
  await written
  t.equal(connection.measureProgress(), size)
  t.equal(connection.bytesAccepted, size)
})

void t.test('progress of a connection without a system handle is the number of bytes it has written', async (t) => {
  const duplex = new FakeConnection()
  const connection = new Connection(duplex)
  const before = connection.measureProgress()
  duplex.write(Buffer.alloc(10))
  duplex.write(Buffer.alloc(10))
  t.equal(connection.measureProgress(), before, 'a write that waits is no progress')
  duplex.callbacks[0]!()
  t.not(connection.measureProgress(), before)
  t.equal(connection.bytesAccepted, 0)
})

void t.test('progress of a Duplex with functions of its own is a change of its buffered bytes', async (t) => {
  const callbacks: WriteCallback[] = []
  const duplex = new Duplex({ read () {}, write: (_chunk, _encoding, callback) => { callbacks.push(callback) } })
  const connection = new Connection(duplex)
  duplex.write(Buffer.alloc(10))
  const before = connection.measureProgress()
  callbacks[0]!()
  t.not(connection.measureProgress(), before)
})

void t.test('destroyIfUnresponsive does nothing to a TCP connection', async (t) => {
  const [socket] = await connectTcp(t)
  new Connection(socket).destroyIfUnresponsive(0)
  t.notOk(socket.destroyed)
})

// Half-closed connections

void t.test('destroyAfterFinish destroys a connection whose peer does not end its side, 250 ms after its own end', async (t) => {
  mockTimers(t)
  const duplex = new FakeConnection()
  new Connection(duplex).destroyAfterFinish()
  duplex.write('x')
  duplex.end()
  mock.timers.tick(HALF_CLOSE_TIMEOUT)
  t.notOk(duplex.destroyed, 'its data has not been sent')
  duplex.callbacks[0]!()
  await once(duplex, 'finish')
  mock.timers.tick(HALF_CLOSE_TIMEOUT - 1)
  t.notOk(duplex.destroyed)
  mock.timers.tick(1)
  t.ok(duplex.destroyed)
})

void t.test('destroyAfterEnd destroys a connection whose peer ended its side, and takes nothing', async (t) => {
  mockTimers(t)
  const duplex = new FakeConnection()
  new Connection(duplex).destroyAfterEnd(CLOSE_TIMEOUT)
  duplex.write('x')
  mock.timers.tick(CLOSE_TIMEOUT)
  duplex.push(null)
  await once(duplex.resume(), 'end')
  mock.timers.tick(CLOSE_TIMEOUT - 1)
  t.notOk(duplex.destroyed)
  mock.timers.tick(1)
  t.ok(duplex.destroyed)
})

void t.test('destroyAfterEnd gives a peer that takes something another close timeout', async (t) => {
  mockTimers(t)
  const duplex = new FakeConnection()
  new Connection(duplex).destroyAfterEnd(CLOSE_TIMEOUT)
  for (let count = 0; count < 5; count++) duplex.write('x')
  duplex.push(null)
  await once(duplex.resume(), 'end')
  mock.timers.tick(CLOSE_TIMEOUT - 1)
  duplex.callbacks[0]!()
  mock.timers.tick(1)
  t.notOk(duplex.destroyed)
  mock.timers.tick(CLOSE_TIMEOUT - 1)
  t.notOk(duplex.destroyed)
  mock.timers.tick(1)
  t.ok(duplex.destroyed)
})

void t.test('destroyAfterEnd: a TCP connection progresses within one large write, as the kernel accepts more of it', async (t) => {
  const [socket, other] = await connectTcp(t)
  mockTimers(t)
  new Connection(socket).destroyAfterEnd(CLOSE_TIMEOUT)
  socket.write(Buffer.alloc(32 * 1024 * 1024))
  other.end()
  await once(socket.resume(), 'end')
  const before = socket.bytesWritten
  other.resume()
  // The kernel accepts more as the other end reads.
  await new Promise<void>((resolve) => {
    let read = 0
    other.on('data', ({ length }) => { if ((read += length) > 16 * 1024 * 1024) resolve() })
  })
  other.pause()
  t.equal(socket.bytesWritten, before, 'Node counts all of the write from the beginning')
  mock.timers.tick(CLOSE_TIMEOUT)
  t.notOk(socket.destroyed)
  mock.timers.tick(CLOSE_TIMEOUT)
  mock.timers.tick(CLOSE_TIMEOUT)
  t.ok(socket.destroyed)
})

void t.test('after the end of both sides the connection has 250 ms, not the close timeout', async (t) => {
  mockTimers(t)
  const duplex = new FakeConnection()
  const connection = new Connection(duplex)
  connection.destroyAfterEnd(CLOSE_TIMEOUT)
  connection.destroyAfterFinish()
  duplex.push(null)
  await once(duplex.resume(), 'end')
  duplex.end()
  await once(duplex, 'finish')
  mock.timers.tick(HALF_CLOSE_TIMEOUT)
  t.ok(duplex.destroyed)
})

void t.test('no timer is left when the connection closes', async (t) => {
  mockTimers(t)
  const duplex = new FakeConnection()
  const connection = new Connection(duplex)
  connection.destroyAfterEnd(CLOSE_TIMEOUT)
  duplex.write('x')
  duplex.push(null)
  await once(duplex.resume(), 'end')
  duplex.destroy()
  await once(duplex, 'close')
  const destroys = t.capture(duplex, 'destroy')
  mock.timers.tick(2 * CLOSE_TIMEOUT)
  t.same(destroys(), [])
})

// Observers

void t.test('an observer learns of the next data only, until it observes again, and of the close', async (t) => {
  const duplex = new FakeConnection()
  const connection = new Connection(duplex)
  const events: string[] = []
  const observer = { onData: () => { events.push('data') }, onClose: () => { events.push('close') } }
  duplex.on('data', () => {})
  connection.observe(observer)
  for (const chunk of ['one', 'two']) duplex.push(chunk)
  await turn()
  t.same(events, ['data'])
  t.equal(duplex.listenerCount('data'), 1)
  connection.observe(observer)
  duplex.push('three')
  await turn()
  t.same(events, ['data', 'data'])
  duplex.destroy()
  await once(duplex, 'close')
  t.same(events, ['data', 'data', 'close'])
})

void t.test('connections share their listeners', async (t) => {
  const [one, other] = [new FakeConnection(), new FakeConnection()]
  for (const duplex of [one, other]) {
    const connection = new Connection(duplex)
    connection.destroyAfterFinish()
    connection.destroyAfterEnd(CLOSE_TIMEOUT)
    connection.observe({ onData () {}, onClose () {} })
  }
  for (const event of ['finish', 'end', 'data', 'close']) {
    t.ok(one.rawListeners(event).at(-1) === other.rawListeners(event).at(-1), event)
    t.ok(one.listenerCount(event) > 0)
  }
  t.equal(one._write, other._write)
})

void t.test('destroyDuplex destroys a connection', async (t) => {
  const duplex = new FakeConnection()
  destroyDuplex(duplex)
  t.ok(duplex.destroyed)
})
