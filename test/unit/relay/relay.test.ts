import { constants } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import mqemitter from 'mqemitter'
import t from 'tap'
import type { Test } from 'tap'
import type { RelayEmitter } from '../../../index.ts'
import { Relay } from '../../../lib/relay/relay.ts'
import { ManualEmitter } from './manual-emitter.ts'
import type { Call } from './manual-emitter.ts'
import { ODD_TOPICS } from './odd-topics.ts'

const failure = new Error('down')

function mockTimers (t: Test): void {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
}

interface Node {
  relay: Relay
  /** Messages, errors as `publish news: down`, and successes as `ok`. */
  events: unknown[]
}

function createNode (emitter: RelayEmitter, onDeliver = (): void => {}): Node {
  const events: unknown[] = []
  const relay = new Relay(emitter, {
    deliver (topic, data, isBinary) {
      events.push([topic, data, isBinary])
      onDeliver()
    },
    failed: (error, operation, topic) => events.push(`${operation} ${topic}: ${error.message}`),
    succeeded: () => {}
  })
  return { relay, events }
}

async function subscribe ({ relay }: Node, topic: string): Promise<void> {
  await new Promise<void>((resolve) => relay.subscribe(topic, resolve))
}

void t.test('a message reaches the other nodes that subscribe to exactly its topic', async (t) => {
  const emitter = mqemitter()
  const nodes = [createNode(emitter), createNode(emitter)] as const
  await Promise.all(ODD_TOPICS.map((topic) => subscribe(nodes[0], topic)))
  await Promise.all(ODD_TOPICS.map((topic) => subscribe(nodes[1], topic)))
  for (const topic of ODD_TOPICS) nodes[0].relay.publish(topic, topic, false)
  t.strictSame(nodes[0].events, [])
  t.strictSame(nodes[1].events, ODD_TOPICS.map((topic) => [topic, topic, false]), 'in the order of publication')
  nodes[1].relay.publish('+', Buffer.from([0, 255]), true)
  t.strictSame(nodes[0].events, [['+', Buffer.from([0, 255]), true]])
  t.match(nodes[0].relay.stats(), { subscriptions: ODD_TOPICS.length, published: ODD_TOPICS.length, received: 1 })
})

void t.test('publish() of a relay that fails in any way does not throw, and reports it', async (t) => {
  const emitter = new ManualEmitter()
  const node = createNode(emitter)
  for (const answer of [
    () => { throw failure },
    async () => { throw failure },
    ({ callback }: Call) => callback(failure),
    ({ callback }: Call) => { callback(failure); throw new Error('twice') }
  ]) {
    emitter.answer = answer
    node.relay.publish('news', 'text', false)
    await new Promise((resolve) => setImmediate(resolve))
    t.same(node.events.splice(0), ['publish news: down'])
  }
  t.match(node.relay.stats(), { published: 4, pendingMessages: 0, pendingCharacters: 0, errors: { publish: 4 } })
})

void t.test('publish() does not throw if the data is too long for an envelope, and reports it', async (t) => {
  const emitter = new ManualEmitter()
  const node = createNode(emitter)
  node.relay.publish('news', Buffer.alloc(constants.MAX_STRING_LENGTH), true)
  t.match(node.events, [/^publish news: Cannot create a string longer than/])
  t.match(node.relay.stats(), { published: 0, pendingMessages: 0, errors: { publish: 1 } })
  t.same(emitter.messages, [])
})

for (const [title, answer] of [
  ['throws', () => { throw failure }],
  ['rejects', async () => { throw failure }],
  ['calls back an error', ({ callback }: Call) => process.nextTick(callback, failure)],
  ['accepts nothing', undefined]
] as const) {
  void t.test(`a message that is published while an error is reported is not relayed: the relay ${title}`, async (t) => {
    const emitter = new ManualEmitter()
    let reports = 0
    const relay = new Relay(emitter, {
      deliver: () => {},
      failed () {
        // Without an end, this would be a loop.
        if (++reports < 10) relay.publish('alerts', 'the relay is down', false)
      },
      succeeded: () => {}
    })
    const before = answer === undefined ? 10_000 : 0
    for (let count = 0; count < before; count++) relay.publish('news', '', false)
    emitter.answer = answer
    relay.publish('news', 'text', false)
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(reports, 1)
    t.match(relay.stats(), { published: before === 0 ? 1 : before, errors: { publish: 1 } })
  })
}

