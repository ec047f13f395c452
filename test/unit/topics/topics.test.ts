import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { PreparedMessage } from '../../../lib/frames/prepared-message.ts'
import type { SocketRecord } from '../../../lib/socket/socket-record.ts'
import { Topics } from '../../../lib/topics/topics.ts'
import { createSockets } from './fake-socket.ts'
import type { FakeSocket } from './fake-socket.ts'

/** Creates topics, and sockets that subscribe to the topic "a". */
function setUp (count: number): { topics: Topics, sockets: FakeSocket[] } {
  const [topics, sockets] = [new Topics(), createSockets(count)]
  for (const { socket } of sockets) topics.subscribe(socket, 'a')
  return { topics, sockets }
}

function textsOf (sockets: FakeSocket[]): string[][] {
  return sockets.map(({ texts }) => texts)
}

/** Adds a relay, and returns the calls that it receives. */
function addRelay (topics: Topics): unknown[][] {
  const calls: unknown[][] = []
  topics.relay = {
    publish: (...parameters) => { calls.push(['publish', ...parameters]) },
    subscribe: (...parameters) => { calls.push(['subscribe', ...parameters]) },
    unsubscribe: (...parameters) => { calls.push(['unsubscribe', ...parameters]) }
  }
  return calls
}

// Subscriptions

void t.test('topics are compared exactly, and one socket can subscribe to many', async (t) => {
  const { topics, sockets: [first, second] } = setUp(2) as { topics: Topics, sockets: [FakeSocket, FakeSocket] }
  for (const topic of ['a', 'A', 'a/b', 'a/#', '', '*', '__proto__', '\ud800']) topics.subscribe(first.socket, topic)
  t.same([...topics.topicsOf(first.socket)], ['a', 'A', 'a/b', 'a/#', '', '*', '__proto__', '\ud800'])
  t.same([...topics.topicsOf(second.socket)], ['a'])
  t.same(['a', 'A', 'a/b', 'a/+', '__proto__', 'toString'].map((topic) => topics.subscribers(topic)), [2, 1, 1, 0, 1, 0])
  t.same(topics.stats(), { open: 8, subscriptions: 9, published: 0, delivered: 0 })
})

void t.test('unsubscribe() ends one subscription, and does nothing without one', async (t) => {
  const { topics, sockets: [first, second] } = setUp(2) as { topics: Topics, sockets: [FakeSocket, FakeSocket] }
  topics.unsubscribe(first.socket, 'a')
  topics.unsubscribe(first.socket, 'a')
  topics.unsubscribe(first.socket, 'b')
  t.equal(topics.subscribers('a'), 1)
  t.same([...topics.topicsOf(first.socket)], [])
  t.equal(topics.publish('a', 'x'), 1)
  t.same(textsOf([first, second]), [[], ['x']])
})

void t.test('removeSocket() ends all subscriptions of a socket, and topics without subscribers are forgotten', async (t) => {
  const { topics, sockets: [first, second] } = setUp(2) as { topics: Topics, sockets: [FakeSocket, FakeSocket] }
  topics.subscribe(first.socket, 'b')
  topics.removeSocket(first.socket)
  topics.removeSocket(first.socket)
  t.same([...topics.topicsOf(first.socket)], [])
  t.same(topics.stats(), { open: 1, subscriptions: 1, published: 0, delivered: 0 })
  topics.removeSocket(second.socket)
  t.same(topics.stats(), { open: 0, subscriptions: 0, published: 0, delivered: 0 })
})

