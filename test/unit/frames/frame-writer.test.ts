import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import type { Duplex } from 'node:stream'
import t from 'tap'
import * as ws from 'ws'
import { countSends, heldBytesOf, isLast, shortenWrites, writeShort } from '../../../lib/frames/frame-writer.ts'
import type { Data } from '../../../lib/frames/frame-writer.ts'
import { prepareMessage } from '../../../lib/frames/prepared-message.ts'

// @types/ws does not declare it.
const { Sender } = ws as unknown as { Sender: { frame: (data: Buffer, options: object) => Buffer[] } }

/** Returns the bytes that are written; undefined if the message is for ws. */
function write (data: unknown, isBinary = typeof data !== 'string'): Buffer | undefined {
  const connection = new PassThrough()
  const size = writeShort(connection, data as Data, isBinary, undefined)
  const bytes: Buffer | null = connection.read()
  const payload = bytes === null ? -1 : Buffer.byteLength(data as string)
  assert.equal(size, payload, 'it returns the size of the message that it has written')
  return bytes ?? undefined
}

function frameOfWs (data: string | Uint8Array, isBinary: boolean): Buffer {
  const options = { fin: true, opcode: isBinary ? 2 : 1, mask: false, readOnly: true, rsv1: false }
  return Buffer.concat(Sender.frame(Buffer.from(data as string), options))
}

void t.test('a short message is written as the frame that ws would write', async (t) => {
  for (const length of [0, 1, 125, 126, 1023, 1024]) {
    const bytes = new Uint8Array(length).fill(0xe5)
    t.strictSame(write(bytes), frameOfWs(bytes, true), `${length} bytes`)
    t.strictSame(write(Buffer.from(bytes)), frameOfWs(bytes, true), `a Buffer of ${length} bytes`)
    for (const letter of ['x', 'ü', '€', '\ud800']) {
      const text = letter.repeat(length)
      t.strictSame(write(text), frameOfWs(text, false), `${length} times ${letter}`)
    }
  }
  t.strictSame(write('🐟🐠'), frameOfWs('🐟🐠', false))
})

void t.test('a string can be sent as a binary message, and bytes as a text message', async (t) => {
  t.strictSame(write('grüße', true), frameOfWs('grüße', true))
  t.strictSame(write(Buffer.from('grüße'), false), frameOfWs('grüße', false))
})

void t.test('a view of a buffer is sent without the bytes around it', async (t) => {
  const around = Uint8Array.of(1, 2, 3, 4, 5)
  t.strictSame(write(around.subarray(1, 3)), Buffer.of(0x82, 2, 2, 3))
  t.strictSame(write(new Uint8Array(new SharedArrayBuffer(2))), Buffer.of(0x82, 2, 0, 0))
})

void t.test('messages over 1024 bytes, and data that is neither text nor bytes, are for ws', async (t) => {
  const others = {
    'long bytes': Buffer.alloc(1025),
    'long text': 'x'.repeat(1025),
    'an ArrayBuffer': new ArrayBuffer(2),
    'a view whose length is not in bytes': new Uint16Array(2),
    'a DataView': new DataView(new ArrayBuffer(2)),
    'a Blob': new Blob(['x']),
    'an array': [1, 2],
    'a number': 1,
    null: null,
    undefined
  }
  for (const [name, data] of Object.entries(others)) t.equal(write(data), undefined, name)
})

void t.test('the callback is called when the message was sent, or with the error', async (t) => {
  const connection = new PassThrough()
  const sent = await new Promise((resolve) => writeShort(connection, 'x', false, resolve))
  t.equal(sent, null)

  connection.on('error', () => {}).destroy()
  const failed = await new Promise((resolve) => writeShort(connection, 'x', false, resolve))
  t.match(failed, { code: 'ERR_STREAM_DESTROYED' })
})

void t.test('a message that is not to be masked, compressed or continued is written at once, any other by ws', async (t) => {
  const whole = { binary: false, compress: false, fin: true, mask: false }
  const sent: unknown[] = []
  class FakeSender {
    _socket = new PassThrough()
    _state = 0
    _firstFragment = true
    send (...parameters: unknown[]): void { sent.push(parameters.slice(0, 2)) }
  }
  const sender = new FakeSender()
  shortenWrites({ _sender: sender } as never)
  sender.send('text', whole)
  t.same(sender._socket.read(), frameOfWs('text', false))
  t.same(sent, [])

  const others = [{ ...whole, compress: true }, { ...whole, fin: false }, { ...whole, mask: true }]
  for (const options of others) sender.send('text', options)
  sender._state = 1
  sender.send('text', whole)
  t.equal(sender._socket.read(), null)
  t.strictSame(sent, [...others, whole].map((options) => (
    [options.compress || options.mask ? Buffer.from('text') : 'text', options]
  )))
})

