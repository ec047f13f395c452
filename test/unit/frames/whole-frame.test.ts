import t from 'tap'
import * as ws from 'ws'
import { frame, headerSize } from '../../../lib/frames/whole-frame.ts'

// @types/ws does not declare it.
const { Sender } = ws as unknown as { Sender: { frame: (data: Buffer, options: object) => Buffer[] } }

const SIZES = [0, 1, 125, 126, 127, 1024, 65_535, 65_536, 10_000_000]

function frameOfWs (data: string | Uint8Array, isBinary: boolean): Buffer {
  const options = { fin: true, opcode: isBinary ? 2 : 1, mask: false, readOnly: true, rsv1: false }
  return Buffer.concat(Sender.frame(Buffer.from(data as string), options))
}

void t.test('frame: a message of any size is the frame that ws would write', async (t) => {
  for (const size of SIZES) {
    const bytes = Buffer.alloc(size, 'a')
    for (const isBinary of [true, false]) {
      t.ok(frame(bytes, size, isBinary).equals(frameOfWs(bytes, isBinary)), `${size} bytes`)
      t.ok(frame(String(bytes), size, isBinary).equals(frameOfWs(bytes, isBinary)), `a text of ${size} bytes`)
    }
  }
})

void t.test('frame: a text is UTF-8, and lone surrogates become U+FFFD, as in ws', async (t) => {
  for (const text of ['grüße', '🐟🐠', '\ud800', 'x\udc00y', '\ude00\ud83d', '\ud800'.repeat(42)]) {
    t.same(frame(text, Buffer.byteLength(text), false), frameOfWs(text, false))
  }
})

void t.test('headerSize: returns the size of the header that frame() writes', async (t) => {
  for (const size of SIZES) t.equal(headerSize(size), frame(Buffer.alloc(size), size, true).length - size, `${size}`)
})
