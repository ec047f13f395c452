import t from 'tap'
import type { SlowConsumer, WebSocket } from '../../../index.ts'
import { decide, isDeciding, whileDeciding } from '../../../lib/socket/slow-consumer.ts'

const SOCKET = {} as WebSocket

void t.test('"close" and "drop" are the decision themselves', async (t) => {
  t.equal(decide('close', SOCKET, 1), 'close')
  t.equal(decide('drop', SOCKET, 1), 'drop')
})

void t.test('a function decides, and decides to send if it returns undefined', async (t) => {
  for (const verdict of ['send', 'drop', 'close'] as const) t.equal(decide(() => verdict, SOCKET, 1), verdict)
  t.equal(decide(() => {}, SOCKET, 1), 'send')
  const calls: unknown[][] = []
  decide((...parameters) => { calls.push(parameters) }, SOCKET, 7)
  t.ok(calls[0]![0] === SOCKET && calls[0]![1] === 7)
})

void t.test('a function that returns anything else is an FST_WS_INVALID_SLOW_CONSUMER, which names the value', async (t) => {
  for (const [returned, described] of [
    ['dorp', '"dorp"'], ['', '""'], [null, 'object'], [true, 'boolean'], [0, '0'], [{}, 'object']
  ] as const) {
    t.match(decide((() => returned) as unknown as SlowConsumer, SOCKET, 1), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER',
      message: `the function of option "slowConsumer" returned ${described}: it must return`
    })
  }
})

void t.test('a function that throws an Error decides for that error, another thrown value is described', async (t) => {
  const error = new Error('boom')
  t.equal(decide(() => { throw error }, SOCKET, 1), error)
  for (const [thrown, described] of [[undefined, 'undefined'], ['no', '"no"'], [7, '7'], [Symbol('s'), 'symbol']] as const) {
    t.match(decide(() => { throw thrown }, SOCKET, 1), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: `"slowConsumer" threw ${described}:`
    })
  }
})

void t.test('a function that returns a promise is an error, and a rejection of the promise does not end the process', async (t) => {
  const rejections: unknown[] = []
  const listener = (reason: unknown): void => { rejections.push(reason) }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  for (const slowConsumer of [
    async () => 'drop', async () => { throw new Error('too late') }, () => ({ then () {} })
  ]) {
    t.match(decide(slowConsumer as unknown as SlowConsumer, SOCKET, 1), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned a promise:/
    })
  }
  await new Promise(setImmediate)
  t.same(rejections, [])
})

void t.test('a returned value that cannot be read is an error', async (t) => {
  const error = new Error('no then')
  const returned = { get then () { throw error } }
  t.equal(decide((() => returned) as unknown as SlowConsumer, SOCKET, 1), error)
})

void t.test('isDeciding() is true while a function of any socket runs, also after one inside of it has ended', async (t) => {
  const seen: boolean[] = []
  const look = (): void => { seen.push(isDeciding()) }
  look()
  decide(() => {
    look()
    decide(look, {} as WebSocket, 1)
    decide(() => { throw new Error('boom') }, SOCKET, 1)
    look()
  }, SOCKET, 1)
  look()
  decide(() => { throw new Error('boom') }, SOCKET, 1)
  decide('drop', SOCKET, 1)
  look()
  t.same(seen, [false, true, true, true, false, false])
})

void t.test('isDeciding() is false after the first await of a function', async (t) => {
  let resolve = (_value: boolean): void => {}
  const later = new Promise<boolean>((_resolve) => { resolve = _resolve })
  decide((async () => {
    await null
    resolve(isDeciding())
  }) as never, SOCKET, 1)
  t.equal(await later, false)
})

void t.test('whileDeciding() returns the result of its function, and ends if it throws', async (t) => {
  t.equal(whileDeciding(() => Number(isDeciding())), 1)
  t.throws(() => whileDeciding(() => { throw new Error('boom') }), { message: 'boom' })
  t.equal(isDeciding(), false)
})
