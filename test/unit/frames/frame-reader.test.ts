import { EventEmitter } from 'node:events'
import type { Http2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { FrameReader } from '../../../lib/frames/frame-reader.ts'
import type { MessageLimits } from '../../../lib/frames/frame-reader.ts'
import { BINARY, CONTINUATION, PING, TEXT, readWsFrames, wsFrame, wsText } from '../../helpers/ws-frames.ts'
import type { WsFrame } from '../../helpers/ws-frames.ts'

const LIMITS: MessageLimits = { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true }
const HEAD = 6

class FakeReceiver extends EventEmitter {
  _errored = false
}

class FakeSocket {
  readonly OPEN = 1
  readyState = 1
  extensions = ''
  binaryType = 'nodebuffer'
  readonly _receiver = new FakeReceiver()
}

interface Parts {
  reader: FrameReader
  stream: Readable
  socket: FakeSocket
  /** Chunks that the stream emitted, for ws. */
  read: Buffer[]
  /** Messages that were delivered without ws. */
  delivered: Array<[data: Buffer, isBinary: boolean]>
  /** Returns how often the stream was asked to read. */
  reads: () => number
}

/** Creates a stream that ws reads, and its socket. */
function setUp (limits: Partial<MessageLimits> = {}, shape: Partial<FakeSocket> = {}): Parts {
  let reads = 0
  const stream = new Readable({ read () { reads++ } })
  const read: Buffer[] = []
  stream.on('data', (chunk: Buffer) => read.push(chunk))
  const socket = Object.assign(new FakeSocket(), shape)
  const delivered: Parts['delivered'] = []
  socket._receiver.on('message', (...message: Parts['delivered'][number]) => delivered.push(message))
  const reader = new FrameReader(stream as Http2Stream)
  reader.start(socket as unknown as WebSocket, { ...LIMITS, ...limits })
  return { reader, stream, socket, read, delivered, reads: () => reads }
}

/** Returns whether the reader took a chunk; if not, the whole chunk is for ws. */
function receive (reader: FrameReader, chunk: Buffer): boolean {
  const rest = reader.read(chunk)
  if (rest !== undefined && rest !== chunk) throw new Error('a part of the chunk was taken')
  return rest === undefined
}

/** Reads chunks that are all for ws, and returns their frames, as they are masked now. */
function passedToWs (t: Test, reader: FrameReader, ...chunks: Buffer[]): WsFrame[] {
  for (const chunk of chunks) t.equal(receive(reader, chunk), false, 'the chunk is for ws')
  const [frames, rest] = readWsFrames(Buffer.concat(chunks))
  t.equal(rest.length, 0)
  return frames
}

/** Returns the four bytes of a frame that ws takes for its masking key. */
function maskOf (frame: Buffer): string {
  return frame.subarray(HEAD - 4, HEAD).toString('hex')
}

void t.test('a chunk that is one whole message is delivered', async (t) => {
  const { reader, delivered } = setUp()
  const messages: Array<[number, string | Buffer]> = [
    [TEXT, 'grüße'], [BINARY, Buffer.of(0, 255, 1)], [TEXT, ''], [BINARY, ''],
    [BINARY, Buffer.alloc(31, 7)], [BINARY, Buffer.alloc(32, 7)], [BINARY, Buffer.alloc(125, 7)],
    [BINARY, Buffer.alloc(126, 7)], [TEXT, 'ä'.repeat(5000)], [BINARY, Buffer.alloc(70_000, 7)]
  ]
  for (const [opcode, payload] of messages) t.equal(receive(reader, wsFrame(opcode, payload)), true)
  t.strictSame(delivered, messages.map(([opcode, payload]) => [Buffer.from(payload as string), opcode === BINARY]))
})

void t.test('a message shares no memory with data of other streams, nor with Buffer\'s pool', async (t) => {
  const { reader, delivered } = setUp()
  const read = Buffer.alloc(65_536, 0xee)
  for (const size of [0, 1, 10, 64, 65, 100, 1000, 1100, 60_000]) {
    const message = wsFrame(BINARY, Buffer.alloc(size, 7))
    read.set(message)
    receive(reader, read.subarray(0, message.length))
  }
  for (const [{ buffer, length }] of delivered) {
    const memory = Buffer.from(buffer as ArrayBuffer)
    t.ok(memory.every((byte) => byte === 7 || byte === 0), `a message of ${length} bytes`)
  }
})

void t.test('a message that fills the memory of its read, except for the HTTP/2 frame header, is not copied', async (t) => {
  const { reader, delivered } = setUp()
  for (const [before, after, isCopied] of [[9, 0, false], [0, 0, false], [10, 0, true], [9, 1, true]] as const) {
    const read = Buffer.concat([Buffer.alloc(before), wsFrame(BINARY, Buffer.alloc(2000, 7)), Buffer.alloc(after)])
    // Copied: otherwise all cases would share one memory.
    const own = Buffer.from(new Uint8Array(read).buffer)
    receive(reader, own.subarray(before, own.length - after))
    const [data] = delivered.at(-1)!
    t.ok(data.equals(Buffer.alloc(2000, 7)))
    t.equal(data.buffer !== own.buffer, isCopied, `${before} bytes before, ${after} after`)
  }
})

void t.test('a message in many chunks is delivered with the last of them', async (t) => {
  for (const [opcode, payload] of [[TEXT, 'whole'], [BINARY, 'x'.repeat(300)], [BINARY, 'y'.repeat(70_000)]] as const) {
    const { reader, delivered } = setUp()
    const frame = wsFrame(opcode, payload)
    const head = frame.length - payload.length
    for (const [begin, end] of [[0, head], [head, head + 1], [head + 1, frame.length - 1]]) {
      t.equal(receive(reader, frame.subarray(begin, end)), true)
      t.equal(reader.missing, frame.length - end!)
    }
    t.equal(delivered.length, 0)
    t.equal(receive(reader, frame.subarray(-1)), true)
    t.strictSame(delivered, [[Buffer.from(payload), opcode === BINARY]])
    t.equal(reader.missing, 0)
    t.equal(receive(reader, wsText('next')), true)
  }
})

void t.test('a message of which a part was received is passed to ws, with the rest, when the fast path closes', async (t) => {
  const payload = 'a message in two'
  const frame = wsText(payload)
  const causes: Record<string, (parts: Parts) => void> = {
    'a pause': ({ stream }) => stream.pause(),
    'another listener': ({ stream }) => stream.on('data', () => {}),
    'a Close frame': ({ socket }) => { socket.readyState = 2 },
    'an error': ({ socket }) => { socket._receiver._errored = true }
  }
  for (const [name, cause] of Object.entries(causes)) {
    const parts = setUp()
    const { reader, delivered, read } = parts
    const [first, last] = [Buffer.from(frame.subarray(0, 9)), Buffer.from(frame.subarray(9))]
    t.equal(receive(reader, first), true)
    cause(parts)
    t.equal(receive(reader, last), false, name)
    t.equal(reader.missing, 0)
    const [frames] = readWsFrames(Buffer.concat([...read, last]))
    t.match(frames, [{ opcode: TEXT, fin: true, payload: Buffer.from(payload) }], name)
    t.equal(delivered.length, 0)
  }
})

void t.test('an unfinished message is passed to ws as far as it was received, once', async (t) => {
  const { reader, read } = setUp()
  const frame = wsText('unfinished')
  receive(reader, Buffer.from(frame.subarray(0, 9)))
  reader.passToWs()
  t.strictSame(Buffer.concat(read).subarray(HEAD), Buffer.from('unf'))
  reader.passToWs()
  t.equal(read.length, 2, 'once')
})

void t.test('a message in many chunks that is invalid UTF-8, or not to be a Buffer, is passed to ws as a whole', async (t) => {
  const bad = setUp()
  const invalid = wsFrame(TEXT, Buffer.of(0x61, 0x61, 0xff))
  const binary = setUp({}, { binaryType: 'arraybuffer' })
  for (const [{ reader, read, delivered }, frame] of [[bad, invalid], [binary, wsFrame(BINARY, 'abc')]] as const) {
    const expected = readWsFrames(frame)[0][0]!.payload
    t.equal(receive(reader, frame.subarray(0, 8)), true)
    t.equal(receive(reader, frame.subarray(8)), true)
    t.match(readWsFrames(Buffer.concat(read))[0], [{ payload: expected }])
    t.equal(delivered.length, 0)
    t.equal(receive(reader, wsText('next')), true)
  }
})

void t.test('fragments, control frames and several messages in a chunk are for ws, unmasked', async (t) => {
  const cases: Record<string, Buffer[]> = {
    'two messages in a chunk': [Buffer.concat([wsText('one'), wsText('two')])],
    fragments: [wsFrame(TEXT, 'a', { fin: false }), wsFrame(CONTINUATION, 'b')],
    'a control frame': [wsFrame(PING, 'x')],
    'a message between fragments': [wsFrame(TEXT, 'a', { fin: false }), wsText('b')],
    'a message with a reserved bit': [wsFrame(TEXT, 'x', { rsv: 4 })]
  }
  for (const [name, chunks] of Object.entries(cases)) {
    const { reader, delivered } = setUp()
    const expected = readWsFrames(Buffer.concat(chunks))[0].map(({ payload }) => payload)
    t.strictSame(passedToWs(t, reader, ...chunks).map(({ payload }) => payload), expected, name)
    t.equal(maskOf(chunks[0]!), '00000000', `${name}: the masking key is zero`)
    t.equal(delivered.length, 0, name)
  }
})

void t.test('a masking key of which ws has a part is not changed', async (t) => {
  for (let at = 1; at < HEAD; at++) {
    const { reader, delivered } = setUp()
    const frame = wsText('cut in its header')
    const mask = maskOf(frame)
    t.match(passedToWs(t, reader, frame.subarray(0, at), frame.subarray(at))[0], { payload: Buffer.from('cut in its header') })
    t.equal(maskOf(frame), mask)
    t.equal(receive(reader, wsText('next')), true, 'the next message is delivered')
    t.equal(delivered.length, 1)
  }
})

void t.test('a frame header that arrives byte by byte is parsed, whatever its size', async (t) => {
  for (const length of [0, 200, 65_536]) {
    const { reader } = setUp()
    const frame = wsFrame(BINARY, Buffer.alloc(length, 3))
    const [{ payload }] = passedToWs(t, reader, ...Array.from(frame.subarray(0, 16), (byte) => Buffer.of(byte)),
      Buffer.from(frame.subarray(16))) as [WsFrame]
    t.ok(payload.equals(Buffer.alloc(length, 3)))
    t.equal(receive(reader, wsText('next')), true)
  }
})

void t.test('a frame that is not masked is for ws, unchanged', async (t) => {
  const { reader } = setUp()
  t.match(passedToWs(t, reader, wsFrame(TEXT, 'bare', { masked: false })), [{ payload: Buffer.from('bare'), masked: false }])
})

void t.test('a payload that looks like a message is not delivered as one', async (t) => {
  const inner = wsText('inner')
  const afterHead = setUp()
  receive(afterHead.reader, Buffer.of(0x82, 0x80 | inner.length, 0, 0, 0, 0))
  receive(afterHead.reader, inner)
  t.strictSame(afterHead.delivered, [[inner, true]])

  const afterByte = setUp()
  passedToWs(t, afterByte.reader, Buffer.of(0x82), Buffer.of(0x81, 0x80, 0, 0, 0, 1))
  t.equal(afterByte.delivered.length, 0)
})

void t.test('an empty chunk changes no state', async (t) => {
  const { reader } = setUp()
  t.equal(receive(reader, Buffer.alloc(0)), false)
  t.equal(receive(reader, wsText('next')), true)
})

void t.test('a message after fragments is delivered without ws again', async (t) => {
  const { reader, delivered } = setUp()
  passedToWs(t, reader, wsFrame(TEXT, 'a', { fin: false }), wsFrame(PING), wsFrame(CONTINUATION, 'b'))
  t.equal(receive(reader, wsText('c')), true)
  t.equal(String(delivered[0]?.[0]), 'c')
})

void t.test('a message that exceeds maxPayload or is invalid UTF-8 is for ws, which refuses it', async (t) => {
  const small = setUp({ maxPayload: 3 }).reader
  t.equal(receive(small, wsText('abc')), true)
  t.match(passedToWs(t, small, wsText('abcd')), [{ payload: Buffer.from('abcd') }])

  const bad = Buffer.of(0x61, 0xff)
  t.match(passedToWs(t, setUp().reader, wsFrame(TEXT, bad)), [{ payload: bad }])
  t.equal(receive(setUp().reader, wsFrame(BINARY, bad)), true)
  t.equal(receive(setUp({ skipUTF8Validation: true }).reader, wsFrame(TEXT, bad)), true)
})

void t.test('a binary message is for ws if binaryType is not nodebuffer', async (t) => {
  const { reader, socket } = setUp()
  for (const binaryType of ['arraybuffer', 'fragments', 'blob']) {
    socket.binaryType = binaryType
    passedToWs(t, reader, wsFrame(BINARY, 'x'))
    t.equal(receive(reader, wsText('x')), true, 'text is a Buffer with every binaryType')
  }
})

void t.test('all frames are for ws without allowSynchronousEvents, with an extension, and before the start', async (t) => {
  passedToWs(t, setUp({ allowSynchronousEvents: false }).reader, wsText('x'))
  passedToWs(t, setUp({}, { extensions: 'permessage-deflate' }).reader, wsText('x'))
  passedToWs(t, new FrameReader(new Readable() as Http2Stream), wsText('x'))
})

void t.test('all frames are for ws if the socket is not open, or after a protocol error', async (t) => {
  passedToWs(t, setUp({}, { readyState: 2 }).reader, wsText('x'))
  passedToWs(t, setUp({}, { _receiver: Object.assign(new FakeReceiver(), { _errored: true }) }).reader, wsText('x'))
})

void t.test('messages are for ws while the stream is paused, has buffered data, or has another data listener', async (t) => {
  const paused = setUp()
  paused.stream.pause()
  passedToWs(t, paused.reader, wsText('x'))
  paused.stream.push('something')
  paused.stream.resume()
  passedToWs(t, paused.reader, wsText('y'))
  await new Promise(setImmediate)
  t.equal(receive(paused.reader, wsText('z')), true, 'nothing is buffered any more')

  const watched = setUp()
  watched.stream.on('data', () => {})
  passedToWs(t, watched.reader, wsText('x'))
  watched.stream.removeAllListeners('data').resume()
  passedToWs(t, watched.reader, wsText('x'))
})

void t.test('a stream that is resumed reads on, though nothing was pushed since it last read', async (t) => {
  const { reader, stream, reads } = setUp()
  await new Promise(setImmediate)
  t.equal(receive(reader, wsText('x')), true)
  const before = reads()
  stream.pause()
  stream.resume()
  await new Promise(setImmediate)
  t.ok(reads() > before)
})

void t.test('a message after one whose listener throws is delivered', async (t) => {
  const { reader, socket } = setUp()
  socket._receiver.once('message', () => { throw new Error('boom') })
  t.throws(() => receive(reader, wsText('x')), { message: 'boom' })
  t.equal(receive(reader, wsText('y')), true)
})

void t.test('a chunk that ends a message and begins another delivers both, or leaves the rest for ws', async (t) => {
  const { reader, delivered } = setUp()
  const first = wsText('one message')
  receive(reader, first.subarray(0, 9))
  t.equal(reader.read(Buffer.concat([first.subarray(9), wsText('another')])), undefined)
  t.strictSame(delivered.map(([data]) => String(data)), ['one message', 'another'])

  const third = wsText('a third message')
  receive(reader, third.subarray(0, 9))
  const rest = reader.read(Buffer.concat([third.subarray(9), wsFrame(PING, 'x')]))
  t.match(readWsFrames(rest!)[0], [{ opcode: PING, payload: Buffer.from('x') }], 'the rest is for ws')
  t.equal(delivered.length, 3)
})

void t.test('the data behind a message whose listener throws is delivered, and the error thrown in the next tick', async (t) => {
  const { reader, socket, delivered } = setUp()
  const first = wsText('one message')
  receive(reader, first.subarray(0, 9))
  socket._receiver.once('message', () => { throw new Error('boom') })
  const ticks = t.capture(process, 'nextTick')
  t.equal(reader.read(Buffer.concat([first.subarray(9), wsText('another')])), undefined)
  t.strictSame(delivered.map(([data]) => String(data)), ['one message', 'another'])
  const [callback, error] = ticks()[0]!.args
  t.throws(() => { callback(error) }, { message: 'boom' }, 'thrown in the next tick')
})
