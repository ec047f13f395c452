import type { Http2Stream, ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { FST_WS_NOT_SENT } from '../../../lib/errors.ts'
import { SMALL_WRITE, SendBudget } from '../../../lib/http2/send-budget.ts'
import { StreamSender } from '../../../lib/http2/stream-sender.ts'
import type { HeadWriter } from '../../../lib/http2/stream-sender.ts'
import type { WriteCallback, WriteItem } from '../../../lib/internals/streams.ts'
import { openStream, untilClosed } from './open-stream.ts'

const SLICE = 128 * 1024
const LARGE = 300 * 1024
const BINARY = 'buffer' as BufferEncoding

/** Node's side of a stream: the writes that it was passed, and their callbacks. */
class FakeNode {
  destroyed = false
  closed = false
  writableLength = 0
  writableCorked = 0
  readonly writes: Buffer[] = []
  readonly callbacks: WriteCallback[] = []
  /** The parameters of each call of `end`. */
  readonly ends: unknown[][] = []

  _write (chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    this._writev([{ chunk, encoding }], callback)
  }

  _writev (items: WriteItem[], callback: WriteCallback): void {
    this.writes.push(Buffer.concat(items.map(({ chunk, encoding }) => Buffer.from(chunk as string, encoding))))
    this.callbacks.push(callback)
  }

  end (...parameters: unknown[]): void {
    this.ends.push(parameters)
  }
}

interface Parts {
  node: FakeNode
  budget: SendBudget
  sender: StreamSender
  /** The results of the callbacks: an error, or null for data that was sent. */
  results: unknown[]
  callback: WriteCallback
}

/** Creates a sender. The methods of Node are those of its stream's prototype. */
function setUp (): Parts {
  const node = new FakeNode()
  const stream: Http2Stream = Object.create(node)
  const budget = new SendBudget()
  const results: unknown[] = []
  return { node, budget, sender: new StreamSender(stream, budget), results, callback: (error) => results.push(error) }
}

/** Returns a receiver of a head that one write has completely. */
function recordHead (heads: string[]): HeadWriter {
  return {
    writeHead (chunk) {
      heads.push(typeof chunk === 'string' ? chunk : chunk.toString('latin1'))
      return Buffer.alloc(0)
    }
  }
}

/** Returns whether a budget has room for as many slices as a new one, and no more. */
function isBudgetWhole (budget: SendBudget): boolean {
  const sizes = Array.from({ length: 17 }, () => budget.reserve())
  return sizes.every((size) => size === SLICE) && budget.reserve() < SLICE
}

// Slices

void t.test('a write of up to 4096 bytes is passed to Node as it is, and not counted in the budget', async (t) => {
  const { node, budget, sender, results, callback } = setUp()
  sender.write(Buffer.alloc(SMALL_WRITE), BINARY, callback)
  node.callbacks[0]!(null)
  sender.writeAll([{ chunk: 'x'.repeat(682), encoding: 'utf8' }, { chunk: '€'.repeat(683), encoding: 'utf8' }], callback)
  t.same(node.writes.map(({ length }) => length), [SMALL_WRITE, 682 + 3 * 683])
  t.ok(isBudgetWhole(budget))
  node.callbacks[1]!()
  t.same(results, [null, null])
})

void t.test('three small writes that waited at once mark the stream as pipelined', async (t) => {
  for (const [count, size, isPipelined] of [[3, 66, true], [2, 66, false], [3, 2 * SMALL_WRITE, false]] as const) {
    const { sender, callback } = setUp()
    sender.receiver = { isPipelined: false }
    sender.writeAll(Array.from({ length: count }, () => ({ chunk: Buffer.alloc(size), encoding: BINARY })), callback)
    t.equal(sender.receiver.isPipelined, isPipelined, `${count} of ${size} bytes`)
  }
})

void t.test('a larger write is passed in slices, each when the one before it was sent', async (t) => {
  const { node, sender, results, callback } = setUp()
  const bytes = Buffer.from(Array.from({ length: LARGE }, (_, index) => index & 0xff))
  sender.write(bytes, BINARY, callback)
  t.same(node.writes.map(({ length }) => length), [SLICE])
  t.equal(sender.bytesAlreadySent, 0)
  node.callbacks[0]!()
  t.same(node.writes.map(({ length }) => length), [SLICE, SLICE])
  t.equal(sender.bytesAlreadySent, SLICE)
  t.equal(sender.bytesSent, SLICE)
  node.callbacks[1]!()
  t.equal(sender.bytesAlreadySent, 2 * SLICE)
  t.same(results, [])
  node.callbacks[2]!()
  t.same(results, [null])
  t.equal(sender.bytesAlreadySent, 0, 'the stream does not count it as buffered any more')
  t.equal(sender.bytesSent, LARGE)
  t.ok(Buffer.concat(node.writes).equals(bytes))
})

void t.test('texts and buffers that are written together are sliced across their borders, in their encoding', async (t) => {
  const { node, sender, results, callback } = setUp()
  sender.writeAll([
    { chunk: 'é', encoding: 'latin1' }, { chunk: Buffer.alloc(SLICE, 1), encoding: BINARY }, { chunk: '€', encoding: 'utf8' }
  ], callback)
  node.callbacks[0]!()
  t.same(node.writes.map(({ length }) => length), [SLICE, 4])
  t.ok(Buffer.concat(node.writes).equals(Buffer.concat([Buffer.of(0xe9), Buffer.alloc(SLICE, 1), Buffer.from('€')])))
  node.callbacks[1]!()
  t.same(results, [null])
})

void t.test('a slice is reserved while Node has it, and returned when it was sent or has failed', async (t) => {
  const { node, budget, sender, callback } = setUp()
  const other = new StreamSender(Object.create(new FakeNode()), budget)
  other.write(Buffer.alloc(LARGE), BINARY, () => {})
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  const sizes = Array.from({ length: 15 }, () => budget.reserve())
  t.ok(budget.reserve() < SLICE, '2 slices of senders and 15 others')
  for (const size of sizes) budget.release(size)

  const own = setUp()
  for (const error of [null, new Error('failed')]) {
    own.sender.write(Buffer.alloc(SMALL_WRITE + 1), BINARY, own.callback)
    own.node.callbacks.at(-1)!(error)
  }
  t.ok(isBudgetWhole(own.budget))
  node.callbacks[0]!()
})

void t.test('what Node has of a write that fails is lost for the session, and nothing of one that was sent', async (t) => {
  const { node, budget, sender, callback } = setUp()
  const lost: number[] = []
  budget.lose = (size) => lost.push(size)
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.callbacks[0]!()
  sender.lose()
  t.same(lost, [SLICE])
  for (const error of [null, new Error('failed')]) {
    sender.write(Buffer.alloc(SMALL_WRITE), BINARY, callback)
    node.callbacks.at(-1)!(error)
  }
  sender.write(Buffer.alloc(SMALL_WRITE), BINARY, callback)
  sender.isEndSent = true
  sender.lose()
  t.same(lost, [SLICE, SMALL_WRITE])
})

// Callbacks

void t.test('an error of Node between two slices is the result of the write, and the other slices are not passed', async (t) => {
  const { node, budget, sender, results, callback } = setUp()
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.callbacks[0]!()
  const error = new Error('write failed')
  node.callbacks[1]!(error)
  t.equal(node.writes.length, 2)
  t.same(results, [error])
  t.equal(sender.bytesAlreadySent, 0)
  t.ok(isBudgetWhole(budget))

  sender.write(Buffer.from('next'), BINARY, callback)
  t.equal(String(node.writes.at(-1)), 'next', 'nothing is left of the failed write')
  node.callbacks.at(-1)!()
  t.equal(results.length, 2)
})

void t.test('a write that is lost between two slices fails with FST_WS_NOT_SENT, once', async (t) => {
  const { node, budget, sender, results, callback } = setUp()
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.callbacks[0]!()
  sender.lose()
  sender.lose(new Error('later'))
  t.equal(results.length, 1)
  t.ok(results[0] instanceof FST_WS_NOT_SENT)
  t.ok(isBudgetWhole(budget))
  node.callbacks[1]!()
  t.equal(results.length, 1, 'though Node calls back after all')
  t.equal(node.writes.length, 2, 'and no further slice is passed')
})

void t.test('success that Node reports for a slice of a destroyed stream is not believed', async (t) => {
  const { node, sender, results, callback } = setUp()
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.destroyed = true
  node.callbacks[0]!()
  node.callbacks[0]!(null)
  t.same(results, [], 'not within destroy()')
  await null
  await new Promise((resolve) => process.nextTick(resolve))
  t.equal(results.length, 1)
  t.ok(results[0] instanceof FST_WS_NOT_SENT)
  t.equal(node.writes.length, 1)
})

void t.test('a write counts as sent if END_STREAM was sent after it, whether or not Node calls back', async (t) => {
  const { sender, results, callback } = setUp()
  sender.write(Buffer.from('last'), BINARY, callback)
  sender.isEndSent = true
  sender.lose()
  t.same(results, [null])
})

void t.test('a write that is lost with an error fails with that error', async (t) => {
  const { sender, results, callback } = setUp()
  const error = new Error('reset')
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  sender.lose(error)
  t.same(results, [error])
})

// The end

void t.test('end() waits for the last slice', async (t) => {
  const { node, sender, results, callback } = setUp()
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.writableLength = LARGE
  sender.end([])
  sender.end([])
  node.callbacks[0]!()
  node.callbacks[1]!()
  t.same(node.ends, [])
  node.writableLength = 0
  node.callbacks[2]!()
  t.same(results, [null])
  t.equal(node.ends.length, 1)
})

void t.test('end() waits for the writes behind the current one', async (t) => {
  const { node, sender } = setUp()
  // As Writable does, which passes the next write on within the callback of the last.
  sender.write(Buffer.alloc(SMALL_WRITE + 1), BINARY, () => {
    node.writableLength = 5
    sender.write(Buffer.from('again'), BINARY, () => { node.writableLength = 0 })
  })
  node.writableLength = SMALL_WRITE + 6
  sender.end([])
  node.callbacks[0]!()
  t.same(node.ends, [])
  node.callbacks[1]!()
  t.equal(node.ends.length, 1)
})

void t.test('end() waits for no slice if the stream is closed, or if few bytes wait', async (t) => {
  const closed = setUp()
  closed.node.writableLength = LARGE
  closed.node.closed = true
  closed.sender.end([])
  t.equal(closed.node.ends.length, 1)

  const small = setUp()
  small.node.writableLength = SMALL_WRITE / 3
  const callback = (): void => {}
  small.sender.end([callback])
  t.same(small.node.ends, [[callback]])
})

void t.test('a stream that is reset while end() waits is not ended by its last callback', async (t) => {
  const { node, sender, callback } = setUp()
  sender.write(Buffer.alloc(LARGE), BINARY, callback)
  node.writableLength = LARGE
  sender.end([])
  node.closed = true
  sender.end([])
  t.equal(node.ends.length, 1, 'Node ends a stream that it closes')
  node.writableLength = 0
  sender.lose()
  t.equal(node.ends.length, 1)
})

void t.test('a callback that throws does not prevent the end', async (t) => {
  const { node, sender } = setUp()
  sender.write(Buffer.alloc(SMALL_WRITE + 1), BINARY, () => { throw new Error('boom') })
  node.writableLength = SMALL_WRITE + 1
  sender.end([])
  node.writableLength = 0
  t.throws(() => node.callbacks[0]!(), { message: 'boom' })
  t.equal(node.ends.length, 1)
})

void t.test('END_STREAM follows the last slice, whatever window the client opens', async (t) => {
  const { stream, client, received, untilReceived } = await openStream(t, 0)
  const bytes = Buffer.from(Array.from({ length: LARGE }, (_, index) => index & 0xff))
  const results: unknown[] = []
  stream.write(bytes.subarray(0, LARGE - 10), (error) => results.push(error))
  stream.write(bytes.subarray(LARGE - 10), (error) => results.push(error))
  stream.end()
  client.windowUpdate(0, LARGE)
  for (const window of [1, SLICE, SLICE]) {
    const before = received().length
    client.windowUpdate(1, window)
    await untilReceived(before + window)
    t.notOk(client.trace(1).includes('DATA END_STREAM'))
  }
  client.windowUpdate(1, LARGE)
  await client.untilEnd(1)
  t.ok(received().equals(bytes))
  t.equal(client.trace(1).at(-1), 'DATA END_STREAM')
  t.equal(results.length, 2)
  t.ok(results.every((result) => result == null))
})

// The response head

void t.test('the first write is the response head, and is not sent as DATA', async (t) => {
  const { node, sender, results, callback } = setUp()
  const heads: string[] = []
  sender.head = recordHead(heads)
  sender.write(`HTTP/1.1 101 Ä\r\n${'x'.repeat(SMALL_WRITE)}`, 'utf8', callback)
  t.same(heads, [`HTTP/1.1 101 Ä\r\n${'x'.repeat(SMALL_WRITE)}`])
  t.same(results, [undefined])
  t.same(node.writes, [])
  sender.write('data', 'utf8', callback)
  t.same(node.writes.map(String), ['data'])
  t.equal(heads.length, 1)
})

void t.test('a head that is corked with an empty body, as Node\'s HTTP client writes it, is the head', async (t) => {
  const { stream, socket, client, received } = await openStream(t)
  const heads: string[] = []
  socket.writer.head = recordHead(heads)
  const results: unknown[] = []
  stream.cork()
  for (const part of ['GET / HTTP/1.1\r\n\r\n', '']) stream.write(part, (error: unknown) => results.push(error))
  stream.uncork()
  await new Promise(setImmediate)
  t.same(heads, ['GET / HTTP/1.1\r\n\r\n'])
  t.equal(results.length, 2)
  t.ok(results.every((error) => error == null))
  stream.end('data')
  await client.untilEnd(1)
  t.equal(String(received()), 'data')
})

void t.test('end() with the response head writes the head, and ends the stream', async (t) => {
  const { stream, socket, client } = await openStream(t)
  const heads: string[] = []
  socket.writer.head = recordHead(heads)
  stream.end('HTTP/1.1 400 Bad Request\r\n\r\nbody')
  await client.untilEnd(1)
  t.same(heads, ['HTTP/1.1 400 Bad Request\r\n\r\nbody'])
  t.strictSame(client.trace(1), ['HEADERS', 'DATA END_STREAM'])
  client.end(1)
  await untilClosed(stream)
})

void t.test('data that is corked behind the response head is sent as DATA', async (t) => {
  const { stream, socket, client, received } = await openStream(t)
  const heads: string[] = []
  socket.writer.head = recordHead(heads)
  const results: unknown[] = []
  stream.cork()
  for (const part of ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'one', 'two']) {
    stream.write(part, (error: unknown) => results.push(error))
  }
  stream.uncork()
  stream.end()
  await client.untilEnd(1)
  t.same(heads, ['HTTP/1.1 101 Switching Protocols\r\n\r\n'])
  t.equal(String(received()), 'onetwo')
  t.equal(results.length, 3)
  t.ok(results.every((error) => error == null))
})

