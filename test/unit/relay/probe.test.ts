import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { RelayProbe } from '../../../lib/relay/probe.ts'
import { ManualEmitter } from './manual-emitter.ts'

const TOPIC = 'fastify-websocket-h2.node-7'
const failure = new Error('down')

t.beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
})

function create (): { emitter: ManualEmitter, probe: RelayProbe, events: string[] } {
  const emitter = new ManualEmitter()
  const events: string[] = []
  const probe = new RelayProbe(emitter, '7', () => events.push('echo'), ({ message }) => events.push(message))
  return { emitter, probe, events }
}

void t.test('a probe is a message of a node to itself, sent when it has subscribed', async (t) => {
  const { emitter, probe, events } = create()
  probe.start(false)
  probe.start(false)
  t.same(emitter.log, [`on ${TOPIC}`])
  emitter.reply()
  t.match(emitter.messages, [{ topic: TOPIC, id: String }])
  emitter.reply()
  t.same(events, [], 'the relay has accepted it, but not delivered it')
  t.equal(emitter.deliver(TOPIC, {}), 1, 'the listener calls done')
  t.same(events, ['echo'])
  emitter.deliver(TOPIC, {})
  mock.timers.tick(60_000)
  t.same(events, ['echo'], 'once')
})

void t.test('a probe that fails, or has no echo for 5 s, is repeated with a new subscription', async (t) => {
  const { emitter, probe, events } = create()
  probe.start(true)
  t.same(emitter.log, [], 'after a failure the first one waits')
  mock.timers.tick(100)
  emitter.reply(failure)
  mock.timers.tick(200)
  t.same(emitter.log, [`on ${TOPIC}`, `removeListener ${TOPIC}`, `on ${TOPIC}`])
  emitter.reply()
  emitter.reply()
  emitter.reply(failure)
  mock.timers.tick(400)
  t.equal(emitter.log.length, 6)
  emitter.reply()
  emitter.reply()
  mock.timers.tick(5000)
  t.match(events, ['down', 'down', /^the relay did not deliver a message to its sender within 5000 ms/])
  mock.timers.tick(800)
  emitter.deliver(TOPIC, {})
  t.equal(events.at(-1), 'echo')
})

/** Lets time pass for timers and for performance.now(). */
function mockClock (t: Test): (ms: number) => void {
  let time = 5000
  const now = mock.method(performance, 'now', () => time).mock
  t.teardown(() => now.restore())
  return (ms) => {
    time += ms
    mock.timers.tick(ms)
  }
}

void t.test('a probe that has failed is repeated 100 ms after a connection was made', async (t) => {
  const wait = mockClock(t)
  const { emitter, probe } = create()
  probe.start(false)
  probe.connected()
  wait(100)
  t.same(emitter.log, [`on ${TOPIC}`], 'none has failed')
  for (let attempt = 0; attempt < 5; attempt++) {
    emitter.calls.splice(0).at(-1)!.callback(failure)
    wait(5000)
  }
  emitter.calls.at(-1)!.callback(failure)
  emitter.log.splice(0)
  probe.connected()
  wait(99)
  probe.connected()
  wait(99)
  t.same(emitter.log, [])
  wait(1)
  t.same(emitter.log, [`removeListener ${TOPIC}`, `on ${TOPIC}`])
})

void t.test('no probe is sent within 100 ms after a connection was made', async (t) => {
  const wait = mockClock(t)
  const { emitter, probe } = create()
  probe.connected()
  wait(10)
  probe.start(false)
  t.same(emitter.log, [])
  wait(90)
  t.same(emitter.log, [`on ${TOPIC}`])
})

void t.test('no probe is sent while ioredis checks a connection, for 5 s at most', async (t) => {
  const wait = mockClock(t)
  for (const checkTime of [250, 60_000]) {
    const subConn = { status: 'connect' }
    const emitter = Object.assign(new ManualEmitter(), { subConn })
    const probe = new RelayProbe(emitter, '7', () => {}, () => {})
    probe.start(false)
    for (let time = 0; time < Math.min(checkTime, 4990); time += 10) {
      t.same(emitter.log, [], `after ${time} ms`)
      wait(10)
    }
    if (checkTime === 250) subConn.status = 'ready'
    wait(100)
    t.same(emitter.log, [`on ${TOPIC}`])
    probe.stop()
  }
})

void t.test('a probe whose connection has failed is repeated 100 ms after the next one was made', async (t) => {
  const wait = mockClock(t)
  const { emitter, probe, events } = create()
  probe.start(false)
  emitter.reply()
  probe.start(true)
  probe.start(false)
  probe.connected()
  wait(100)
  t.same(emitter.log.slice(2), [`removeListener ${TOPIC}`, `on ${TOPIC}`])
  t.same(events, [], 'no time limit has passed')
})

void t.test('after stop() no probe is sent and no echo counts', async (t) => {
  const { emitter, probe, events } = create()
  probe.start(false)
  probe.stop()
  emitter.reply(failure)
  emitter.deliver(TOPIC, {})
  mock.timers.tick(60_000)
  t.same([emitter.log, events], [[`on ${TOPIC}`], []])
  probe.removeListener()
  probe.removeListener()
  t.equal(emitter.log.length, 2)
})
