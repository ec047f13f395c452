import { mock } from 'node:test'
import t from 'tap'
import { Outgoing } from '../../../lib/relay/outgoing.ts'

const MIB = 1024 * 1024

void t.test('messages are pending until one that follows them was accepted', async (t) => {
  const outgoing = new Outgoing()
  let drains = 0
  outgoing.onDrain = () => { drains++ }
  const [first, second, third] = [outgoing.add(1), outgoing.add(2), outgoing.add(3)] as const
  t.same(outgoing.pending, { messages: 3, characters: 6 })
  second()
  first()
  second()
  t.same(outgoing.pending, { messages: 1, characters: 3 })
  t.equal(drains, 0)
  third()
  third()
  t.same(outgoing.pending, { messages: 0, characters: 0 })
  t.same([outgoing.given, drains], [3, 1])
})

void t.test('there is room for 10,000 messages, or 16 MiB', async (t) => {
  const [many, large] = [new Outgoing(), new Outgoing()]
  for (let count = 0; count < 9999; count++) many.add(0)
  large.add(16 * MIB - 1)
  t.same([many.hasRoom(), large.hasRoom()], [true, true])
  const accept = [many.add(0), large.add(1)]
  t.same([many.hasRoom(), large.hasRoom()], [false, false])
  for (const each of accept) each()
  t.same([many.hasRoom(), large.hasRoom()], [true, true])
})

void t.test('without room, another message is given every 30 s', async (t) => {
  let now = 0
  t.teardown(() => mock.restoreAll())
  mock.method(performance, 'now', () => now)
  const outgoing = new Outgoing()
  const accept = outgoing.add(16 * MIB)
  const rooms = [0, 29_999, 30_000, 30_000, 59_999, 60_000].map((time) => {
    now = time
    return outgoing.hasRoom()
  })
  t.same(rooms, [false, false, true, false, false, true])
  accept()
  outgoing.add(16 * MIB)
  now = 100_000
  t.equal(outgoing.hasRoom(), false)
})
