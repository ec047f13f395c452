import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { SessionAge } from '../../../lib/http2/session-age.ts'
import type { AgingSession } from '../../../lib/http2/session-age.ts'

const MAX = 1000
const GRACE = 600
const MAX_TIMEOUT = 2 ** 31 - 1

interface Fixture {
  age: SessionAge
  /** What has happened to the session: 'retire', or the time that its sockets are closed over. */
  events: unknown[]
}

function setUp (t: Test, { max = MAX, grace = GRACE, random = 0.5 } = {}): Fixture {
  mock.timers.enable({ apis: ['setTimeout'] })
  const { mock: randomMock } = mock.method(Math, 'random', () => random)
  t.teardown(() => { mock.timers.reset(); randomMock.restore() })
  const events: unknown[] = []
  const session = { retire: () => events.push('retire') } as unknown as AgingSession
  const age = new SessionAge(session, {
    max,
    grace,
    closeSockets (closing, over) {
      t.equal(closing, session)
      events.push(over)
    }
  })
  return { age, events }
}

void t.test('a session is sent GOAWAY at its age, and its sockets are closed in the second half of the grace', async (t) => {
  const { events } = setUp(t)
  mock.timers.tick(MAX - 1)
  t.same(events, [])
  mock.timers.tick(1)
  t.same(events, ['retire'])
  mock.timers.tick(GRACE / 2 - 1)
  t.same(events, ['retire'])
  mock.timers.tick(1)
  t.same(events, ['retire', GRACE / 2])
  mock.timers.tick(MAX_TIMEOUT)
  t.same(events, ['retire', GRACE / 2])
})

void t.test('an odd grace is spread over whole milliseconds', async (t) => {
  const { events } = setUp(t, { grace: 301 })
  mock.timers.tick(MAX)
  mock.timers.tick(301)
  t.same(events, ['retire', 150])
})

for (const [random, age] of [[0, 900], [0.999999, 1100]] as const) {
  void t.test(`the age differs by up to a tenth: ${age} of ${MAX} ms`, async (t) => {
    const { events } = setUp(t, { random })
    mock.timers.tick(age - 1)
    t.same(events, [])
    mock.timers.tick(1)
    t.same(events, ['retire'])
  })
}

void t.test('the longest age is that of a timer of Node', async (t) => {
  const { events } = setUp(t, { max: MAX_TIMEOUT, random: 0.999999 })
  mock.timers.tick(MAX_TIMEOUT - 1)
  t.same(events, [])
  mock.timers.tick(1)
  t.same(events, ['retire'])
})

void t.test('a grace of Infinity leaves the sockets open, a grace of 0 closes them at once', async (t) => {
  const { events } = setUp(t, { grace: Infinity })
  mock.timers.tick(MAX)
  mock.timers.tick(MAX_TIMEOUT)
  t.same(events, ['retire'])
  mock.timers.reset()
  mock.restoreAll()
  const none = setUp(t, { grace: 0 })
  mock.timers.tick(MAX)
  mock.timers.tick(1)
  t.same(none.events, ['retire', 0])
})

void t.test('stop() clears the timer, before and after the age', async (t) => {
  const early = setUp(t)
  early.age.stop()
  mock.timers.tick(10 * MAX)
  t.same(early.events, [])
  mock.timers.reset()
  mock.restoreAll()
  const late = setUp(t)
  mock.timers.tick(MAX)
  late.age.stop()
  mock.timers.tick(10 * MAX)
  t.same(late.events, ['retire'])
})

void t.test('the timer does not keep the process alive', async (t) => {
  const session = {} as AgingSession
  const { setTimeout: original } = globalThis
  const timers: NodeJS.Timeout[] = []
  t.teardown(() => { globalThis.setTimeout = original })
  globalThis.setTimeout = ((...parameters: Parameters<typeof original>) => {
    const timer = original(...parameters)
    timers.push(timer)
    return timer
  }) as typeof original
  const age = new SessionAge(session, { max: MAX_TIMEOUT, grace: 0, closeSockets () {} })
  t.same(timers.map((timer) => timer.hasRef()), [false])
  age.stop()
})