void t.test('a relay that accepts no messages is given 10,000, and the others are reported', async (t) => {
  const emitter = new ManualEmitter()
  const node = createNode(emitter)
  for (let count = 0; count < 10_002; count++) node.relay.publish('news', '', false)
  t.equal(emitter.messages.length, 10_000)
  t.equal(node.events.length, 2)
  t.match(node.events[0], /^publish news: the message was not relayed .* has not accepted 10000 messages/)
  emitter.reply()
  node.relay.publish('news', '', false)
  t.equal(emitter.messages.length, 10_001, 'it is given another one when it has accepted one')
  emitter.calls.at(-2)!.callback()
  t.equal(node.relay.stats().pendingMessages, 1, 'messages before one that is accepted do not wait')
})

void t.test('a relay that accepts no messages is given 16 MiB', async (t) => {
  const emitter = new ManualEmitter()
  const node = createNode(emitter)
  const data = 'x'.repeat(1024 * 1024)
  for (let count = 0; count < 20; count++) node.relay.publish('', data, false)
  t.equal(emitter.messages.length, 16)
  t.match(node.relay.stats(), { pendingMessages: 16, pendingCharacters: 16 * 1024 * 1024, errors: { publish: 4 } })
})

void t.test('a relay that has lost its queue is given another message after 30 s, and works again', async (t) => {
  const emitter = new ManualEmitter()
  const { relay } = createNode(emitter)
  let now = 0
  t.teardown(() => mock.restoreAll())
  mock.method(performance, 'now', () => now)
  for (let count = 0; count < 10_001; count++) relay.publish('news', '', false)
  for (const given of [10_001, 10_002]) {
    now += 29_999
    relay.publish('news', '', false)
    t.equal(emitter.messages.length, given - 1)
    now += 1
    relay.publish('news', '', false)
    relay.publish('news', '', false)
    t.equal(emitter.messages.length, given)
  }
  emitter.calls.at(-1)!.callback()
  t.equal(relay.stats().pendingMessages, 0)
  relay.publish('news', '', false)
  t.equal(emitter.messages.length, 10_003)
})

void t.test('an invalid message is reported, and the listener calls done', async (t) => {
  const emitter = new ManualEmitter()
  emitter.answer = ({ callback }) => callback()
  const node = createNode(emitter)
  await subscribe(node, 'news')
  const topic = 'fastify-websocket-h2.topic-news'
  const valid = { topic, id: 'other', name: 'news', data: 'text', binary: false }
  for (const message of [null, 'text', { topic }, { ...valid, name: 'sport' }, { ...valid, data: Buffer.from('text') }]) {
    t.equal(emitter.deliver(topic, message), 1)
    t.same(node.events.splice(0).length, 1)
  }
  t.equal(node.relay.stats().errors.receive, 5)
  emitter.deliver(topic, valid)
  t.same(node.events, [['news', 'text', false]])
})

void t.test('an error of the local delivery is reported, and does not reach the publisher', async (t) => {
  const emitter = mqemitter({ concurrency: 1 })
  const publisher = createNode(emitter)
  const node = createNode(emitter, () => { throw failure })
  await subscribe(node, 'news')
  publisher.relay.publish('news', '1', false)
  publisher.relay.publish('news', '2', false)
  t.same(node.events, [['news', '1', false], 'receive news: down', ['news', '2', false], 'receive news: down'])
  t.same(publisher.events, [])
})

void t.test('after unsubscribe() messages no longer arrive', async (t) => {
  const emitter = mqemitter()
  const nodes = [createNode(emitter), createNode(emitter)] as const
  await subscribe(nodes[1], 'news')
  nodes[1].relay.unsubscribe('news')
  nodes[0].relay.publish('news', 'text', false)
  t.same(nodes[1].events, [])
})

