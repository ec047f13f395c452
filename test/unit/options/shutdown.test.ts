import t from 'tap'
import { SHUTDOWN_OPTIONS, readShutdownOptions } from '../../../lib/options/shutdown.ts'

const DEFAULT_TIMEOUT = 5000

function timeout (shutdownTimeout: number | undefined | null, pluginTimeout: number): number {
  return readShutdownOptions({ shutdownTimeout: shutdownTimeout as number }, DEFAULT_TIMEOUT, pluginTimeout).timeout
}

void t.test('options of the shutdown that are omitted have their defaults', async (t) => {
  const defaults = { code: 1001, reason: '', batch: 100, timeout: DEFAULT_TIMEOUT, preClose: undefined }
  t.same(readShutdownOptions({}, DEFAULT_TIMEOUT, 0), defaults)
  t.same(readShutdownOptions({ shutdown: { code: 4000 } }, DEFAULT_TIMEOUT, 0), { ...defaults, code: 4000 })
  t.same(readShutdownOptions({ preClose: null, shutdown: null } as object, DEFAULT_TIMEOUT, 0), defaults)
  const preClose = async (): Promise<void> => {}
  t.equal(readShutdownOptions({ preClose }, DEFAULT_TIMEOUT, 0).preClose, preClose)
})

void t.test('the default of shutdownTimeout fits the pluginTimeout of Fastify', async (t) => {
  for (const omitted of [undefined, null]) {
    t.equal(timeout(omitted, 0), 5000, 'without a limit')
    t.equal(timeout(omitted, 10_000), 5000)
    t.equal(timeout(omitted, 5500), 5000)
    t.equal(timeout(omitted, 5499), 4999)
    t.equal(timeout(omitted, 1000), 500)
    t.equal(timeout(omitted, 100), 50, 'half of a pluginTimeout that is shorter than the margin')
  }
})

void t.test('shutdownTimeout is at most 500 less than the pluginTimeout of Fastify', async (t) => {
  t.equal(timeout(9500, 10_000), 9500)
  t.equal(timeout(2 ** 31 - 1, 0), 2 ** 31 - 1)
  t.throws(() => timeout(9501, 10_000), {
    code: 'FST_WS_INVALID_OPTION',
    message: 'option "shutdownTimeout" must be at most 9500 (ms), 500 less than the pluginTimeout of Fastify: raise that too, got 9501'
  })
})

void t.test('a close code is one that RFC 6455 section 7.4 and its registry allow to be sent', async (t) => {
  for (const code of [1000, 1001, 1003, 1007, 1014, 3000, 4999]) t.ok(SHUTDOWN_OPTIONS.code.isValid(code), `${code}`)
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, '1000']) {
    t.notOk(SHUTDOWN_OPTIONS.code.isValid(code), `${code}`)
  }
})

void t.test('a reason fits into a Close frame, in bytes', async (t) => {
  t.same(['', 'x'.repeat(123), 'x'.repeat(124)].map(SHUTDOWN_OPTIONS.reason.isValid), [true, true, false])
  t.same(['ü'.repeat(61), 'ü'.repeat(62)].map(SHUTDOWN_OPTIONS.reason.isValid), [true, false])
})

void t.test('a batch has a socket at least, and may have all', async (t) => {
  t.same([0, 1, 0.5, Infinity].map(SHUTDOWN_OPTIONS.batch.isValid), [false, true, false, true])
})

void t.test('an unknown option of the shutdown is refused', async (t) => {
  t.throws(() => readShutdownOptions({ shutdown: { bacth: 1 } as object }, DEFAULT_TIMEOUT, 0), {
    code: 'FST_WS_INVALID_OPTION',
    message: 'option "shutdown.bacth" must be one of code, reason, batch, got an option "bacth": did you mean "batch"?'
  })
})
