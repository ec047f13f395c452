import assert from 'node:assert/strict'
import type { Http2Stream } from 'node:http2'
import fc from 'fast-check'
import type { WriteCallback, WriteItem } from '../../lib/internals/streams.ts'
import { SMALL_WRITE, SendBudget } from '../../lib/http2/send-budget.ts'
import { StreamSender } from '../../lib/http2/stream-sender.ts'
import { sizeOfAll } from '../../lib/socket/connection-writer.ts'
import { holds } from './runs.ts'

const RUNS = 300
const LARGEST_SLICE = 128 * 1024
const SESSION_LIMIT = 3 * 1024 * 1024

/** What Node has of a stream: the writes that have not gone yet. */
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

/** Node's own methods are those of the prototype. */
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

await holds('what a stream writes goes out in slices, byte by byte, and is told once', { runs: RUNS },
  fc.record({ writes, order: fc.infiniteStream(fc.nat(4)), failsAt: fc.option(fc.nat(20)) }),
  ({ writes, order, failsAt }) => {
    const budget = new SendBudget()
    const streams = writes.map((items) => {
      const node = new FakeStream()
      const sender = new StreamSender(streamOf(node), budget)
      const told: unknown[] = []
      sender.writeAll(items, (error) => told.push(error))
      return { node, sender, told, bytes: Buffer.concat(items.map(toBuffer)) }
    })

    let flushes = 0
    for (const at of order) {
      const open = streams.filter(({ node }) => !node.isIdle)
      if (open.length === 0) break
      const one = open[at % open.length]!
      const error = failsAt === flushes++ ? new Error('gone') : undefined
      one.node.flush(error)
      if (error !== undefined) assert.deepEqual([one.node.isIdle, one.told], [true, [error]])
    }
    for (const { node, sender, told, bytes } of streams) {
      assert.equal(told.length, 1)
      const sent = Buffer.concat(node.sent)
      assert.ok(told[0] == null ? sent.equals(bytes) : sent.equals(bytes.subarray(0, sent.length)))
      assert.ok(node.sent.every(({ length }) => length <= LARGEST_SLICE))
      assert.equal(sender.bytesAlreadySent, 0)
    }
    assert.equal(budget.reserve(), LARGEST_SLICE, 'all was given back')
  })

await holds('the more a session holds, the smaller the slices, down to those of which each stream has one', { runs: RUNS },
  fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant('take') }, fc.constant('give back')), { maxLength: 1500, size: 'max' }),
  (steps) => {
    const budget = new SendBudget()
    const taken: number[] = []
    let held = 0
    for (const step of steps) {
      if (step === 'take') {
        const size = budget.reserve()
        assert.ok(size >= SMALL_WRITE && size <= LARGEST_SLICE)
        assert.ok(size === SMALL_WRITE || held + size <= SESSION_LIMIT)
        taken.push(size)
        held += size
      } else {
        const size = taken.shift() ?? 0
        budget.release(size)
        held -= size
      }
    }
    for (const size of taken) budget.release(size)
    assert.equal(budget.reserve(), LARGEST_SLICE)
  })

await holds('a write is never larger than it was taken for', { runs: RUNS }, fc.array(item, { maxLength: 4 }), (items) => {
  assert.ok(sizeOfAll(items) >= Buffer.concat(items.map(toBuffer)).length)
})
