import { mock } from 'node:test'
import fc from 'fast-check'
import t from 'tap'
import { Subscriptions } from '../../../lib/relay/subscriptions.ts'
import { ManualEmitter } from './manual-emitter.ts'

const failure = new Error('down')

t.beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
})

function create (): { emitter: ManualEmitter, subscriptions: Subscriptions, events: string[] } {
  const emitter = new ManualEmitter()
  const events: string[] = []
  const subscriptions = new Subscriptions(emitter, {
    received: ({ topic }, message) => events.push(`received ${topic} ${String(message.data)}`),
    succeeded: () => {},
    failed: (error, operation, topic) => events.push(`${operation} ${topic}: ${error.message}`)
  })
  return { emitter, subscriptions, events }
}

async function nextTick (): Promise<void> {
  await new Promise((resolve) => process.nextTick(resolve))
}

void t.test('a topic is subscribed to once, and each callback is called once', async (t) => {
  const { emitter, subscriptions } = create()
  let called = 0
  const count = (): void => { called++ }
  subscriptions.subscribe('a', count)
  subscriptions.subscribe('a', count)
  subscriptions.subscribe('a', undefined)
  await nextTick()
  t.equal(called, 0)
  t.same([subscriptions.active, subscriptions.pending], [0, 1])
  emitter.reply()
  t.equal(called, 0, 'a callback is never synchronous')
  await nextTick()
  t.equal(called, 2)
  subscriptions.subscribe('a', count)
  await nextTick()
  t.equal(called, 3)
  t.same(emitter.log, ['on a'])
  t.same([subscriptions.active, subscriptions.pending], [1, 0])
})

void t.test('subscribe and unsubscribe in quick succession end in the state that was wanted last', async (t) => {
  const { emitter, subscriptions } = create()
  let called = 0
  subscriptions.subscribe('a', () => { called++ })
  subscriptions.unsubscribe('a')
  subscriptions.subscribe('a', () => { called += 10 })
  subscriptions.unsubscribe('a')
  t.same(emitter.log, ['on a'], 'the relay is asked once at a time')
  emitter.reply()
  t.same(emitter.log, ['on a', 'removeListener a'])
  subscriptions.subscribe('a', () => { called += 100 })
  emitter.reply()
  t.same(emitter.log, ['on a', 'removeListener a', 'on a'])
  emitter.reply()
  await nextTick()
  t.equal(called, 100, 'callbacks of subscriptions that have ended are not called')
  subscriptions.unsubscribe('a')
  emitter.reply()
  t.same([subscriptions.active, subscriptions.pending], [0, 0], 'nothing is kept')
  t.equal(emitter.listeners.size, 0)
})

void t.test('any interleaving of calls and replies ends in the wanted state', async (t) => {
  const steps = fc.array(fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant('subscribe' as const), fc.constantFrom('a', 'b', 'c')) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('unsubscribe' as const), fc.constantFrom('a', 'b', 'c')) },
    { weight: 5, arbitrary: fc.constant(['reply'] as const) },
    fc.constant(['fail'] as const), fc.constant(['wait'] as const), fc.constant(['suspend'] as const),
    fc.constant(['resume'] as const)
  ))
  fc.assert(fc.property(steps, (steps) => {
    const { emitter, subscriptions } = create()
    const wanted = new Set<string>()
    for (const [action, topic] of steps) {
      if (action === 'subscribe') wanted.add(topic)
      if (action === 'unsubscribe') wanted.delete(topic)
      if (action === 'subscribe') subscriptions.subscribe(topic, undefined)
      else if (action === 'unsubscribe') subscriptions.unsubscribe(topic)
      else if (action === 'suspend') subscriptions.suspend()
      else if (action === 'resume') subscriptions.resume()
      else if (action === 'wait') mock.timers.tick(5000)
      else if (emitter.calls.length > 0) emitter.reply(action === 'fail' ? failure : undefined)
    }
    subscriptions.resume()
    while (emitter.calls.length > 0) emitter.reply()
    mock.timers.tick(5000)
    while (emitter.calls.length > 0) emitter.reply()
    const actual = [...emitter.listeners].map(([topic, listeners]) => `${topic.slice(-1)}${listeners.size}`)
    t.strictSame(actual.sort(), [...wanted].map((topic) => `${topic}1`).sort())
    t.strictSame([subscriptions.active, subscriptions.pending], [wanted.size, 0])
    subscriptions.stop()
  }))
})

void t.test('a subscription that fails is tried again, and its callback is called then', async (t) => {
  const { emitter, subscriptions, events } = create()
  let called = 0
  subscriptions.subscribe('a', () => { called++ })
  for (let attempt = 0; attempt < 20; attempt++) {
    emitter.reply(failure)
    t.equal(emitter.calls.length, 0)
    mock.timers.tick(5000)
    t.equal(emitter.calls[0]?.name, 'removeListener', 'a listener that may be there is removed first')
    emitter.reply()
    t.equal(emitter.calls[0]?.name, 'on')
  }
  t.same(new Set(events), new Set(['subscribe a: down']))
  t.equal(events.length, 20)
  emitter.reply()
  await nextTick()
  t.equal(called, 1)
})

