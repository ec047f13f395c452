import { EventEmitter } from 'node:events'
import t from 'tap'
import { enableCaptureRejections } from '../../../lib/internals/events.ts'

void t.test('enableCaptureRejections: it makes the rejection of an async listener an \'error\', also of a listener that was there before', async (t) => {
  const emitter = new EventEmitter().setMaxListeners(3)
  const errors: unknown[] = []
  emitter.on('error', (error) => errors.push(error))
  emitter.on('before', async () => { throw new Error('before') })
  emitter.on('before', async () => { throw new Error('second') })
  enableCaptureRejections(emitter)
  emitter.on('after', async () => { throw new Error('after') })

  t.same(emitter.eventNames(), ['error', 'before', 'after'])
  t.equal(emitter.listenerCount('before'), 2)
  t.equal(emitter.getMaxListeners(), 3)
  emitter.emit('before')
  emitter.emit('after')
  await new Promise(setImmediate)
  t.match(errors, [{ message: 'before' }, { message: 'second' }, { message: 'after' }])
  emitter.removeAllListeners('before')
  t.equal(emitter.emit('before'), false)
})

void t.test('enableCaptureRejections: it affects no other emitter', async (t) => {
  enableCaptureRejections(new EventEmitter())
  const other = new EventEmitter()
  other.on('error', () => t.fail('captured'))
  const rejected = new Promise((resolve) => process.once('unhandledRejection', resolve))
  other.on('event', async () => { throw new Error('not captured') })
  other.emit('event')
  t.match(await rejected, { message: 'not captured' })
})

void t.test('enableCaptureRejections: it makes Node call the method of captureRejectionSymbol, with the error and the event', async (t) => {
  const calls: unknown[][] = []
  class Handler extends EventEmitter {
    override [EventEmitter.captureRejectionSymbol] (...parameters: unknown[]): void { calls.push(parameters) }
  }
  const emitter = new Handler()
  enableCaptureRejections(emitter)
  emitter.on('event', async () => { throw new Error('rejected') })
  emitter.emit('event', 1, 2)
  await new Promise(setImmediate)
  t.match(calls, [[{ message: 'rejected' }, 'event', 1, 2]])
})
