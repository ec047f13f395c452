import t from 'tap'
import { NO_LIMITS, SEND_LIMIT, SLOW_CONSUMER } from '../../../lib/options/send-limits.ts'

void t.test('a send limit is a number of bytes, or Infinity', async (t) => {
  for (const limit of [0, 1, 2 ** 53 - 1, Infinity]) t.ok(SEND_LIMIT.isValid(limit), String(limit))
  for (const limit of [-1, 0.5, NaN, -Infinity, '1', true]) t.notOk(SEND_LIMIT.isValid(limit), String(limit))
})

void t.test('slowConsumer is a policy, or a synchronous function', async (t) => {
  for (const policy of ['close', 'drop', () => 'send', function () {}]) t.ok(SLOW_CONSUMER.isValid(policy))
  for (const policy of ['send', 'wait', '', async () => 'drop', {}, true]) t.notOk(SLOW_CONSUMER.isValid(policy))
})

void t.test('a socket without limits may have any number of bytes waiting', async (t) => {
  t.same(NO_LIMITS, { sendLimit: Infinity, slowConsumer: 'close' })
  t.ok(Object.isFrozen(NO_LIMITS), 'sockets share it')
  t.ok(SEND_LIMIT.isValid(NO_LIMITS.sendLimit) && SLOW_CONSUMER.isValid(NO_LIMITS.slowConsumer))
})
