import { EventEmitter } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { mock } from 'node:test'
import t from 'tap'
import type { WebSocket } from 'ws'
import { StreamReceiver } from '../../../lib/http2/stream-receiver.ts'
import type { ReceivingSession } from '../../../lib/http2/stream-receiver.ts'
import { PING, wsFrame, wsText } from '../../helpers/ws-frames.ts'

/** Size, in bytes, of one read of a connection. */
const READ_SIZE = 64 * 1024

class FakeStream extends EventEmitter {
  readableFlowing: boolean
  readableLength = 0
  readonly pushed: Array<Buffer | null> = []

  constructor (readableFlowing: boolean) {
    super()
    this.readableFlowing = readableFlowing
  }

  push (chunk: Buffer | null): boolean {
    this.pushed.push(chunk)
    return true
  }
}

interface Parts {
  stream: FakeStream & Pick<ServerHttp2Stream, 'push'>
  receiver: StreamReceiver
  /** Calls of the session, in order. */
  calls: string[]
}

/** Creates a receiver whose stream is read immediately, or not, in a session that has room for it, or not. */
function setUp (readableFlowing: boolean, hasRoom = true): Parts {
  const calls: string[] = []
  const stream = new FakeStream(readableFlowing)
  const session = {
    budget: { reserve: (_receiver: unknown, bytes: number) => calls.push(`reserve ${bytes}`) > 0 && hasRoom },
    tuner: { size: 65_535, read: (_receiver: unknown, bytes: number) => { calls.push(`read ${bytes}`) } },
    answers: { add: () => { calls.push('join') } },
    refuse: () => { calls.push('refuse') },
    removeStream: () => { calls.push('remove') }
  }
  const receiver = new StreamReceiver(stream as unknown as ServerHttp2Stream, session as unknown as ReceivingSession)
  return { stream: stream as Parts['stream'], receiver, calls }
}

/** Returns a chunk that is a view of one read of a connection. */
function view (bytes: Buffer | number): Buffer {
  const read = Buffer.allocUnsafeSlow(READ_SIZE).fill('x')
  if (typeof bytes === 'number') return read.subarray(100, 100 + bytes)
  read.set(bytes, 100)
  return read.subarray(100, 100 + bytes.length)
}

// The first of these tests: an earlier one would have started a timer that is not mocked.
void t.test('small chunks keep little more memory alive than their own, however slowly they arrive', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  for (const isRead of [false, true]) {
    const { stream } = setUp(isRead)
    for (let second = 0; second < 100; second++) {
      for (let count = 0; count < 2; count++) stream.push(view(65))
      mock.timers.tick(1000)
    }
    const memory = new Set(stream.pushed.map((each) => each!.buffer))
    const kept = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)
    t.ok(kept < 2 * 200 * 65, `${kept} bytes for ${200 * 65}, ${isRead ? 'of a message in parts' : 'of a paused stream'}`)
  }
})

void t.test('the answers to a chunk are joined if the stream is pipelined', async (t) => {
  const { stream, receiver, calls } = setUp(true)
  stream.push(view(100))
  receiver.isPipelined = true
  stream.push(view(100))
  t.same(calls, ['read 100', 'join', 'read 100'])
})

void t.test('small chunks keep little more memory alive than their own', async (t) => {
  const { stream } = setUp(true)
  for (let count = 0; count < 2000; count++) stream.push(view(100))
  t.ok(stream.pushed.every((each) => each!.equals(Buffer.alloc(100, 'x'))))
  const memory = new Set(stream.pushed.map((each) => each!.buffer))
  const kept = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)
  t.ok(kept < 2 * 2000 * 100, `${kept} bytes for 200,000`)
})