void t.test('a stream whose response head cannot be written can be ended', async (t) => {
  const { stream, socket, client } = await openStream(t)
  socket.writer.head = { writeHead () { throw new Error('invalid') } }
  t.throws(() => stream.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'), { message: 'invalid' })
  stream.end()
  await client.untilEnd(1)
  t.equal(stream.writableLength, 0)
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA END_STREAM', 'RST_STREAM NO_ERROR'])
})

/** Returns a receiver of a head that ends with an exclamation mark, which may be in any of several writes. */
function untilMark (): HeadWriter {
  return {
    writeHead (chunk, encoding) {
      const bytes = Buffer.from(chunk as string, encoding)
      const end = bytes.indexOf('!')
      return end < 0 ? undefined : bytes.subarray(end + 1)
    }
  }
}

void t.test('no write is sent before the head is complete, and what follows it in its write is sent', async (t) => {
  const { node, sender, results, callback } = setUp()
  sender.head = untilMark()
  sender.write('one', 'utf8', callback)
  sender.write(Buffer.from('two').toString('hex'), 'hex', callback)
  t.same(results, [undefined, undefined])
  t.same(node.writes, [])
  t.equal(sender.bytesSent, 6)
  sender.write('end!data', 'utf8', callback)
  t.same(node.writes.map(String), ['data'])
  t.equal(sender.bytesSent, 10)
  t.equal(sender.bytesAlreadySent, 4, 'the stream counts the head as buffered, until its write has been sent')
  node.callbacks[0]!()
  t.equal(sender.bytesSent, 14)
  t.equal(sender.bytesAlreadySent, 0)
  t.equal(sender.head, undefined)
})

void t.test('a head in several corked writes, with data in the last and behind it', async (t) => {
  const { node, sender, callback } = setUp()
  sender.head = untilMark()
  sender.writeAll(['one', 'two!three', 'four'].map((chunk) => ({ chunk, encoding: 'utf8' })), callback)
  t.same(node.writes.map(String), ['threefour'])
})

void t.test('a stream that is ended while a corked head is written finishes', async (t) => {
  const { stream, socket } = await openStream(t)
  socket.writer.head = {
    writeHead () {
      stream.end()
      return undefined
    }
  }
  stream.cork()
  stream.write('one')
  stream.write('two')
  stream.uncork()
  await new Promise((resolve) => stream.once('finish', resolve))
  t.equal(stream.writableLength, 0)
})

void t.test('a stream that is ended while a head of more than a small write is written finishes', async (t) => {
  const { stream, socket, client } = await openStream(t)
  socket.writer.head = { writeHead: () => undefined }
  stream.end('x'.repeat(2 * SMALL_WRITE))
  await client.untilEnd(1)
  t.strictSame(client.trace(1).slice(0, 2), ['HEADERS', 'DATA END_STREAM'])
})

const BODY = Buffer.from(Array.from({ length: LARGE }, (_, index) => index & 0xff))

for (const [name, end] of Object.entries({
  'end(chunk)': (stream, done) => { stream.once('finish', done).end(BODY) },
  'end(chunk, callback)': (stream, done) => { stream.end(BODY, done) },
  'end(text, encoding)': (stream, done) => { stream.once('finish', done).end(BODY.toString('latin1'), 'latin1') },
  'end(text, encoding, callback)': (stream, done) => { stream.end(BODY.toString('latin1'), 'latin1', done) },
  'end(chunk) of a corked stream': (stream, done) => {
    stream.cork()
    stream.write(BODY.subarray(0, 10))
    stream.once('finish', done).end(BODY.subarray(10))
  }
} satisfies Record<string, (stream: ServerHttp2Stream, done: () => void) => void>)) {
  void t.test(`${name} sends all of a chunk that is larger than a slice, then END_STREAM`, async (t) => {
    const { stream, client, received } = await openStream(t, 0)
    let calls = 0
    end(stream, () => { calls++ })
    client.windowUpdate(1, LARGE + 1)
    client.windowUpdate(0, LARGE)
    await client.untilEnd(1)
    t.ok(received().equals(BODY))
    t.equal(calls, 1)
  })
}

void t.test('end(text) sends all of a text whose bytes are more than its characters, and more than its slice', async (t) => {
  const { session, stream, client, received } = await openStream(t)
  while (session.sendBudget.reserve() > SMALL_WRITE);
  const text = '€'.repeat(SMALL_WRITE)
  stream.end(text)
  await client.untilEnd(1)
  t.equal(String(received()), text)
})

void t.test('the callback of end(chunk, callback) is called with an error if the stream is reset before all was sent', async (t) => {
  const { stream, client } = await openStream(t, 0)
  const results: unknown[] = []
  stream.end(BODY, (error?: Error | null) => results.push(error))
  client.rst(1)
  await untilClosed(stream)
  t.match(results, [Error])
})
