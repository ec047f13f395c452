import type { ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import { Inflow } from '../../../lib/http2/stream-receiver.ts'

const SLAB = 64 * 1024

/** A stream that is read, or is not, and who counts for it. */
function setUp (readableFlowing: boolean, room = true): { inflow: Inflow, counted: string[] } {
  const counted: string[] = []
  const stream = { readableFlowing, readableLength: 0 } as ServerHttp2Stream
  const inflow = new Inflow(stream, {
    read: (_inflow, bytes) => { counted.push(`read ${bytes}`) },
    reserve: (_inflow, bytes) => counted.push(`reserve ${bytes}`) > 0 && room
  }, 65_535, () => { counted.push('refused') })
  return { inflow, counted }
}

/** A view of what one read of a connection brought. */
function piece (length: number): Buffer {
  return Buffer.allocUnsafeSlow(SLAB).fill('x').subarray(100, 100 + length)
}

void t.test('small pieces, however many, keep alive not much more than themselves', async (t) => {
  const { inflow } = setUp(true)
  const kept = Array.from({ length: 2000 }, () => inflow.admit(piece(1))!)
  t.ok(kept.every((each) => each.length === 1 && each[0] === 0x78))
  const slabs = new Set(kept.map(({ buffer }) => buffer))
  t.equal([...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0), 2048)
})

void t.test('a piece that is read at once, and large for what it came with, is not copied', async (t) => {
  const { inflow, counted } = setUp(true)
  const large = piece(SLAB / 4)
  t.equal(inflow.admit(large), large)
  const alone = Buffer.from(new ArrayBuffer(50))
  t.equal(inflow.admit(alone), alone)
  const small = piece(5000)
  t.equal(inflow.admit(small)?.buffer.byteLength, 5000)
  t.strictSame(counted, [`read ${SLAB / 4}`, 'read 50', 'read 5000'])
})

void t.test('a piece that nobody reads yet keeps alive itself alone', async (t) => {
  const { inflow, counted } = setUp(false)
  t.equal(inflow.admit(piece(SLAB / 4))?.buffer.byteLength, SLAB / 4)
  t.strictSame(counted, [`reserve ${SLAB / 4}`])
})

void t.test('where there is no room nothing is kept, from then on', async (t) => {
  const { inflow, counted } = setUp(false, false)
  t.equal(inflow.admit(piece(1)), undefined)
  t.equal(inflow.admit(piece(1)), undefined)
  t.strictSame(counted, ['reserve 1', 'refused'])
})
