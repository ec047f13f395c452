import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { Batches, smallestBatch } from '../../../lib/socket/batches.ts'
import { waitTurns } from '../../helpers/waiting.ts'

function mockTimers (t: Test): void {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
}

async function tick (milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds)
  await waitTurns()
}

void t.test('batches are evenly apart, and the first one is immediate', async (t) => {
  mockTimers(t)
  const acted: number[] = []
  const done = new Batches().run([1, 2, 3, 4, 5], { size: 2, over: 300 }, (item) => acted.push(item))
  t.same(acted, [1, 2])
  await tick(99)
  t.same(acted, [1, 2])
  await tick(1)
  t.same(acted, [1, 2, 3, 4])
  await tick(100)
  t.same(acted, [1, 2, 3, 4, 5])
  await done
})

void t.test('a single batch, or none, needs no timer', async (t) => {
  mockTimers(t)
  const acted: number[] = []
  const add = (item: number): void => { acted.push(item) }
  await new Batches().run([1, 2, 3], { size: Infinity, over: 1000 }, add)
  await new Batches().run([], { size: 1, over: 1000 }, add)
  t.same(acted, [1, 2, 3])
})

void t.test('stop() ends a wait, and no further batch follows', async (t) => {
  mockTimers(t)
  const acted: number[] = []
  const batches = new Batches()
  const done = batches.run([1, 2], { size: 1, over: 1000 }, (item) => acted.push(item))
  batches.stop()
  await done
  t.same(acted, [1])
  await batches.run([3], { size: 1, over: 0 }, (item) => acted.push(item))
  t.same(acted, [1])
})

void t.test('an error of the function rejects, also in a later batch', async (t) => {
  mockTimers(t)
  const fail = (item: number): void => { if (item === 2) throw new Error('failed') }
  await t.rejects(new Batches().run([2], { size: 1, over: 0 }, fail), { message: 'failed' })
  const later = new Batches().run([1, 2], { size: 1, over: 100 }, fail)
  await Promise.all([t.rejects(later, { message: 'failed' }), tick(50)])
})

void t.test('the smallest batches are at least a tenth of a second apart', async (t) => {
  t.equal(smallestBatch(1000, 0), 1000)
  t.equal(smallestBatch(1000, 99), 1000)
  t.equal(smallestBatch(1000, 1000), 100)
  t.equal(smallestBatch(1001, 1000), 101)
  t.equal(smallestBatch(10, 60_000), 1)
  t.equal(smallestBatch(0, 0), 0)
})