void t.test('the removal of a listener that the relay has failed to add may fail', async (t) => {
  const { emitter, subscriptions, events } = create()
  subscriptions.subscribe('a', undefined)
  emitter.reply(failure)
  mock.timers.tick(5000)
  emitter.reply(new Error('unknown listener'))
  t.same(events, ['subscribe a: down'])
  emitter.reply()
  t.equal(subscriptions.active, 1)
})

void t.test('an unsubscription that fails is tried again, and no message is delivered meanwhile', async (t) => {
  const { emitter, subscriptions, events } = create()
  subscriptions.subscribe('a', undefined)
  emitter.reply()
  const listeners = [...emitter.listeners.values()].flatMap((set) => [...set])
  subscriptions.unsubscribe('a')
  emitter.reply(failure)
  let done = 0
  for (const listener of listeners) listener({ topic: 'a', data: '1' }, () => { done++ })
  t.equal(done, 1, 'done() is called')
  mock.timers.tick(5000)
  t.same(emitter.log, ['on a', 'removeListener a', 'removeListener a'])
  emitter.reply()
  t.same(events, ['unsubscribe a: down'])
  t.equal(subscriptions.pending, 0)
})

void t.test('a relay that does not call back has failed after 30 s', async (t) => {
  const { emitter, subscriptions, events } = create()
  subscriptions.subscribe('a', undefined)
  const [{ callback } = { callback: () => {} }] = emitter.calls
  mock.timers.tick(30_000)
  t.match(events, [/^subscribe a: the relay did not subscribe within 30000 ms/])
  callback()
  t.equal(subscriptions.active, 0, 'its callback is ignored')
})

void t.test('operations run side by side, and one at a time while they fail', async (t) => {
  const { emitter, subscriptions } = create()
  for (let count = 0; count < 300; count++) subscriptions.subscribe(String(count), undefined)
  t.equal(emitter.calls.length, 256)
  emitter.reply()
  t.equal(emitter.calls.length, 256)
  while (emitter.calls.length > 0) emitter.reply(failure)
  mock.timers.tick(5000)
  t.equal(emitter.calls.length, 1)
  emitter.reply(failure)
  t.equal(emitter.calls.length, 1, 'a removal that fails is no sign that the relay works')
  emitter.reply()
  t.equal(emitter.calls.length, 256)
})

void t.test('a topic that the relay refuses does not delay the others', async (t) => {
  const { emitter, subscriptions } = create()
  emitter.answer = ({ name, topic, callback }) => callback(name === 'on' && topic.endsWith('-bad') ? failure : null)
  subscriptions.subscribe('bad', undefined)
  for (let round = 0; round < 20; round++) {
    subscriptions.subscribe(`good-${round}`, undefined)
    t.equal(subscriptions.active, round + 1)
    mock.timers.tick(5000)
  }
  t.equal(subscriptions.pending, 1)
})

void t.test('100,000 topics at a relay that calls back synchronously do not overflow the stack', async (t) => {
  const { emitter, subscriptions } = create()
  emitter.answer = ({ callback }) => callback()
  subscriptions.suspend()
  for (let count = 0; count < 100_000; count++) subscriptions.subscribe(String(count), undefined)
  subscriptions.resume()
  t.equal(subscriptions.active, 100_000)
})

void t.test('a subscription that ends during an outage is repeated, although the relay reports success', async (t) => {
  const { emitter, subscriptions } = create()
  subscriptions.subscribe('before', undefined)
  emitter.reply()
  subscriptions.subscribe('during', undefined)
  subscriptions.suspend()
  emitter.reply()
  subscriptions.subscribe('later', undefined)
  t.same(emitter.log, ['on before', 'on during'], 'nothing is sent during the outage')
  t.equal(subscriptions.active, 1)
  subscriptions.resume()
  while (emitter.calls.length > 0) emitter.reply()
  t.same(emitter.log.slice(2).sort(), ['on during', 'on later', 'removeListener during'])
  t.equal(subscriptions.active, 3)
})

void t.test('after stop() nothing is called, and removeListeners() removes all listeners', async (t) => {
  const { emitter, subscriptions, events } = create()
  subscriptions.subscribe('a', () => t.fail('not called'))
  subscriptions.subscribe('b', undefined)
  emitter.answer = () => { throw failure }
  subscriptions.stop()
  emitter.reply()
  emitter.reply(failure)
  t.equal(emitter.deliver('fastify-websocket-h2.topic-a', { data: '1' }), 1)
  subscriptions.subscribe('c', undefined)
  subscriptions.unsubscribe('a')
  subscriptions.removeListeners()
  mock.timers.tick(60_000)
  t.same(emitter.log, ['on a', 'on b', 'removeListener a', 'removeListener b'])
  t.same(events, [])
})
