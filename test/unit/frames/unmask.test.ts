import t from 'tap'
import { copyUnmasked, takeMask, unmask } from '../../../lib/frames/unmask.ts'

const MASK = Buffer.of(0x9d, 0x00, 0x4c, 0xf1)
const LENGTHS = [0, 1, 3, 4, 5, 127, 128, 129, 1000]

function masked (payload: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ MASK[index % 4]!))
}

/** Returns the bytes at an offset in memory, with another byte behind them. */
function at (offset: number, bytes: Buffer): Buffer {
  const place = Buffer.alloc(offset + bytes.length + 1, 0xee).subarray(offset, offset + bytes.length)
  place.set(bytes)
  return place
}

for (const length of LENGTHS) {
  const payload = Buffer.from(Array.from({ length }, (_, index) => index & 0xff))

  void t.test(`${length} bytes are unmasked at any offset in memory, in one part or two`, async (t) => {
    for (let offset = 0; offset < 8; offset++) {
      for (const cut of [0, 1, 2, 3, length >> 1]) {
        const bytes = at(offset, masked(payload))
        const rest = unmask(bytes, 0, Math.min(cut, length), MASK.readInt32LE())
        unmask(bytes, Math.min(cut, length), length, rest)
        t.ok(bytes.equals(payload), `${offset}, ${cut}`)
        t.equal(new Uint8Array(bytes.buffer)[bytes.byteOffset + length], 0xee, 'the byte behind them is not changed')
      }
    }
  })

  void t.test(`${length} bytes are copied unmasked, and the chunk is not changed`, async (t) => {
    for (let offset = 0; offset < 8; offset++) {
      const chunk = at(offset, Buffer.concat([MASK, masked(payload)]))
      t.ok(copyUnmasked(Buffer.alloc(length), chunk, MASK.length).equals(payload))
      t.ok(chunk.equals(Buffer.concat([MASK, masked(payload)])))
    }
  })
}

void t.test('takeMask returns the masking key, and leaves a key of zeros', async (t) => {
  const header = Buffer.concat([Buffer.of(0x81, 0x81), MASK, Buffer.of(7)])
  t.equal(takeMask(header, 6), MASK.readInt32LE())
  t.strictSame(header, Buffer.of(0x81, 0x81, 0, 0, 0, 0, 7))
})
