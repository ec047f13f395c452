import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { LOST_LIMIT, SMALL_WRITE, SendBudget, WIDE_SLICE } from '../../../lib/http2/send-budget.ts'
import { FrameClient, NO_WINDOW } from '../../helpers/h2-frames.ts'
import { MIB } from '../../helpers/sizes.ts'

const LARGEST_SLICE = 128 * 1024
const SESSION_LIMIT = 3 * 1024 * 1024

void t.test('a slice of a session that holds little is 128 KiB', async (t) => {
  const budget = new SendBudget()
  for (let count = 0; count < 17; count++) t.equal(budget.reserve(), LARGEST_SLICE)
  t.ok(budget.reserve() < LARGEST_SLICE)
})

void t.test('the more a session holds, the smaller its slices, down to the size of a small write', async (t) => {
  const budget = new SendBudget()
  const sizes: number[] = []
  while (sizes.at(-1) !== SMALL_WRITE) sizes.push(budget.reserve())
  t.same(sizes, [...sizes].sort((one, other) => other - one))
  t.ok(sizes.every(Number.isInteger))
  t.ok(sizes.reduce((sum, size) => sum + size, 0) <= SESSION_LIMIT)
  for (let count = 0; count < 1000; count++) t.equal(budget.reserve(), SMALL_WRITE, 'every stream gets a slice')
})

void t.test('a session that has room has no slice of less than a message of 16 KiB, until it holds that much', async (t) => {
  const room = 1000 * WIDE_SLICE
  const budget = new SendBudget(() => {}, room)
  let held = 0
  while (held < room) {
    const size = budget.reserve()
    t.ok(size >= WIDE_SLICE)
    held += size
  }
  t.equal(budget.reserve(), SMALL_WRITE)
})

void t.test('a slice is not larger than what there is to send, and counts as that', async (t) => {
  const budget = new SendBudget()
  for (let count = 0; count < 100; count++) t.equal(budget.reserve(5000), 5000)
  budget.release(100 * 5000)
  t.equal(budget.reserve(), LARGEST_SLICE)
})

void t.test('released bytes can be reserved again', async (t) => {
  const budget = new SendBudget()
  const sizes = Array.from({ length: 200 }, () => budget.reserve())
  t.equal(budget.reserve(), SMALL_WRITE)
  budget.release(SMALL_WRITE)
  for (const size of sizes) budget.release(size)
  t.same(Array.from({ length: 200 }, () => budget.reserve()), sizes)
})

void t.test('a release of nothing changes nothing', async (t) => {
  const budget = new SendBudget()
  const sizes = Array.from({ length: 17 }, () => budget.reserve())
  budget.release(0)
  for (const size of sizes) budget.release(size)
  t.same(Array.from({ length: 17 }, () => budget.reserve()), sizes)
})

void t.test('a session that has lost more than 8 MiB with reset streams is exhausted, which is reported once', async (t) => {
  let reports = 0
  const budget = new SendBudget(() => { reports++ })
  budget.lose(LOST_LIMIT)
  t.equal(reports, 0)
  budget.lose(1)
  budget.lose(LARGEST_SLICE)
  t.equal(reports, 1)
  t.equal(budget.reserve(), LARGEST_SLICE, 'lost bytes are not held')
})

void t.test('Node counts data that a reset stream had left to send as long as its session lives', async (t) => {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond()
    stream.write(Buffer.alloc(12 * MIB))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = await FrameClient.open((server.address() as AddressInfo).port, NO_WINDOW)
  t.teardown(() => { client.destroy(); server.close() })
  const opened = once(server, 'stream')
  client.get(1, '/')
  await client.response(1)
  const [stream] = await opened as [ServerHttp2Stream]
  const closed = once(stream, 'close')
  client.rst(1)
  await closed
  client.get(3, '/')
  t.same(await client.untilReset(3), ['RST_STREAM ENHANCE_YOUR_CALM'], 'if this fails, LOST_LIMIT can be removed')
})
