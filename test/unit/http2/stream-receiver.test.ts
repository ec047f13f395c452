import { EventEmitter } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { StreamReceiver } from '../../../lib/http2/stream-receiver.ts'
import type { ReceivingSession } from '../../../lib/http2/stream-receiver.ts'
import { wsText } from '../../helpers/ws-frames.ts'

/** Size, in bytes, of what one read of a connection receives. */
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
    refuse: () => { calls.push('refuse') },
    removeStream: () => { calls.push('remove') }
  }
  const receiver = new StreamReceiver(stream as unknown as ServerHttp2Stream, session as unknown as ReceivingSession)
  return { stream: stream as Parts['stream'], receiver, calls }
}

/** Returns a view of what one read of a connection received. */
function view (bytes: Buffer | number): Buffer {
  const read = Buffer.allocUnsafeSlow(READ_SIZE).fill('x')
  if (typeof bytes === 'number') return read.subarray(100, 100 + bytes)
  read.set(bytes, 100)
  return read.subarray(100, 100 + bytes.length)
}

void t.test('small chunks keep little memory alive in addition to their own', async (t) => {
  const { stream } = setUp(true)
  for (let count = 0; count < 2000; count++) stream.push(view(100))
  t.ok(stream.pushed.every((each) => each!.equals(Buffer.alloc(100, 'x'))))
  const memory = new Set(stream.pushed.map((each) => each!.buffer))
  const kept = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0)
  t.ok(kept < 2 * 2000 * 100, `${kept} bytes for 200,000`)
})

void t.test('a chunk that is read immediately, and is an eighth of its memory, is not copied', async (t) => {
  const { stream, calls } = setUp(true)
  const [large, alone, small] = [view(READ_SIZE / 4), Buffer.from(new ArrayBuffer(50)), view(5000)]
  for (const chunk of [large, alone, small]) stream.push(chunk)
  t.equal(stream.pushed[0], large)
  t.equal(stream.pushed[1], alone)
  t.equal(stream.pushed[2]!.buffer.byteLength, 5000)
  t.strictSame(calls, [`read ${READ_SIZE / 4}`, 'read 50', 'read 5000'])
})

void t.test('a chunk that is not read immediately keeps only its own memory alive', async (t) => {
  const { stream, calls } = setUp(false)
  stream.push(view(READ_SIZE / 4))
  t.equal(stream.pushed[0]!.buffer.byteLength, READ_SIZE / 4)
  t.strictSame(calls, [`reserve ${READ_SIZE / 4}`])
})

void t.test('a stream that exceeds the budget is refused once, and receives nothing more', async (t) => {
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

void t.test('frames are not read from a stream of which a part has been buffered', async (t) => {
  const { stream, receiver } = setUp(true)
  stream.readableLength = 1
  receiver.readFrames()
  t.equal(receiver.reader, undefined)
})

void t.test('the session is called when the stream closes', async (t) => {
  const { stream, calls } = setUp(true)
  stream.emit('close')
  t.strictSame(calls, ['remove'])
})
