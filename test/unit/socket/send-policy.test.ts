import { EventEmitter } from 'node:events'
import t from 'tap'
import type { WebSocket as WsWebSocket } from 'ws'
import type { SlowConsumer } from '../../../index.ts'
import { FST_WS_INVALID_SLOW_CONSUMER, FST_WS_SLOW_CONSUMER } from '../../../lib/errors.ts'
import { prepareMessage } from '../../../lib/frames/prepared-message.ts'
import { NO_LIMITS } from '../../../lib/options/send-limits.ts'
import { SendPolicy } from '../../../lib/socket/send-policy.ts'
import { isDeciding } from '../../../lib/socket/slow-consumer.ts'
import type { SocketRecord } from '../../../lib/socket/socket-record.ts'

const LIMIT = 100

class FakeSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  bufferedAmount = LIMIT + 1
  readonly closes: unknown[][] = []

  close (...parameters: unknown[]): void {
    this.closes.push(parameters)
    this.readyState = 2
  }
}

interface Parts {
  socket: FakeSocket
  policy: SendPolicy
  /** Sends a message or fragment, and returns whether it is sent. */
  send: (isLast?: boolean) => boolean
  /** The results of the callbacks of messages that were not sent. */
  results: unknown[]
  errors: unknown[]
}

/** A socket with more bytes waiting than its limit. */
function setUp (slowConsumer: SlowConsumer): Parts {
  const [socket, results, errors] = [new FakeSocket(), [] as unknown[], [] as unknown[]]
  socket.on('error', (error) => errors.push(error))
  const policy = new SendPolicy(socket as unknown as WsWebSocket)
  policy.limits = { sendLimit: LIMIT, slowConsumer }
  function send (isLast = true): boolean {
    const verdict = policy.decide(isLast)
    if (verdict !== 'send') policy.reject(verdict, (error) => results.push(error))
    return verdict === 'send'
  }
  return { socket, policy, send, results, errors }
}

async function nextTicks (): Promise<void> {
  await new Promise(setImmediate)
}

void t.test('messages are sent while at most sendLimit bytes wait', async (t) => {
  for (const slowConsumer of ['close', 'drop', () => 'close'] as SlowConsumer[]) {
    const { socket, send } = setUp(slowConsumer)
    socket.bufferedAmount = LIMIT
    t.ok(send())
    socket.bufferedAmount = LIMIT + 1
    t.notOk(send())
  }
})

void t.test('without limits every message is sent', async (t) => {
  const { socket, policy, send } = setUp('drop')
  policy.limits = NO_LIMITS
  socket.bufferedAmount = Number.MAX_SAFE_INTEGER
  t.ok(send())
  t.equal(new SendPolicy(socket as unknown as WsWebSocket).limits, NO_LIMITS, 'it is the default')
})

void t.test('"drop" drops a message with FST_WS_SLOW_CONSUMER in its callback, and the socket stays open', async (t) => {
  const { socket, policy, send, results, errors } = setUp('drop')
  t.notOk(send())
  t.same(results, [], 'a callback is not called within send()')
  await nextTicks()
  t.match(results, [{ code: 'FST_WS_SLOW_CONSUMER', message: /^101 bytes .* the sendLimit of 100:/ }])
  t.ok(results[0] instanceof FST_WS_SLOW_CONSUMER)
  t.doesNotThrow(() => policy.reject('drop', undefined))
  await nextTicks()
  t.same([socket.closes, errors], [[], []])
  socket.bufferedAmount = LIMIT
  t.ok(send())
})

void t.test('"close" closes the socket with 1008, and emits FST_WS_SLOW_CONSUMER once', async (t) => {
  const { socket, send, results, errors } = setUp('close')
  t.notOk(send())
  t.same(socket.closes, [[1008, 'slow consumer']])
  t.same(errors, [], 'not within send()')
  await nextTicks()
  t.equal(errors.length, 1)
  t.ok(errors[0] instanceof FST_WS_SLOW_CONSUMER)
  t.same(results, errors)
  t.ok(send(), 'ws itself refuses messages to a closing socket')
  await nextTicks()
  t.equal(errors.length, 1)
})

void t.test('a slowConsumer that throws or returns a promise closes the socket with 1011, and its error is emitted once', async (t) => {
  const failure = new TypeError('socket.name is undefined')
  for (const [slowConsumer, expected] of [
    [() => { throw failure }, failure],
    [async () => 'drop', { code: 'FST_WS_INVALID_SLOW_CONSUMER' }],
    [async () => { throw new Error('too late') }, { code: 'FST_WS_INVALID_SLOW_CONSUMER' }],
    [() => 'wait', { code: 'FST_WS_INVALID_SLOW_CONSUMER' }]
  ] as Array<[SlowConsumer, object]>) {
    const { socket, send, results, errors } = setUp(slowConsumer)
    t.notOk(send())
    t.same(socket.closes, [[1011]])
    await nextTicks()
    t.match(results, [expected])
    t.same(errors, results)
    t.ok(errors[0] === failure || errors[0] instanceof FST_WS_INVALID_SLOW_CONSUMER)
  }
})