void t.test('the set of topics is read-only, also while it is empty', async (t) => {
  const { topics, sockets: [socket] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  t.throws(() => (topics.topicsOf(socket.socket) as Set<string>).add('b'), TypeError)
  topics.removeSocket(socket.socket)
  t.throws(() => (topics.topicsOf(socket.socket) as Set<string>).add('b'), TypeError)
})

void t.test('a set of topics that was read before the first subscription follows all changes, until the socket closes', async (t) => {
  const [topics, [{ socket }]] = [new Topics(), createSockets(1) as [FakeSocket]]
  const kept = topics.topicsOf(socket)
  topics.subscribe(socket, 'a')
  t.same([...kept], ['a'])
  topics.unsubscribe(socket, 'a')
  t.same([...kept], [])
  topics.subscribe(socket, 'b')
  t.same([...kept], ['b'])
  t.equal(topics.topicsOf(socket), kept)
  topics.removeSocket(socket)
  t.same([...kept], [])
})

void t.test('a callback of subscribe() that is not a function is FST_WS_INVALID_OPTION, and null counts as omitted', async (t) => {
  const { topics, sockets: [socket] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  const calls = addRelay(topics)
  t.throws(() => topics.subscribe(socket.socket, 'b', 5 as never), {
    code: 'FST_WS_INVALID_OPTION', message: 'option "callback" of subscribe() must be a function, got 5'
  })
  t.same([...topics.topicsOf(socket.socket)], ['a'])
  topics.subscribe(socket.socket, 'b', null as never)
  t.same(calls, [['subscribe', 'b', undefined]])
})

void t.test('a socket that is closing does not subscribe, and its callback is not called', async (t) => {
  const { topics, sockets: [socket] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  socket.readyState = 2
  topics.subscribe(socket.socket, 'b', () => t.fail('called'))
  t.equal(topics.subscribers('b'), 0)
  await turn()
})

void t.test('without a relay the callback of subscribe() is called once, on the next tick, without arguments', async (t) => {
  const { topics, sockets: [socket] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  const calls: unknown[][] = []
  topics.subscribe(socket.socket, 'b', (...parameters: unknown[]) => { calls.push(parameters) })
  t.same(calls, [])
  await turn()
  t.same(calls, [[]])
})

void t.test('a callback of subscribe() that is no function throws, and nothing is subscribed to', async (t) => {
  const { topics, sockets: [first] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  for (const relay of [false, true]) {
    const calls = relay ? addRelay(topics) : []
    for (const callback of [{ qos: 1 }, 'b', true]) {
      t.throws(() => topics.subscribe(first.socket, 'b', callback as never), { code: 'FST_WS_INVALID_OPTION', message: /callback.*subscribe/ })
    }
    t.same(calls, [])
    t.equal(topics.subscribers('b'), 0)
    topics.subscribe(first.socket, 'b', null as never)
    t.equal(topics.subscribers('b'), 1)
    topics.unsubscribe(first.socket, 'b')
  }
})

void t.test('a topic that is not a string is FST_WS_INVALID_TOPIC', async (t) => {
  const { topics, sockets: [socket] } = setUp(1) as { topics: Topics, sockets: [FakeSocket] }
  for (const [topic, received] of [
    [undefined, 'undefined'], [null, 'object'], [5, '5'], [['a'], 'object'], [Symbol('a'), 'symbol']
  ] as Array<[never, string]>) {
    for (const call of [
      () => topics.subscribe(socket.socket, topic), () => topics.unsubscribe(socket.socket, topic),
      () => topics.publish(topic, 'x'), () => topics.subscribers(topic)
    ]) {
      t.throws(call, {
        code: 'FST_WS_INVALID_TOPIC', message: `a topic must be a string, got ${received} (see docs/topics.md)`
      })
    }
  }
})

// Messages

void t.test('publish() returns the number of open subscribers, and 0 without any', async (t) => {
  const { topics, sockets } = setUp(3)
  sockets[1]!.readyState = 2
  t.equal(topics.publish('a', 'x'), 2)
  t.equal(topics.publish('b', 'x'), 0)
  t.same(textsOf(sockets), [['x'], [], ['x']])
  t.match(topics.stats(), { published: 2, delivered: 2 })
})

void t.test('publish() leaves out the socket that publishes', async (t) => {
  const { topics, sockets } = setUp(3)
  t.equal(topics.publish('a', 'x', undefined, sockets[0]!.socket), 2)
  t.same(textsOf(sockets), [[], ['x'], ['x']])
})

void t.test('sockets that unsubscribe during a delivery do not receive the message, those that subscribe neither', async (t) => {
  const { topics, sockets } = setUp(3)
  const [late] = createSockets(1) as [FakeSocket]
  sockets[0]!.onSend = () => {
    topics.subscribe(late.socket, 'a')
    topics.unsubscribe(sockets[1]!.socket, 'a')
    sockets[2]!.readyState = 2
  }
  t.equal(topics.publish('a', 'x'), 1)
  t.same(textsOf([...sockets, late]), [['x'], [], [], []])
})

void t.test('sockets that all unsubscribe during a delivery do not receive the message', async (t) => {
  const { topics, sockets } = setUp(3)
  sockets[0]!.onSend = () => { for (const { socket } of sockets) topics.unsubscribe(socket, 'a') }
  t.equal(topics.publish('a', 'x'), 1)
  t.equal(topics.subscribers('a'), 0)
})

void t.test('except leaves out a socket, or those of an array, a Set or a generator, which is read once', async (t) => {
  const { topics, sockets } = setUp(3)
  const [first, second] = sockets.map(({ socket }) => socket) as [never, never]
  let reads = 0
  function * generate (): Generator<never> {
    reads++
    yield first
    yield second
  }
  t.equal(topics.publish('a', 'socket', { except: first }), 2)
  t.equal(topics.publish('a', 'array', { except: [first, second] }), 1)
  t.equal(topics.publish('a', 'Set', { except: new Set([second]) }), 2)
  t.equal(topics.publish('a', 'generator', { except: generate() }), 1)
  t.equal(topics.publish('a', 'none', { except: [] }), 3)
  t.equal(topics.publish('a', 'null', { except: null as never }), 3)
  t.equal(topics.publish('a', 'other', { except: createSockets(1)[0]!.socket }), 3)
  t.equal(reads, 1)
  t.same(textsOf(sockets), [
    ['Set', 'none', 'null', 'other'],
    ['socket', 'none', 'null', 'other'],
    ['socket', 'array', 'Set', 'generator', 'none', 'null', 'other']
  ])
})

void t.test('an iterable in except that throws makes publish() throw, before any socket has received the message', async (t) => {
  const { topics, sockets } = setUp(2)
  function * fail (): Generator<never> { throw new Error('boom') }
  t.throws(() => topics.publish('a', 'x', { except: fail() }), { message: 'boom' })
  t.same(textsOf(sockets), [[], []])
})

void t.test('an invalid option or message throws, before any socket has received the message', async (t) => {
  const { topics, sockets } = setUp(1)
  t.throws(() => topics.publish('a', undefined), { code: 'FST_WS_INVALID_MESSAGE' })
  t.throws(() => topics.publish('a', 'x', { excpet: [] } as never), {
    code: 'FST_WS_INVALID_OPTION',
    message: 'option "excpet" of publish() must be one of binary, compress, except, got an option "excpet": did you mean "except"?'
  })
  t.throws(() => topics.broadcast([], 'x', { rout: '/' } as never), { message: /^option "rout" of broadcast\(\).*"route"\?$/ })
  t.throws(() => topics.prepare('x', { except: [] } as never), { message: /^option "except" of prepare\(\) must be one of binary, compress, / })
  t.same(textsOf(sockets), [[]])
  t.match(topics.stats(), { published: 0, delivered: 0 })
})

void t.test('deliver() delivers a message of another node to all subscribers, and does not pass it on', async (t) => {
  const { topics, sockets } = setUp(2)
  const calls = addRelay(topics)
  topics.deliver('a', Buffer.from('x'), true)
  topics.deliver('b', 'y', false)
  t.same(textsOf(sockets), [['x'], ['x']])
  t.same(calls, [])
  t.match(topics.stats(), { published: 1, delivered: 2 })
})

// Broadcast

function recordsOf (sockets: FakeSocket[]): SocketRecord[] {
  return sockets.map((socket, index) => {
    return { socket: socket.socket, route: index % 2 === 0 ? '/even' : '/odd', request: { id: index } } as unknown as SocketRecord
  })
}

void t.test('broadcast() reaches all sockets, those of a route, or those that filter and except leave', async (t) => {
  const [topics, sockets] = [new Topics(), createSockets(4)]
  const calls = addRelay(topics)
  const records = recordsOf(sockets)
  t.equal(topics.broadcast(records, 'all'), 4)
  t.equal(topics.broadcast(records, 'route', { route: '/odd' }), 2)
  t.equal(topics.broadcast(records, 'none', { route: '/none' }), 0)
  t.equal(topics.broadcast(records, 'filter', { filter: (_socket, { id }) => Number(id) > 1 }), 2)
  const except = sockets[1]!.socket
  t.equal(topics.broadcast(records, 'both', { route: '/odd', except, filter: (socket) => socket !== except }), 1)
  t.same(textsOf(sockets), [['all'], ['all', 'route'], ['all', 'filter'], ['all', 'route', 'filter', 'both']])
  t.same(calls, [], 'it is not passed on to other nodes')
})

void t.test('filter is called for the sockets of the route, before the first one receives the message', async (t) => {
  const [topics, sockets] = [new Topics(), createSockets(4)]
  const seen: unknown[] = []
  topics.broadcast(recordsOf(sockets), 'x', {
    route: '/odd',
    filter: (socket, request) => {
      t.same(sockets.map(({ texts }) => texts.length), [0, 0, 0, 0])
      seen.push(socket, request.id)
      return true
    }
  })
  t.equal(seen.length, 4)
  t.same([seen[0] === sockets[1], seen[1], seen[2] === sockets[3], seen[3]], [true, 1, true, 3])
})

void t.test('a filter that returns nothing selects no socket, one that throws or is async makes broadcast() throw', async (t) => {
  const [topics, sockets] = [new Topics(), createSockets(2)]
  const records = recordsOf(sockets)
  t.equal(topics.broadcast(records, 'x', { filter: (() => {}) as never }), 0)
  t.equal(topics.broadcast(records, 'x', { filter: (() => null) as never }), 0)
  t.throws(() => topics.broadcast(records, 'x', { filter: () => { throw new Error('boom') } }), { message: 'boom' })
  for (const filter of [async () => true, async () => { throw new Error('too late') }]) {
    t.throws(() => topics.broadcast(records, 'x', { filter: filter as never }), {
      code: 'FST_WS_INVALID_OPTION',
      message: 'option "filter" of broadcast() must be a function that returns a boolean, got a promise'
    })
  }
  t.same(textsOf(sockets), [[], []])
  await turn()
})

// Relay

void t.test('the relay is informed of the first subscriber of a topic, of each callback, and of the last one', async (t) => {
  const [topics, [first, second]] = [new Topics(), createSockets(2) as [FakeSocket, FakeSocket]]
  const calls = addRelay(topics)
  const callback = (): void => { t.fail('the relay calls it') }
  topics.subscribe(first.socket, 'a')
  topics.subscribe(second.socket, 'a')
  topics.subscribe(second.socket, 'a', callback)
  topics.unsubscribe(first.socket, 'a')
  topics.removeSocket(second.socket)
  t.same(calls, [['subscribe', 'a', undefined], ['subscribe', 'a', callback], ['unsubscribe', 'a']])
  await turn()
})

void t.test('the relay receives a message after the sockets, also without any, and what it publishes in the same order', async (t) => {
  const { topics, sockets } = setUp(2)
  const calls = addRelay(topics)
  sockets[0]!.onSend = (text) => {
    t.same(calls, [])
    if (text === 'x') topics.publish('b', Buffer.from('nested'))
  }
  topics.publish('a', 'x')
  topics.publish('none', { json: true }, { binary: true })
  t.same(calls, [
    ['publish', 'a', 'x', false], ['publish', 'b', Buffer.from('nested'), true], ['publish', 'none', '{"json":true}', true]
  ])
})

void t.test('methods() returns methods that do not use this, and prepare() one message for all of them', async (t) => {
  const { topics, sockets } = setUp(2)
  const { publish, broadcast, subscribers, prepare } = topics.methods(recordsOf(sockets))
  const message = prepare({ a: 1 })
  t.type(message, PreparedMessage)
  t.equal(publish('a', message, { except: sockets[0]!.socket }), 1)
  t.equal(broadcast(message, { route: '/even' }), 1)
  t.equal(subscribers('a'), 2)
  t.same(textsOf(sockets), [['{"a":1}'], ['{"a":1}']])
})