/** Creates a node whose relay reports the errors of its connection, such as mqemitter-redis. */
function createNodeWithState (): Node & { emitter: ManualEmitter & { state: EventEmitter }, echo: () => void } {
  const emitter = Object.assign(new ManualEmitter(), { state: new EventEmitter() })
  emitter.answer = ({ callback }) => callback()
  const echo = (): void => {
    const [topic] = [...emitter.listeners.keys()].filter((topic) => topic.includes('.node-'))
    emitter.deliver(topic!, {})
  }
  return { emitter, echo, ...createNode(emitter) }
}

void t.test('a relay with connections of its own is subscribed to when it has delivered a message', async (t) => {
  mockTimers(t)
  const { emitter, relay, events, echo } = createNodeWithState()
  t.same(emitter.log, [])
  relay.subscribe('a')
  t.notMatch(emitter.log, ['on a'])
  echo()
  t.equal(emitter.log.at(-1), 'on a')
  t.equal(relay.stats().subscriptions, 1)

  emitter.state.emit('error', failure)
  relay.subscribe('b')
  relay.publish('c', 'text', false)
  t.same(events, ['connect undefined: down'])
  t.same(relay.stats(), {
    subscriptions: 1,
    pendingSubscriptions: 1,
    published: 1,
    pendingMessages: 0,
    pendingCharacters: 0,
    received: 0,
    errors: { close: 0, connect: 1, publish: 0, receive: 0, subscribe: 0, unsubscribe: 0 }
  })
  mock.timers.tick(100)
  echo()
  t.equal(emitter.log.at(-1), 'on b')
  emitter.state.emit('error', undefined)
  t.match(events[1], 'connect undefined: the relay threw undefined')
})

void t.test('a connection that was lost without an error is probed', async (t) => {
  mockTimers(t)
  const { emitter, relay, events, echo } = createNodeWithState()
  relay.subscribe('a')
  echo()
  emitter.state.emit('subConnect')
  relay.subscribe('b')
  t.equal(relay.stats().subscriptions, 1)
  echo()
  t.equal(relay.stats().subscriptions, 2)
  t.same(events, [])
})

void t.test('the errors of a closed relay are ignored, and do not end the process', async (t) => {
  const { emitter, relay, events } = createNodeWithState()
  await relay.close()
  emitter.state.emit('error', failure)
  t.same(events, [])
  t.same(emitter.state.eventNames(), ['error'])
  emitter.state.on('error', () => {})
  const status = Object.assign(new ManualEmitter(), { status: emitter.state, answer: emitter.answer })
  await createNode(status).relay.close()
  t.equal(emitter.state.listenerCount('error'), 2, 'a listener is left only where there is no other')
})

async function settle (): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

void t.test('close() waits for the messages, closes the relay, and removes the listeners', async (t) => {
  const emitter = new ManualEmitter()
  const node = createNode(emitter)
  node.relay.subscribe('a')
  emitter.reply()
  node.relay.publish('a', 'text', false)
  const closed = node.relay.close()
  node.relay.publish('a', 'late', false)
  node.relay.subscribe('b')
  await settle()
  t.same(emitter.log, ['on a', 'emit a'])
  emitter.reply()
  await settle()
  t.same(emitter.log, ['on a', 'emit a', 'close'])
  emitter.reply()
  await closed
  await node.relay.close()
  t.same(emitter.log, ['on a', 'emit a', 'close', 'removeListener a'])
  t.same(node.events, [])
})

const TIMEOUT = /^close undefined: the relay did not close within 2000 ms/

for (const [title, expected, prepare] of [
  ['does not close', TIMEOUT, () => {}],
  ['does not accept messages', TIMEOUT, (_emitter, relay) => relay.publish('a', 'text', false)],
  ['throws', /^close undefined: down/, (emitter) => { emitter.answer = () => { throw failure } }]
] as Array<[string, RegExp, (emitter: ManualEmitter, relay: Relay) => void]>) {
  void t.test(`close() ends after 2 s, or before, if the relay ${title}`, async (t) => {
    mockTimers(t)
    const emitter = new ManualEmitter()
    const node = createNode(emitter)
    prepare(emitter, node.relay)
    const closed = node.relay.close()
    await settle()
    mock.timers.tick(2000)
    await closed
    t.match(node.events, [expected])
    t.match(emitter.log.at(-1), 'close')
  })
}