void t.test('a slowConsumer function receives the socket and the bytes that wait, and decides about each message', async (t) => {
  const calls: unknown[][] = []
  const verdicts = ['send', undefined, 'drop', 'send', 'close'] as const
  const { socket, send } = setUp((...parameters) => {
    calls.push(parameters)
    return verdicts[calls.length - 1]
  })
  t.same(verdicts.map(() => send()), [true, true, false, true, false])
  t.same(calls.map(([, bytes]) => bytes), verdicts.map(() => LIMIT + 1))
  t.ok(calls.every(([each]) => each === socket))
})

void t.test('messages that slowConsumer sends itself are sent, and it is not called for them', async (t) => {
  let calls = 0
  const sent: boolean[] = []
  const { send } = setUp(() => {
    calls++
    sent.push(send(), send())
    return 'drop'
  })
  t.notOk(send())
  t.notOk(send())
  t.same([calls, sent], [2, [true, true, true, true]])
})

void t.test('messages that slowConsumer sends before it throws are sent, and it is called again for the next', async (t) => {
  let calls = 0
  const { socket, send } = setUp(() => {
    calls++
    t.ok(send())
    throw new Error('boom')
  })
  t.notOk(send())
  socket.readyState = 1
  t.notOk(send())
  t.equal(calls, 2)
})

// Fragments

void t.test('a message in fragments is dropped as a whole, though the limit is exceeded only at its beginning', async (t) => {
  const { socket, send, results } = setUp('drop')
  t.notOk(send(false))
  socket.bufferedAmount = 0
  t.notOk(send(false))
  t.notOk(send(true))
  t.ok(send(true), 'the next message is another')
  await nextTicks()
  t.equal(results.length, 3)
})

void t.test('"drop" in the middle of a message closes the socket: the peer has a part of it', async (t) => {
  const { socket, send, errors } = setUp('drop')
  socket.bufferedAmount = 0
  t.ok(send(false))
  t.ok(send(false))
  socket.bufferedAmount = LIMIT + 1
  t.notOk(send(false))
  t.same(socket.closes, [[1008, 'slow consumer']])
  await nextTicks()
  t.equal(errors.length, 1)
})

void t.test('each fragment of a message that has begun is decided about, and "send" continues it', async (t) => {
  let calls = 0
  const { send } = setUp(() => { calls++; return 'send' })
  t.ok(send(false))
  t.ok(send(false))
  t.ok(send(true))
  t.equal(calls, 3)
})

// Published messages

void t.test('a published message between fragments is decided about for itself, and does not end their message', async (t) => {
  const { socket, policy, send } = setUp('drop')
  const published = prepareMessage('published')
  socket.bufferedAmount = 0
  t.ok(send(false))
  socket.bufferedAmount = LIMIT + 1
  t.equal(policy.decide(true, published.options), 'drop', 'it is not closed for a message that has not begun')
  t.notOk(send(false))
  t.same(socket.closes, [[1008, 'slow consumer']])
})

void t.test('a published message between the fragments of a dropped one is sent, and the fragments stay dropped', async (t) => {
  const { socket, policy, send } = setUp('drop')
  t.notOk(send(false))
  socket.bufferedAmount = 0
  t.equal(policy.decide(true, prepareMessage('published').options), 'send')
  t.notOk(send(true))
  t.ok(send(true))
})

void t.test('a published message that a class sends in fragments is dropped as a whole', async (t) => {
  const { socket, policy } = setUp('drop')
  const published = prepareMessage('published')
  t.equal(policy.decide(false, published.options), 'drop')
  socket.bufferedAmount = 0
  t.equal(policy.decide(true, published.options), 'drop')
  t.equal(policy.decide(true, published.options), 'send')
})

void t.test('isExceeded is true while more than sendLimit waits', async (t) => {
  const { socket, policy } = setUp('drop')
  t.equal(policy.isExceeded, true)
  socket.bufferedAmount = LIMIT
  t.equal(policy.isExceeded, false)
  socket.bufferedAmount = Number.MAX_SAFE_INTEGER
  policy.limits = NO_LIMITS
  t.equal(policy.isExceeded, false)
})

void t.test('isAccepted() returns false if the message was rejected, not if another was that is published meanwhile', async (t) => {
  const { socket, policy, send } = setUp('drop')
  t.equal(policy.isAccepted(() => { send() }), false)
  socket.bufferedAmount = 0
  t.equal(policy.isAccepted(() => {
    send()
    socket.bufferedAmount = LIMIT + 1
    t.equal(policy.isAccepted(() => { send() }), false)
  }), true)
  t.throws(() => policy.isAccepted(() => { throw new Error('boom') }), { message: 'boom' })
})

void t.test('what a subscriber sends while it receives a report is not decided about, and isDeciding() is true', async (t) => {
  const { policy, send } = setUp('drop')
  const refusedMessage = (): void => {
    t.ok(send())
    t.equal(isDeciding(), true)
  }
  t.plan(4)
  t.equal(isDeciding(), false)
  policy.reject('drop', undefined, { refusedMessage } as unknown as SocketRecord)
  t.equal(isDeciding(), false)
})
