import t from 'tap'
import { countBytes } from '../../../lib/frames/count-bytes.ts'

const BYTES = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])

void t.test('text counts as its bytes in UTF-8, and data as its own', async (t) => {
  for (const [data, bytes] of [
    ['', 0], ['déjà', 6], ['\u{1F600}', 4], ['\ud800', 3], [Buffer.from('abc'), 3], [Buffer.alloc(0), 0],
    [BYTES.buffer, 8], [BYTES.subarray(2, 5), 3], [new DataView(BYTES.buffer, 1, 2), 2], [new Uint16Array(3), 6],
    [new SharedArrayBuffer(5), 5], [new Blob(['ab', 'c']), 3], [[Buffer.from('ab'), Buffer.from('c')], 3], [[], 0]
  ] as const) t.equal(countBytes(data), bytes, typeof data)
})

void t.test('what ws converts counts as what it sends: digits, an empty message, or bytes', async (t) => {
  const converted = [[120, 3], [NaN, 3], [0, 1], [undefined, 0], [null, 0], [false, 0], [[1, 2, 3], 3], [[Buffer.from('ab'), null], 2]] as const
  for (const [data, bytes] of converted) {
    t.equal(countBytes(data), bytes, String(data))
  }
})

void t.test('anything else that a user emits as a message counts as 0 bytes, and throws nothing', async (t) => {
  for (const data of [{}, { byteLength: 'many' }, { size: NaN }, Object.create(null), () => {}, Symbol('x'), true]) {
    t.equal(countBytes(data), 0)
  }
})
