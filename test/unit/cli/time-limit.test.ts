import t from 'tap'
import { TimeLimitError, toMs, withinLimit } from '../../../lib/cli/time-limit.ts'

void t.test('a step that ends in time has its result, or its error', async (t) => {
  t.equal(await withinLimit('a step', 60_000, Promise.resolve(1)), 1)
  await t.rejects(withinLimit('a step', 60_000, Promise.reject(new Error('broken'))), { message: 'broken' })
})

void t.test('a step that exceeds its time limit is an error that names it', async (t) => {
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<never>((_resolve, _reject) => { reject = _reject })
  await t.rejects(withinLimit('connecting', 1, promise), new TimeLimitError('connecting took longer than 1 ms'))
  await t.rejects(withinLimit('connecting', 1, promise), { code: 'ETIMEDOUT' })
  // Not an unhandled rejection.
  reject(new Error('too late'))
})

void t.test('times have microseconds', async (t) => {
  t.equal(toMs(1.23456), 1.235)
  t.equal(toMs(12), 12)
})
