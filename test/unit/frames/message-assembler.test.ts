import t from 'tap'
import { MessageAssembler } from '../../../lib/frames/message-assembler.ts'

const HEADER = Buffer.of(0x82, 0xff, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0)
const SIZE = 655_360
const CHUNK = 16_384

void t.test('chunks are unmasked, and the missing bytes counted', async (t) => {
  const message = new MessageAssembler(HEADER, 6, true, Buffer.of(1, 2, 3, 4).readInt32LE())
  message.add(Buffer.of(1, 2, 3))
  t.equal(message.missing, 3)
  t.strictSame(message.frame, [HEADER, Buffer.of(0, 0, 0)])
  t.equal(message.mask & 0xff, 4, 'the next byte is the fourth of the mask')
  message.add(Buffer.of(4, 1))
  message.add(Buffer.alloc(0))
  message.add(Buffer.of(3))
  t.equal(message.missing, 0)
  t.strictSame(message.payload, Buffer.of(0, 0, 0, 0, 0, 1))
})

void t.test('chunks and the header are copied, so that they do not keep the memory of their read alive', async (t) => {
  const read = Buffer.concat([HEADER, Buffer.alloc(100, 7)])
  const message = new MessageAssembler(read.subarray(0, HEADER.length), 200, true, 0)
  message.add(read.subarray(HEADER.length))
  read.fill(0)
  t.strictSame(message.frame, [HEADER, Buffer.alloc(100, 7)])
})

void t.test('a message has memory for at most sixteen times the bytes received, and finally for just its own', async (t) => {
  const message = new MessageAssembler(HEADER, SIZE, true, 0)
  const rooms = new Set<number>()
  for (let received = 0; received < SIZE; received += CHUNK) {
    message.add(Buffer.alloc(CHUNK, 1))
    const room = message.payload.buffer.byteLength
    t.ok(room <= 16 * (received + CHUNK), `${room}`)
    rooms.add(room)
  }
  t.strictSame([...rooms], [262_144, SIZE])
  t.ok(message.payload.equals(Buffer.alloc(SIZE, 1)))
})
