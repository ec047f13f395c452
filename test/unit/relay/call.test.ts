import { mock } from 'node:test'
import t from 'tap'
import { callRelay } from '../../../lib/relay/call.ts'
import type { RelayCallback } from '../../../index.ts'

const failure = new Error('down')

/** Calls a method, and returns the results when they have arrived. */
async function call (method: (callback: RelayCallback) => unknown): Promise<Array<string | undefined>> {
  const results: Array<string | undefined> = []
  callRelay('emit', method, (error) => results.push(error?.message))
  await new Promise((resolve) => setTimeout(resolve, 5))
  return results
}

void t.test('the result is that of the callback, of the promise or of the exception', async (t) => {
  t.same(await call((callback) => callback()), [undefined])
  t.same(await call((callback) => callback(null)), [undefined])
  t.same(await call((callback) => setImmediate(callback, failure)), ['down'])
  t.same(await call(async () => {}), [undefined])
  t.same(await call(async () => { throw failure }), ['down'])
  t.same(await call(() => { throw failure }), ['down'])
  t.same(await call(() => {}), [], 'nothing, if none of them comes')
})

void t.test('only the first result counts', async (t) => {
  t.same(await call((callback) => { callback(); callback(failure) }), [undefined])
  t.same(await call((callback) => { callback(failure); throw new Error('late') }), ['down'])
  t.same(await call(async (callback) => { callback(); throw failure }), [undefined])
})

void t.test('a result that is no Error becomes one', async (t) => {
  t.same(await call((callback) => callback('down' as never)), ['the relay\'s emit() threw \'down\''])
  // eslint-disable-next-line prefer-promise-reject-errors -- a relay of the user may do so
  t.same(await call(async () => await Promise.reject(undefined)), ['the relay\'s emit() failed without an error'])
})

void t.test('after a time limit the result is FST_WS_RELAY_TIMEOUT', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const results: unknown[] = []
  let callBack: RelayCallback | undefined
  callRelay('on', (callback) => { callBack = callback }, (error) => results.push(error), { operation: 'subscribe', time: 100 })
  mock.timers.tick(99)
  t.same(results, [])
  mock.timers.tick(1)
  callBack!()
  t.match(results, [{ code: 'FST_WS_RELAY_TIMEOUT', message: /subscribe/ }])
  t.equal(results.length, 1)
})
