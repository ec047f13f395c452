import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Attempts } from '../../../lib/client/attempts.ts'
import type { WebSocket } from '../../../types/index.ts'

const SETTINGS = { retries: Infinity, minDelay: 100, maxDelay: 1000, jitter: 0 }

interface Parts {
  attempts: Attempts
  /** Sockets that were opened. */
  sockets: EventEmitter[]
  events: unknown[]
  /** Closes the last socket. */
  close (code: number, reason?: string): void
  /** Lets the last attempt fail. */
  fail (error: Error): void
}

function setUp (settings = SETTINGS, onOpen = (): void => {}): Parts {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  const [sockets, events]: [EventEmitter[], unknown[]] = [[], []]
  const attempts = new Attempts(() => {
    onOpen()
    const socket = new EventEmitter()
    sockets.push(socket)
    return socket as WebSocket
  }, settings, {
    onSocket: () => events.push('socket'),
    onOpen: () => events.push('open'),
    onError: (error) => events.push(error),
    onWait: (event) => events.push(event),
    onEnd: (code, reason, error) => events.push(['end', code, String(reason), error])
  })
  attempts.start()
  const close = (code: number, reason = ''): void => { sockets.at(-1)!.emit('close', code, Buffer.from(reason)) }
  return {
    attempts,
    sockets,
    events,
    close,
    fail (error) {
      sockets.at(-1)!.emit('error', error)
      close(1006)
    }
  }
}

const REFUSED = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })

void t.test('after a temporary end it waits, and opens one socket', async (t) => {
  const { sockets, events, close, fail } = setUp()
  sockets[0]!.emit('open')
  close(1012, 'restart')
  t.same(events.splice(0), ['socket', 'open', { attempt: 1, delay: 100, code: 1012, reason: 'restart', error: undefined }])
  mock.timers.tick(99)
  t.equal(sockets.length, 1)
  mock.timers.tick(1)
  t.equal(sockets.length, 2)
  fail(REFUSED)
  t.same(events.splice(0), ['socket', { attempt: 2, delay: 200, code: 1006, reason: '', error: REFUSED }])
  mock.timers.tick(200)
  sockets[2]!.emit('open')
  t.same(events, ['socket', 'open'])
  mock.timers.tick(100_000)
  t.equal(sockets.length, 3)
})

void t.test('the first attempt may fail, too', async (t) => {
  const { sockets, events, fail } = setUp()
  fail(REFUSED)
  t.match(events, ['socket', { attempt: 1, error: REFUSED }])
  mock.timers.tick(100)
  t.equal(sockets.length, 2)
})

void t.test('an end that is not temporary is the last one', async (t) => {
  for (const code of [1000, 1005, 1008, 1011, 4000]) {
    const { attempts, sockets, events, close } = setUp()
    sockets[0]!.emit('open')
    close(code, 'why')
    t.same(events, ['socket', 'open', ['end', code, 'why', undefined]])
    t.ok(attempts.isEnding)
    mock.timers.tick(100_000)
    t.equal(sockets.length, 1)
  }
  const { events, fail } = setUp()
  const error = new Error('x')
  fail(error)
  t.same(events, ['socket', ['end', 1006, '', error]])
})

void t.test('after retries it ends with the last error', async (t) => {
  const { events, fail } = setUp({ ...SETTINGS, retries: 1 })
  fail(REFUSED)
  mock.timers.tick(100)
  fail(REFUSED)
  t.same(events.slice(2), ['socket', ['end', 1006, '', REFUSED]])
})

void t.test('an error of an open socket is the last one, whatever the close code is', async (t) => {
  const { events, sockets, close } = setUp()
  const error = new Error('invalid frame')
  sockets[0]!.emit('open')
  sockets[0]!.emit('error', error)
  close(1006)
  t.same(events, ['socket', 'open', error, ['end', 1006, '', undefined]])
})

void t.test('stop() while it waits ends immediately, in the next tick, and once', async (t) => {
  const { attempts, sockets, events, fail } = setUp()
  fail(REFUSED)
  attempts.stop()
  attempts.stop()
  t.equal(events.length, 2)
  await turn()
  t.same(events.slice(2), [['end', 1006, '', undefined]])
  mock.timers.tick(100_000)
  t.equal(sockets.length, 1)
})

void t.test('stop() during an attempt or a connection makes its end the last one, without an error', async (t) => {
  const { attempts, events, fail } = setUp()
  attempts.stop()
  fail(REFUSED)
  await turn()
  t.same(events, ['socket', ['end', 1006, '', undefined]])

  const second = setUp()
  second.sockets[0]!.emit('open')
  second.attempts.stop()
  second.close(1001)
  await turn()
  t.same(second.events, ['socket', 'open', ['end', 1001, '', undefined]])
})

void t.test('what open() throws is thrown by start(), and ends a later attempt', async (t) => {
  t.throws(() => setUp(SETTINGS, () => { throw new Error('boom') }), { message: 'boom' })
  let count = 0
  const { events, fail } = setUp(SETTINGS, () => { if (++count === 2) throw new Error('boom') })
  fail(REFUSED)
  mock.timers.tick(100)
  t.match(events.slice(2), [['end', 1006, '', { message: 'boom' }]])
})