void t.test('a chunk that is read immediately, and is at least an eighth of its memory, is not copied', async (t) => {
  const { stream, calls } = setUp(true)
  const [large, alone, small] = [view(READ_SIZE / 4), Buffer.from(new ArrayBuffer(50)), view(5000)]
  for (const chunk of [large, alone, small]) stream.push(chunk)
  t.equal(stream.pushed[0], large)
  t.equal(stream.pushed[1], alone)
  t.equal(stream.pushed[2]!.buffer.byteLength, 5000)
  t.strictSame(calls, [`read ${READ_SIZE / 4}`, 'read 50', 'read 5000'])
})

void t.test('a chunk that nobody reads yet keeps only its own memory alive', async (t) => {
  const { stream, calls } = setUp(false)
  stream.push(view(READ_SIZE / 4))
  t.equal(stream.pushed[0]!.buffer.byteLength, READ_SIZE / 4)
  t.strictSame(calls, [`reserve ${READ_SIZE / 4}`])
})

void t.test('a stream whose data exceeds the budget is refused once, and receives nothing more', async (t) => {
  const { stream, calls } = setUp(false, false)
  t.equal(stream.push(view(1)), false)
  t.equal(stream.push(view(1)), false)
  t.strictSame(stream.pushed, [])
  t.strictSame(calls, ['reserve 1', 'refuse'])
})

void t.test('frames are unmasked for ws, and the end of the stream follows them', async (t) => {
  const { stream, receiver, calls } = setUp(true)
  receiver.readFrames()
  const frame = wsText('hello')
  const size = frame.length
  stream.push(view(frame))
  stream.push(null)
  t.match(stream.pushed, [Buffer.from('818500000000' + Buffer.from('hello').toString('hex'), 'hex'), null])
  t.strictSame(calls, [`read ${size}`])
})

class FakeReceiver extends EventEmitter {
  _errored = false
}

/** Returns a socket of ws whose receiver emits messages. */
function createWebSocket (receiver = new FakeReceiver()): WebSocket {
  const fake = { OPEN: 1, readyState: 1, extensions: '', binaryType: 'nodebuffer', _receiver: receiver }
  return fake as unknown as WebSocket
}

const LIMITS = { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true }

void t.test('a message that is delivered without ws is measured, and not pushed', async (t) => {
  const { stream, receiver, calls } = setUp(true)
  const wsReceiver = new FakeReceiver()
  const websocket = createWebSocket(wsReceiver)
  const texts: string[] = []
  wsReceiver.on('message', (data) => texts.push(String(data)))
  receiver.readFrames()
  receiver.reader!.start(websocket, LIMITS)
  stream.on('data', () => {})
  const [first, second] = [wsText('one message'), wsText('another')]
  t.equal(stream.push(view(first)), true)
  stream.push(view(second.subarray(0, 10)))
  stream.push(view(Buffer.concat([second.subarray(10), wsFrame(PING)])))
  t.same(texts, ['one message', 'another'])
  t.same(stream.pushed.map((each) => each?.length), [6], 'the ping is for ws')
  t.strictSame(calls, [`read ${first.length}`, 'read 10', `read ${second.length - 10}`, 'read 6'])
})

void t.test('END_STREAM in the middle of a message passes the message to ws, as far as it was received', async (t) => {
  const { stream, receiver } = setUp(true)
  receiver.readFrames()
  receiver.reader!.start(createWebSocket(), LIMITS)
  const read: Buffer[] = []
  stream.on('data', (chunk) => read.push(chunk))
  stream.push(view(wsText('unfinished').subarray(0, 9)))
  stream.push(null)
  t.equal(Buffer.concat(read).subarray(-3).toString(), 'unf')
  t.same(stream.pushed, [null])
})

void t.test('frames are not read from a stream of which a part has been buffered', async (t) => {
  const { stream, receiver } = setUp(true)
  stream.readableLength = 1
  receiver.readFrames()
  t.equal(receiver.reader, undefined)
})

void t.test('a stream that closes is removed from its session', async (t) => {
  const { stream, calls } = setUp(true)
  stream.emit('close')
  t.strictSame(calls, ['remove'])
})
