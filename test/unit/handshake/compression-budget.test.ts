import t from 'tap'
import { CompressionBudget } from '../../../lib/handshake/compression-budget.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'

function countersOf ({ bytes, sockets, declined }: CompressionBudget): number[] {
  return [bytes, sockets, declined]
}

void t.test('reserve: up to the limit, and nothing of what exceeds it', async (t) => {
  const { log, logs } = createLog()
  const budget = new CompressionBudget(100, log)
  const [one, other] = [{}, {}]
  t.ok(budget.reserve(one, 60))
  t.notOk(budget.reserve(other, 41))
  t.same(countersOf(budget), [60, 1, 1])
  t.ok(budget.reserve(other, 40))
  t.same(countersOf(budget), [100, 2, 1])
  t.match(logs, [{ level: 40, option: 'compressionBudget', limit: 100, refused: 1, msg: /compression declined/ }])
  budget.close()
})

void t.test('reserve: with Infinity nothing is declined, and with 0 everything is', async (t) => {
  const { log } = createLog()
  t.ok(new CompressionBudget(Infinity, log).reserve({}, Number.MAX_SAFE_INTEGER))
  const none = new CompressionBudget(0, log)
  t.notOk(none.reserve({}, 1))
  none.close()
})

void t.test('transfer: the socket has what its handshake had reserved', async (t) => {
  const budget = new CompressionBudget(100, createLog().log)
  const [handshake, socket] = [{}, {}]
  budget.reserve(handshake, 60)
  budget.transfer(handshake, socket)
  budget.release(handshake)
  t.same(countersOf(budget), [60, 1, 0])
  budget.release(socket)
  t.same(countersOf(budget), [0, 0, 0])
})

void t.test('transfer, release: do nothing for a holder without a reservation', async (t) => {
  const budget = new CompressionBudget(100, createLog().log)
  budget.transfer({}, {})
  budget.release({})
  t.same(countersOf(budget), [0, 0, 0])
})

void t.test('poolOf: routes with the same value of perMessageDeflate share idle streams', async (t) => {
  const budget = new CompressionBudget(Infinity, createLog().log)
  const [one, other] = [{}, {}]
  t.equal(budget.poolOf(one), budget.poolOf(one))
  t.not(budget.poolOf(one), budget.poolOf(other))
})
