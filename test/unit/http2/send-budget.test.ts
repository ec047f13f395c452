import t from 'tap'
import { SMALL_WRITE, SendBudget } from '../../../lib/http2/send-budget.ts'

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
