import { mock } from 'node:test'
import t from 'tap'
import { Backoff } from '../../lib/backoff.ts'

const SETTINGS = { retries: Infinity, minDelay: 100, maxDelay: 1000, jitter: 0 }

t.beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
})

void t.test('a delay doubles with each failure, up to maxDelay', async (t) => {
  const backoff = new Backoff(SETTINGS)
  t.same([0, 0, 0, 0, 0, 0].map(() => backoff.next(0)), [100, 200, 400, 800, 1000, 1000])
  t.equal(backoff.attempt, 6)
  for (let count = 0; count < 2000; count++) backoff.next(0)
  t.equal(backoff.next(0), 1000)
})

void t.test('jitter makes a fraction of a delay random', async (t) => {
  for (const [random, delay] of [[0, 100], [0.5, 75], [0.999, 51]] as const) {
    const restore = mock.method(Math, 'random', () => random).mock
    t.equal(new Backoff({ ...SETTINGS, jitter: 0.5 }).next(0), delay)
    restore.restore()
  }
})

void t.test('a delay that the server requests is the least, and jitter is added to it', async (t) => {
  const backoff = new Backoff(SETTINGS)
  t.equal(backoff.next(5000), 5000, 'even above maxDelay')
  t.equal(backoff.next(1), 200)
  const { mock: random } = mock.method(Math, 'random', () => 0.5)
  t.equal(new Backoff({ ...SETTINGS, jitter: 1 }).next(2000), 3000)
  random.restore()
  t.equal(backoff.next(Number.MAX_VALUE), 2 ** 31 - 1, 'the longest timer of Node')
})

void t.test('after as many failures in a row as retries there is no delay', async (t) => {
  const backoff = new Backoff({ ...SETTINGS, retries: 2 })
  t.same([backoff.next(0), backoff.next(0), backoff.next(0)], [100, 200, undefined])
})

void t.test('a connection that is open for longer than the delay before it ends the row', async (t) => {
  const backoff = new Backoff(SETTINGS)
  backoff.next(0)
  backoff.next(0)
  backoff.onOpen()
  mock.timers.tick(199)
  backoff.onClose()
  t.equal(backoff.next(0), 400)
  backoff.onOpen()
  mock.timers.tick(400)
  backoff.onClose()
  t.equal(backoff.next(0), 100)
  t.equal(backoff.attempt, 1)
})

void t.test('the first connection is taken for stable after minDelay', async (t) => {
  const backoff = new Backoff(SETTINGS)
  backoff.onOpen()
  mock.timers.tick(99)
  backoff.onClose()
  mock.timers.tick(1)
  t.equal(backoff.next(0), 100)
  t.equal(backoff.next(0), 200)
})
