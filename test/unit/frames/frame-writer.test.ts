import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import t from 'tap'
import * as ws from 'ws'
import { shortenWrites, writeShort } from '../../../lib/frames/frame-writer.ts'
import type { Data } from '../../../lib/frames/frame-writer.ts'

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
  t.strictSame(sent, [...others, whole].map((options) => [Buffer.from('text'), options]))
})
