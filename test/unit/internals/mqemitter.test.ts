import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import mqemitterRedis from 'mqemitter-redis'
import t from 'tap'
import type { Test } from 'tap'
import { connectionStateOf, isBeingChecked, onConnection } from '../../../lib/internals/mqemitter.ts'

/** Members of mqemitter-redis that it does not document. */
interface Internals {
  state: EventEmitter
  subConn: Redis
  pubConn: Redis
}

/** Creates an emitter of mqemitter-redis that does not connect. */
function createEmitter (t: Test): Internals {
  const emitter = mqemitterRedis({ lazyConnect: true }) as unknown as Internals
  t.teardown(() => {
    emitter.subConn.disconnect()
    emitter.pubConn.disconnect()
  })
  return emitter
}

void t.test('connectionStateOf: mqemitter-redis emits the errors of both connections there', async (t) => {
  const emitter = createEmitter(t)
  const state = connectionStateOf(emitter)
  t.equal(state, emitter.state)
  const errors: string[] = []
  state!.on('error', ({ message }: Error) => errors.push(message))
  emitter.subConn.emit('error', new Error('sub'))
  emitter.pubConn.emit('error', new Error('pub'))
  t.same(errors, ['sub', 'pub'])
})

void t.test('connectionStateOf: returns "state" or "status" if it is an EventEmitter', async (t) => {
  const emitter = new EventEmitter()
  t.equal(connectionStateOf({ state: 'open', status: emitter }), emitter)
  t.equal(connectionStateOf({ state: 'open' }), undefined)
})

void t.test('onConnection: mqemitter-redis emits an event for each connection', async (t) => {
  const { state, subConn, pubConn } = createEmitter(t)
  let count = 0
  const stop = onConnection(state, () => { count++ })
  subConn.emit('connect')
  pubConn.emit('connect')
  t.equal(count, 2)
  stop()
  subConn.emit('connect')
  t.equal(count, 2)
})

void t.test('isBeingChecked: reads the status of the connection for subscriptions', async (t) => {
  const emitter = createEmitter(t)
  t.equal(emitter.subConn.status, 'wait')
  t.equal(isBeingChecked(emitter), false)
  emitter.subConn.status = 'connect'
  t.equal(isBeingChecked(emitter), true)
  t.equal(isBeingChecked({}), false)
})
