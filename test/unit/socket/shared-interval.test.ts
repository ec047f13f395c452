import { mock } from 'node:test'
import t from 'tap'
import { SharedInterval, beginBeats, endBeats } from '../../../lib/socket/shared-interval.ts'
import type { Beating } from '../../../lib/socket/shared-interval.ts'

const INTERVAL = 1000

let now = 0

function pass (milliseconds: number): void {
  for (let count = 0; count < milliseconds; count++) {
    now++
    mock.timers.tick(1)
  }
}

class Member implements Beating {
  due = 0
  readonly beats: number[] = []
  onBeat = (): void => {}

  beat (): void {
    this.beats.push(now)
    this.onBeat()
  }
}

t.beforeEach(() => {
  now = 0
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(performance, 'now', () => now)
})

void t.test('each member is called once in an interval, from the time when it was added', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const [first, second] = [new Member(), new Member()]
  interval.add(first)
  pass(300)
  interval.add(second)
  pass(3 * INTERVAL)
  t.same(first.beats, [1000, 2000, 3000])
  t.same(second.beats, [1300, 2300, 3300])
})

void t.test('a member that was removed is not called, nor one that another member removes', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const [first, second, third] = [new Member(), new Member(), new Member()]
  for (const member of [first, second, third]) interval.add(member)
  interval.delete(first)
  second.onBeat = () => { interval.delete(third) }
  pass(INTERVAL)
  t.same([first, second, third].map(({ beats }) => beats.length), [0, 1, 0])
})

void t.test('a member is called that another one adds, or that is added when there is none', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const [first, second] = [new Member(), new Member()]
  interval.add(first)
  first.onBeat = () => {
    interval.delete(first)
    interval.add(second)
  }
  pass(2 * INTERVAL)
  t.same([first.beats, second.beats], [[1000], [2000]])
  interval.delete(second)
  t.equal(interval.size, 0)
  pass(INTERVAL)
  interval.add(first)
  pass(INTERVAL)
  t.same(first.beats, [1000, 4000])
})

void t.test('a member that is added by another does not delay the others, even if it was the only one', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const [first, second, third, fourth] = [new Member(), new Member(), new Member(), new Member()]
  interval.add(first)
  pass(300)
  interval.add(second)
  first.onBeat = () => { if (third.due === 0) interval.add(third) }
  pass(INTERVAL)
  t.same([first, second, third].map(({ beats }) => beats), [[1000], [1300], []])

  second.onBeat = () => {
    for (const member of [first, second, third]) interval.delete(member)
    interval.add(fourth)
  }
  pass(2 * INTERVAL)
  t.same([first, second, third, fourth].map(({ beats }) => beats), [[1000, 2000], [1300, 2300], [2000], [3300]])
})

void t.test('a member that throws does not prevent the calls of others', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const [first, second] = [new Member(), new Member()]
  interval.add(first)
  interval.add(second)
  first.onBeat = () => { throw new Error('expected') }
  now += INTERVAL
  t.throws(() => interval.run(), { message: 'expected' })
  mock.timers.tick(1)
  t.same([first.beats, second.beats], [[1000], [1000]])
})

void t.test('members are called by a mocked timer, while the clock of performance.now() stands still', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const member = new Member()
  interval.add(member)
  mock.timers.tick(INTERVAL - 1)
  t.equal(member.beats.length, 0)
  for (const count of [1, 2, 3]) {
    mock.timers.tick(count === 1 ? 1 : 2 * INTERVAL)
    t.equal(member.beats.length, count)
  }
})

void t.test('a clock that is late does not make up for the calls that it missed', async (t) => {
  const interval = new SharedInterval(INTERVAL)
  const member = new Member()
  interval.add(member)
  now += 5.5 * INTERVAL
  mock.timers.tick(INTERVAL)
  t.same(member.beats, [5500])
  pass(INTERVAL)
  t.same(member.beats, [5500, 6500])
})

void t.test('beginBeats, endBeats: members with the same interval share a timer, which does not keep the process alive', async (t) => {
  mock.timers.reset()
  const { setTimeout } = globalThis
  const [delays, members] = [[] as number[], [new Member(), new Member(), new Member()] as const]
  let unrefs = 0
  const timer = { unref () { unrefs++; return timer } }
  globalThis.setTimeout = ((_run: unknown, delay: number) => { delays.push(delay); return timer }) as never
  t.teardown(() => { globalThis.setTimeout = setTimeout })
  beginBeats(members[0], INTERVAL)
  beginBeats(members[1], INTERVAL)
  beginBeats(members[2], 2 * INTERVAL)
  t.same([delays, unrefs], [[INTERVAL, 2 * INTERVAL], 2])
  endBeats(members[0], INTERVAL)
  endBeats(members[1], INTERVAL)
  endBeats(members[1], INTERVAL)
  endBeats(members[2], 2 * INTERVAL)
  beginBeats(members[0], INTERVAL)
  t.equal(delays.length, 3, 'the timer ended with its last member')
  endBeats(members[0], INTERVAL)
})