void t.test('a long text is passed to ws as it is if it is ASCII, except to an HTTP/2 stream', async (t) => {
  const whole = { binary: false, compress: false, fin: true, mask: false }
  const sent: unknown[] = []
  class FakeSender {
    _socket: Duplex = new PassThrough()
    _state = 0
    _firstFragment = true
    send (data: unknown, _options: object): void { sent.push(data) }
  }
  const sender = new FakeSender()
  const sizes: number[] = []
  shortenWrites({ _sender: sender } as never)
  countSends({ _sender: sender } as never, { sent: (bytes) => { sizes.push(bytes) } })
  const ascii = 'x'.repeat(2000)
  const others = ['ü', '€', '🐟'].map((letter) => ascii + letter)
  for (const text of [ascii, ...others]) sender.send(text, whole)
  sender.send(ascii, { ...whole, compress: true })
  sender.send(ascii, { ...whole, mask: true })
  sender._socket = Object.assign(new PassThrough(), { session: {} })
  sender.send(ascii, whole)
  t.strictSame(sent, [ascii, ...[...others, ascii, ascii, ascii].map((text) => Buffer.from(text))])
  t.strictSame(sizes, [2000, 2002, 2003, 2004, 2000, 2000, 2000])
})

/** Sender of ws that records what it is to send. */
class RecordingSender {
  _socket = new PassThrough()
  _state = 0
  _firstFragment = true
  _bufferedBytes = 0
  _extensions = {}
  readonly sent: unknown[] = []

  send (data: unknown, options: { fin: boolean }): void {
    this.sent.push(String(data))
    this._firstFragment = options.fin
  }
}

void t.test('a prepared message is written as its frame, and by ws if ws has a queue or a class has changed it', async (t) => {
  const sender = new RecordingSender()
  const { sent } = sender
  const counts: unknown[][] = []
  shortenWrites({ _sender: sender } as never)
  countSends({ _sender: sender } as never, { sent: (...parameters) => { counts.push(parameters) } })
  const message = prepareMessage('x'.repeat(2000))
  const options = { compress: false, fin: true, mask: false, ...message.options }
  sender.send(message.data, options)
  t.same(sender._socket.read(), message.frame)
  t.same(sent, [])
  for (const changed of [{ binary: true }, { mask: true }]) {
    sender.send(message.data, { ...options, ...changed } as never)
  }
  sender.send('y'.repeat(2000), options)
  sender._state = 1
  sender.send(message.data, options)
  t.same(sent, [message.data, message.data, 'y'.repeat(2000), message.data])
  t.equal(sender._socket.read(), null)
  t.same(counts, Array.from({ length: 5 }, () => [2000, true]))
})

void t.test('heldBytesOf: returns the bytes of prepared messages that wait for the last fragment of another', async (t) => {
  const sender = new RecordingSender()
  const websocket = { _sender: sender } as never
  shortenWrites(websocket)
  t.equal(heldBytesOf({} as never), 0, 'a socket that is not open')
  t.equal(heldBytesOf(websocket), 0)
  const fragment = { binary: false, compress: false, mask: false }
  sender.send('one', { ...fragment, fin: false } as never)
  const message = prepareMessage('published')
  sender.send(message.data, { ...fragment, fin: true, ...message.options } as never)
  t.equal(heldBytesOf(websocket), 9)
  sender.send('two', { ...fragment, fin: true } as never)
  t.equal(heldBytesOf(websocket), 0)
  t.same(sender.sent, ['one', 'two'])
  t.same(sender._socket.read(), message.frame)
})

void t.test('isLast: returns true unless options have a fin of their own that is false, as for ws', async (t) => {
  for (const options of [undefined, null, () => {}, {}, { fin: true }, { fin: 1 }, Object.create({ fin: false })]) {
    t.equal(isLast(options as never), true)
  }
  for (const options of [{ fin: false }, { fin: undefined }, { fin: 0 }]) t.equal(isLast(options as never), false)
})
