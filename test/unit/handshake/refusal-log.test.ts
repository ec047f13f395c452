import { mock } from 'node:test'
import t from 'tap'
import { RefusalLog } from '../../../lib/handshake/refusal-log.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'

t.beforeEach(() => { mock.timers.enable({ apis: ['setTimeout'] }) })
t.afterEach(() => { mock.timers.reset() })

/** Returns a log, and a function that returns the values of the lines since its last call. */
function create (): { refusals: RefusalLog, logged: () => unknown[][] } {
  const { log, logs } = createLog()
  const refusals = new RefusalLog(log, { option: 'maxSockets', limit: 7 }, 'refused')
  const logged = (): unknown[][] => logs.splice(0).map((line) => {
    return ['level', 'option', 'limit', 'refused'].map((name) => Reflect.get(line, name))
  })
  return { refusals, logged }
}

void t.test('the first refusal is logged as a warning with the option and its value', async (t) => {
  const { refusals, logged } = create()
  refusals.add()
  t.same(logged(), [[40, 'maxSockets', 7, 1]])
})

void t.test('refusals within a second are logged together, once a second', async (t) => {
  const { refusals, logged } = create()
  for (let count = 0; count < 4; count++) refusals.add()
  t.same(logged(), [[40, 'maxSockets', 7, 1]])
  mock.timers.tick(999)
  t.same(logged(), [])
  mock.timers.tick(1)
  t.same(logged(), [[40, 'maxSockets', 7, 3]])
  refusals.add()
  t.same(logged(), [])
  mock.timers.tick(1000)
  t.same(logged(), [[40, 'maxSockets', 7, 1]])
  t.equal(refusals.total, 5)
})

void t.test('after a second without a refusal there is no timer, and the next refusal is logged immediately', async (t) => {
  const { refusals, logged } = create()
  refusals.add()
  mock.timers.tick(1000)
  mock.timers.tick(10_000)
  t.same(logged(), [[40, 'maxSockets', 7, 1]])
  refusals.add()
  t.same(logged(), [[40, 'maxSockets', 7, 1]])
})

void t.test('close() logs what is not logged yet, and nothing later', async (t) => {
  const { refusals, logged } = create()
  refusals.close()
  t.same(logged(), [])
  for (let count = 0; count < 3; count++) refusals.add()
  refusals.close()
  t.same(logged(), [[40, 'maxSockets', 7, 1], [40, 'maxSockets', 7, 2]])
  mock.timers.tick(10_000)
  t.same(logged(), [])
})

void t.test('the timer does not keep the process alive', async (t) => {
  mock.timers.reset()
  const { refusals } = create()
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  refusals.add()
  t.equal(timers(), before)
  refusals.close()
})
