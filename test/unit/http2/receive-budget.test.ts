import t from 'tap'
import { ReceiveBudget } from '../../../lib/http2/receive-budget.ts'
import type { AccountedStream } from '../../../lib/http2/receive-budget.ts'

const LIMIT = 1000

/** A stream with this much unread data. */
class FakeStream implements AccountedStream {
  readonly stream = { readableLength: 0 }
  unread = 0

  /** Reserves room for a chunk, and buffers it if there is room. */
  receive (budget: ReceiveBudget, bytes: number): boolean {
    const hasRoom = budget.reserve(this, bytes)
    if (hasRoom) this.stream.readableLength += bytes
    return hasRoom
  }
}

function addStreams (budget: ReceiveBudget, count: number): FakeStream[] {
  return Array.from({ length: count }, () => {
    const stream = new FakeStream()
    budget.add(stream)
    return stream
  })
}

void t.test('streams reserve room until the budget of their session is used up, and all of it can be used', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  const [one, other] = addStreams(budget, 2) as [FakeStream, FakeStream]
  t.equal(budget.size, 2)
  t.equal(budget.available, LIMIT)
  t.ok(one.receive(budget, 600))
  t.ok(other.receive(budget, 400))
  t.equal(budget.available, 0)
  t.notOk(one.receive(budget, 1))
  t.equal(budget.available, 0, 'the chunk that has no room is not counted')
  t.equal(one.unread, 600)
})

void t.test('data that was read since the last count makes room, on any stream', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  const [one, other] = addStreams(budget, 2) as [FakeStream, FakeStream]
  one.receive(budget, 600)
  other.receive(budget, 400)
  one.stream.readableLength = 0
  t.equal(budget.available, 0, 'it is counted only when room is needed')
  t.ok(other.receive(budget, 600))
  t.notOk(other.receive(budget, 1))
  t.same([one.unread, other.unread], [0, 1000])
})

void t.test('recount counts the data of one stream anew', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  const [one, other] = addStreams(budget, 2) as [FakeStream, FakeStream]
  one.receive(budget, 600)
  other.receive(budget, 400)
  one.stream.readableLength = other.stream.readableLength = 100
  budget.recount(one)
  t.equal(budget.available, 500)
  t.same([one.unread, other.unread], [100, 400])
})

void t.test('a stream that is removed returns its room to streams that had none, once', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  const [full, waiting, last] = addStreams(budget, 3) as [FakeStream, FakeStream, FakeStream]
  t.ok(full.receive(budget, LIMIT))
  t.notOk(waiting.receive(budget, 300))
  t.notOk(last.receive(budget, 300))

  budget.remove(full)
  budget.remove(full)
  t.equal(budget.size, 2)
  t.equal(budget.available, LIMIT)
  t.ok(waiting.receive(budget, 300))
  t.ok(last.receive(budget, 700))
  t.notOk(waiting.receive(budget, 1))
})

void t.test('the data of a removed stream is not counted anew for others', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  const [removed, other] = addStreams(budget, 2) as [FakeStream, FakeStream]
  removed.receive(budget, 500)
  // Node may keep the data of a closed stream until somebody reads it.
  budget.remove(removed)
  other.receive(budget, LIMIT)
  t.notOk(other.receive(budget, 1))
  t.equal(budget.available, 0)
})

void t.test('a stream that is not registered cannot be removed', async (t) => {
  const budget = new ReceiveBudget(LIMIT)
  budget.remove(Object.assign(new FakeStream(), { unread: 500 }))
  t.equal(budget.available, LIMIT)
})
