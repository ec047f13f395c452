import { Duplex } from 'node:stream'
import t from 'tap'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'
import type { WriteCallback, WriteItem } from '../../../lib/internals/streams.ts'
import { ConnectionWriter, loseWrite, sizeOf, sizeOfAll } from '../../../lib/socket/connection-writer.ts'

const BINARY = 'buffer' as BufferEncoding

/** A connection that records writes, and keeps their callbacks. */
class FakeConnection extends Duplex {
  readonly writes: Array<[chunk: Buffer | string, encoding: BufferEncoding]> = []
  readonly callbacks: WriteCallback[] = []

  override _read (): void {}

  override _write (chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    this.writes.push([chunk, encoding])
    this.callbacks.push(callback)
  }

  override _writev (items: WriteItem[], callback: WriteCallback): void {
    this.writes.push(...items.map(({ chunk, encoding }): [Buffer | string, BufferEncoding] => [chunk, encoding]))
    this.callbacks.push(callback)
  }
}

/** A connection whose `_writev` writes each item with its `_write`, as LoopbackEnd of lib/inject/ does. */
class ChainedConnection extends FakeConnection {
  override _writev (items: WriteItem[], callback: WriteCallback): void {
    const [first, ...rest] = items
    if (first === undefined) return callback()
    this._write(first.chunk, first.encoding, (error) => {
      if (error != null) callback(error)
      else this._writev(rest, callback)
    })
  }
}

interface Parts {
  connection: FakeConnection
  writer: ConnectionWriter
  results: unknown[]
  callback: WriteCallback
}

function setUp (connection = new FakeConnection()): Parts {
  const results: unknown[] = []
  connection.on('error', () => {})
  return { connection, writer: new ConnectionWriter(connection), results, callback: (error) => results.push(error) }
}

async function nextTick (): Promise<void> {
  await null
  await new Promise<void>((resolve) => process.nextTick(resolve))
}

void t.test('writes are passed to the connection, and called back with success', async (t) => {
  const { connection, writer, results, callback } = setUp()
  writer.write('text', 'utf8', callback)
  connection.callbacks[0]!()
  writer.writeAll([{ chunk: Buffer.from('a'), encoding: BINARY }, { chunk: 'ü', encoding: 'latin1' }], callback)
  connection.callbacks[1]!(null)
  t.same(connection.writes, [['text', 'utf8'], [Buffer.from('a'), BINARY], ['ü', 'latin1']])
  t.same(results, [null, null])
  t.equal(writer.bytesSent, 12 + 4)
  t.equal(writer.bytesAlreadySent, 0)
})

void t.test('an error of the connection is the result of the write, and its bytes do not count as sent', async (t) => {
  const { connection, writer, results, callback } = setUp()
  const error = new Error('EPIPE')
  writer.write(Buffer.alloc(5), BINARY, callback)
  connection.callbacks[0]!(error)
  t.same(results, [error])
  t.equal(writer.bytesSent, 0)
})

void t.test('a write that the connection never calls back fails with FST_WS_NOT_SENT once it is lost', async (t) => {
  const { connection, writer, results, callback } = setUp()
  writer.write('text', 'utf8', callback)
  loseWrite(writer)
  loseWrite(writer, new Error('later'))
  connection.callbacks[0]!()
  t.equal(results.length, 1)
  t.ok(results[0] instanceof FST_WS_NOT_SENT)
})

void t.test('a write that is lost with an error fails with it, and with no writer nothing is lost', async (t) => {
  const { writer, results, callback } = setUp()
  const error = new Error('ECONNRESET')
  writer.write('text', 'utf8', callback)
  loseWrite(writer, error)
  t.same(results, [error])
  t.doesNotThrow(() => loseWrite(undefined))
  t.doesNotThrow(() => loseWrite(setUp().writer))
})

void t.test('a write that is lost after the end of the stream was sent has been sent', async (t) => {
  const { writer, results, callback } = setUp()
  writer.write('text', 'utf8', callback)
  writer.isEndSent = true
  loseWrite(writer)
  t.same(results, [null])
})

void t.test('success that a destroyed connection reports is not believed, and reported in the next tick', async (t) => {
  const { connection, writer, results, callback } = setUp()
  writer.write('text', 'utf8', callback)
  connection.destroy()
  connection.callbacks[0]!()
  connection.callbacks[0]!()
  t.same(results, [], 'a callback that throws must not be taken for an error of the connection')
  await nextTick()
  t.equal(results.length, 1)
  t.ok(results[0] instanceof FST_WS_NOT_SENT)
})

void t.test('an error that a destroyed connection reports is the result of the write', async (t) => {
  const { connection, writer, results, callback } = setUp()
  const error = new Error('ECONNRESET')
  writer.write('text', 'utf8', callback)
  connection.destroy()
  connection.callbacks[0]!(error)
  await nextTick()
  t.same(results, [error])
})

void t.test('a second callback of a connection for one write is ignored', async (t) => {
  const { connection, writer, results, callback } = setUp()
  writer.write('text', 'utf8', callback)
  connection.callbacks[0]!()
  connection.callbacks[0]!(new Error('again'))
  t.same(results, [null])
})

void t.test('a `_writev` that writes with `_write` calls back once, after its last item', async (t) => {
  const connection = new ChainedConnection()
  const { writer, results, callback } = setUp(connection)
  Object.assign(connection, {
    _write: (chunk: Buffer, encoding: BufferEncoding, done: WriteCallback) => writer.write(chunk, encoding, done)
  })
  writer.writeAll(['a', 'b', 'c'].map((chunk) => ({ chunk, encoding: 'utf8' as const })), callback)
  for (let index = 0; index < 3; index++) {
    t.same(results, [])
    t.equal(connection.writes.length, index + 1)
    connection.callbacks[index]!()
  }
  t.same(results, [null])
  t.equal(writer.bytesSent, 9)
})

void t.test('a callback that throws does so in its caller, and the next write is not affected', async (t) => {
  const { connection, writer, results, callback } = setUp()
  writer.write('text', 'utf8', () => { throw new Error('boom') })
  t.throws(() => connection.callbacks[0]!(), { message: 'boom' })
  writer.write('text', 'utf8', callback)
  connection.callbacks[1]!()
  t.same(results, [null])
})

void t.test('the size of a write is at least that of its bytes', async (t) => {
  for (const text of ['', 'x', 'ü', '€', '🐟', '\ud800']) t.ok(sizeOf(text) >= Buffer.byteLength(text), text)
  t.equal(sizeOf(Buffer.alloc(7)), 7)
  t.equal(sizeOfAll([]), 0)
  t.equal(sizeOfAll([{ chunk: Buffer.alloc(7), encoding: BINARY }, { chunk: 'xy', encoding: 'utf8' }]), 13)
})
