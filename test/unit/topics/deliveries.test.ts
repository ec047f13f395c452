import t from 'tap'
import { prepareMessage } from '../../../lib/frames/prepared-message.ts'
import { Deliveries } from '../../../lib/topics/deliveries.ts'
import { createSockets } from './fake-socket.ts'
import type { FakeSocket } from './fake-socket.ts'

/** Returns a function that publishes a text to all sockets, and the texts whose delivery has ended. */
function setUp (sockets: FakeSocket[]): { publish: (text: string, to?: FakeSocket[]) => number, ended: string[] } {
  const [deliveries, ended] = [new Deliveries(), [] as string[]]
  const publish = (text: string, to = sockets): number => {
    const receivers = to.map(({ socket }) => socket)
    return deliveries.deliver(prepareMessage(text), receivers, () => true, () => { ended.push(text) })
  }
  return { publish, ended }
}

void t.test('deliver() returns the number of sockets that took the message, and calls onEnd once after them', async (t) => {
  const sockets = createSockets(4)
  const { publish, ended } = setUp(sockets)
  sockets[1]!.readyState = 2
  sockets[2]!.slowConsumer = () => 'drop'
  sockets[3]!.onSend = () => { t.same(ended, []) }
  t.equal(publish('a'), 2)
  t.same(ended, ['a'])
  t.same(sockets.map(({ texts }) => texts), [['a'], [], [], ['a']])
  t.equal(publish('b', []), 0)
  t.same(ended, ['a', 'b'])
})

void t.test('isReceiver is asked when it is the turn of the socket', async (t) => {
  const [first, second] = createSockets(2) as [FakeSocket, FakeSocket]
  const receivers = new Set([first.socket, second.socket])
  first.onSend = () => { receivers.delete(second.socket) }
  const isReceiver = (socket: object): boolean => receivers.has(socket as never)
  t.equal(new Deliveries().deliver(prepareMessage('a'), [...receivers], isReceiver), 1)
  t.same(second.texts, [])
})

void t.test('what a socket throws is its own \'error\', and the others receive the message', async (t) => {
  const sockets = createSockets(3)
  const { publish, ended } = setUp(sockets)
  const failure = new Error('boom')
  sockets[1]!.onSend = () => { throw failure }
  const errors: unknown[] = []
  sockets[1]!.on('error', (error) => errors.push(error))
  t.equal(publish('a'), 2)
  t.same([errors, ended], [[], ['a']], 'it is not emitted within deliver()')
  const [error] = await new Promise<unknown[]>((resolve) => sockets[1]!.once('error', (...args) => resolve(args)))
  t.equal(error, failure)
  t.equal(errors.length, 1)
  t.same(sockets.map(({ texts }) => texts), [['a'], [], ['a']])
})

void t.test('a message that send() of a class publishes follows the first one on each socket, and in onEnd', async (t) => {
  const sockets = createSockets(4)
  const { publish, ended } = setUp(sockets)
  for (const [index, socket] of sockets.entries()) {
    socket.onSend = (text) => { if (text === 'a' && index < 3) t.equal(publish(`from ${index}`), 4) }
  }
  t.equal(publish('a'), 4)
  const order = ['a', 'from 2', 'from 1', 'from 0']
  t.same(ended, order)
  t.same(sockets[3]!.texts, order, 'the last one receives all in order')
  publish('b')
  t.same(ended.at(-1), 'b')
})

void t.test('a message that slowConsumer publishes follows the first one on each socket, and in onEnd', async (t) => {
  const sockets = createSockets(3)
  const [slow, ...fast] = sockets as [FakeSocket, FakeSocket, FakeSocket]
  const { publish, ended } = setUp(sockets)
  slow.slowConsumer = () => { t.equal(publish('report'), 2) }
  t.equal(publish('a'), 3)
  t.same([slow.texts, fast[0]!.texts, fast[1]!.texts], [['a'], ['a', 'report'], ['a', 'report']])
  t.same(ended, ['a', 'report'])
})

void t.test('slow sockets whose slowConsumer publishes: all others receive each message once, in order', async (t) => {
  const sockets = createSockets(100)
  const { publish, ended } = setUp(sockets)
  const reported: string[] = []
  for (const [index, socket] of sockets.entries()) {
    if (index % 2 === 1) continue
    socket.slowConsumer = () => {
      reported.push(`report ${index}`)
      t.equal(publish(`report ${index}`), 50)
    }
  }
  t.equal(publish('a'), 100)
  t.equal(reported.length, 50)
  for (const [index, { texts }] of sockets.entries()) t.same(texts, index % 2 === 0 ? ['a'] : ['a', ...reported])
  t.same(ended, ['a', ...reported])
})

void t.test('thousands of slow sockets whose slowConsumer publishes do not overflow the stack', async (t) => {
  const sockets = createSockets(5000)
  const fast = createSockets(1)[0]!
  const { publish } = setUp([...sockets, fast])
  let calls = 0
  for (const socket of sockets) {
    socket.on('error', (error) => { throw error })
    socket.slowConsumer = () => {
      calls++
      publish(`report ${calls}`)
      return 'drop'
    }
  }
  t.equal(publish('a'), 1)
  t.equal(calls, 5000, 'each is called once')
  t.equal(fast.texts.length, 5001)
  t.same(fast.texts.slice(0, 2), ['a', 'report 1'])
})

void t.test('a slowConsumer that throws after it has published fails for its socket alone', async (t) => {
  const sockets = createSockets(3)
  const { publish } = setUp(sockets)
  sockets[0]!.slowConsumer = () => {
    publish('report')
    throw new Error('boom')
  }
  const failed = new Promise((resolve) => sockets[0]!.once('error', resolve))
  t.equal(publish('a'), 2)
  t.match(await failed, { message: 'boom' })
  t.same(sockets.map(({ texts }) => texts), [[], ['a', 'report'], ['a', 'report']])
})

void t.test('thousands of sockets whose send() publishes to others do not overflow the stack', async (t) => {
  const [sockets, audit] = [createSockets(5000), createSockets(2)]
  const { publish, ended } = setUp(sockets)
  for (const socket of sockets) {
    socket.on('error', (error) => { throw error })
    socket.onSend = () => { publish('audit', audit) }
  }
  t.equal(publish('a'), 5000)
  t.equal(audit[1]!.texts.length, 5000)
  t.equal(ended.length, 5001)
  t.equal(ended.filter((text) => text === 'a').length, 1)
})
