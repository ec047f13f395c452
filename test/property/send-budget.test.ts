import assert from 'node:assert/strict'
import type { Http2Stream } from 'node:http2'
import fc from 'fast-check'
import { SMALL_WRITE, SendBudget } from '../../lib/http2/send-budget.ts'
import { StreamSender } from '../../lib/http2/stream-sender.ts'
import type { WriteCallback, WriteItem } from '../../lib/internals/streams.ts'
import { sizeOfAll } from '../../lib/socket/connection-writer.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { testProperty } from './property.ts'

const RUNS = 300
const LARGEST_SLICE = 128 * KIB
const SESSION_LIMIT = 3 * MIB

/** The writes of a stream that Node has not finished. */
class FakeStream {
  readonly sent: Buffer[] = []
  readonly waiting: WriteCallback[] = []

  get isIdle (): boolean {
    return this.waiting.length === 0
  }

  _write (chunk: Buffer | string, encoding: BufferEncoding, done: WriteCallback): void {
    this._writev([{ chunk, encoding }], done)
  }

  _writev (items: WriteItem[], done: WriteCallback): void {
    this.sent.push(Buffer.concat(items.map(toBuffer)))
    this.waiting.push(done)
  }

  flush (error?: Error): void {
    this.waiting.shift()?.(error)
  }
}

/** Returns a stream whose prototype has the methods of Node. */
function streamOf (node: FakeStream): Http2Stream {
  return Object.create(node)
}

function toBuffer ({ chunk, encoding }: WriteItem): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
}

const item: fc.Arbitrary<WriteItem> = fc.oneof(
  fc.string({ unit: 'binary' }).map((chunk) => ({ chunk, encoding: 'utf8' as const })),
  fc.tuple(fc.nat(150_000), fc.nat(255)).map(([size, fill]) => {
    return { chunk: Buffer.alloc(size, fill), encoding: 'buffer' as BufferEncoding }
  })
)
const writes = fc.array(fc.array(item, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })

await testProperty('the slices of a write add up to its bytes, and its callback is called once', { runs: RUNS },
  fc.record({ writes, order: fc.infiniteStream(fc.nat(4)), failsAt: fc.option(fc.nat(20)) }),
  ({ writes, order, failsAt }) => {
    const budget = new SendBudget()
    const streams = writes.map((items) => {
      const node = new FakeStream()
      const sender = new StreamSender(streamOf(node), budget)
      const results: unknown[] = []
      sender.writeAll(items, (error) => results.push(error))
      return { node, sender, results, bytes: Buffer.concat(items.map(toBuffer)) }
    })

    let flushes = 0
    for (const at of order) {
      const open = streams.filter(({ node }) => !node.isIdle)
      if (open.length === 0) break
      const one = open[at % open.length]!
      const error = failsAt === flushes++ ? new Error('closed') : undefined
      one.node.flush(error)
      if (error !== undefined) assert.deepEqual([one.node.isIdle, one.results], [true, [error]])
    }
    for (const { node, sender, results, bytes } of streams) {
      assert.equal(results.length, 1)
      const sent = Buffer.concat(node.sent)
      assert.ok(results[0] == null ? sent.equals(bytes) : sent.equals(bytes.subarray(0, sent.length)))
      assert.ok(node.sent.every(({ length }) => length <= LARGEST_SLICE))
      assert.equal(sender.bytesAlreadySent, 0)
    }
    assert.equal(budget.reserve(), LARGEST_SLICE, 'everything is released')
  })

await testProperty('slices shrink as a session buffers more, down to the size of a small write', { runs: RUNS },
  fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant('reserve') }, fc.constant('release')), { maxLength: 1500, size: 'max' }),
  (steps) => {
    const budget = new SendBudget()
    const reserved: number[] = []
    let held = 0
    for (const step of steps) {
      if (step === 'reserve') {
        const size = budget.reserve()
        assert.ok(size >= SMALL_WRITE && size <= LARGEST_SLICE)
        assert.ok(size === SMALL_WRITE || held + size <= SESSION_LIMIT)
        reserved.push(size)
        held += size
      } else {
        const size = reserved.shift() ?? 0
        budget.release(size)
        held -= size
      }
    }
    for (const size of reserved) budget.release(size)
    assert.equal(budget.reserve(), LARGEST_SLICE)
  })

await testProperty('the computed size of a write is never smaller than its bytes', { runs: RUNS }, fc.array(item, { maxLength: 4 }), (items) => {
  assert.ok(sizeOfAll(items) >= Buffer.concat(items.map(toBuffer)).length)
})
