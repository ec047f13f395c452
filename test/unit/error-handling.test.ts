import { inspect } from 'node:util'
import fastify from 'fastify'
import t from 'tap'
import { closeWithError, isProtocolError, logError, toError } from '../../lib/error-handling.ts'
import { FST_WS_SLOW_CONSUMER } from '../../lib/errors.ts'
import { ERROR, INFO, WARN } from '../helpers/logs.ts'
import type { LogLine } from '../helpers/logs.ts'
import { createLog } from '../helpers/pending-upgrade.ts'

void t.test('toError: returns an error as it is', async (t) => {
  const error = Object.assign(new TypeError('boom', { cause: new Error('why') }), { code: 'E', statusCode: 400 })
  t.equal(toError(error, 'a hook'), error)
})

const VALUES: Array<[thrown: unknown, text: string]> = [
  [undefined, 'undefined'], [null, 'null'], ['text', '\'text\''], [0, '0'], [Symbol('s'), 'Symbol(s)'], [{ a: 1 }, '{ a: 1 }'],
  [Object.create(null), '[Object: null prototype] {}']
]

for (const [thrown, text] of VALUES) {
  void t.test(`toError: ${text} becomes an error that names the function, with the value as its cause`, async (t) => {
    const error = toError(thrown, 'a hook')
    t.type(error, Error)
    t.equal(error.message, `a hook threw ${text}`)
    t.equal(error.cause, thrown)
  })
}

function createRevokedProxy (): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function throwing (property: string, options: object = {}): unknown {
  return Object.defineProperty(new Error('boom'), property, { get () { throw new Error('getter') }, ...options })
}

function createErrorWithName (name: unknown): unknown {
  const error = new Error('boom')
  // Node creates the stack, which includes the name, when it is read first.
  t.type(error.stack, 'string')
  return Object.assign(error, { name })
}

const UNREADABLE: Array<[title: string, thrown: unknown]> = [
  ['a revoked proxy', createRevokedProxy()],
  ['an error whose cause is a revoked proxy', new Error('boom', { cause: createRevokedProxy() })],
  ['an error whose message throws', throwing('message')],
  ['an error whose stack throws', throwing('stack')],
  ['an error whose cause throws', throwing('cause')],
  ['an error with a property that throws', throwing('details', { enumerable: true })],
  ['an error whose name cannot be converted to text', createErrorWithName(Object.create(null))],
  ['an object that cannot be inspected', { [inspect.custom] () { throw new Error('no') } }]
]

for (const [title, thrown] of UNREADABLE) {
  void t.test(`toError: ${title} becomes an error that can be read`, async (t) => {
    const error = toError(thrown, 'a hook')
    t.equal(error.message, 'a hook threw a value that cannot be inspected')
    t.equal(error.cause, undefined)
  })
}

void t.test('toError: a cycle of causes ends', async (t) => {
  const error = new Error('boom')
  error.cause = new Error('cause', { cause: error })
  t.equal(toError(error, 'a hook'), error)
})

void t.test('logError: logs the error and a message, on the level given or as an error', async (t) => {
  const { log, logs } = createLog()
  logError(log, new Error('boom'), 'it failed')
  logError(log, new Error('boom'))
  logError(log, new Error('boom'), undefined, 'info')
  logError(log, new Error('boom'), 'it failed', 'warn')
  t.match(logs, [
    { level: ERROR, msg: 'it failed', err: { message: 'boom' } },
    { level: ERROR, msg: 'boom', err: { message: 'boom' } },
    { level: INFO, msg: 'boom', err: { message: 'boom' } },
    { level: WARN, msg: 'it failed', err: { message: 'boom' } }
  ])
})

void t.test('logError: if the serializer of the logger throws, logs the message alone', async (t) => {
  const logs: LogLine[] = []
  const { log } = fastify({
    logger: {
      stream: { write (line: string) { logs.push(JSON.parse(line)) } },
      serializers: { err () { throw new Error('serializer') } }
    }
  })
  logError(log, new Error('boom'), 'it failed')
  logError(log, new Error('boom'), undefined, 'warn')
  t.match(logs, [
    { level: ERROR, msg: 'it failed: boom (the logger failed to serialize the error)' },
    { level: WARN, msg: 'boom (the logger failed to serialize the error)' }
  ])
})

void t.test('isProtocolError: returns true for the errors of ws and of zlib', async (t) => {
  for (const code of ['WS_ERR_INVALID_UTF8', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Z_DATA_ERROR', 'Z_BUF_ERROR']) {
    t.equal(isProtocolError(Object.assign(new Error(), { code })), true, code)
  }
})

void t.test('isProtocolError: returns false for other errors and values', async (t) => {
  for (const code of ['ECONNRESET', 'FST_WS_SLOW_CONSUMER', 'XWS_ERR_', '', undefined, 7]) {
    t.equal(isProtocolError(Object.assign(new Error(), { code })), false, String(code))
  }
  for (const value of [new Error('WS_ERR_'), { code: 'WS_ERR_INVALID_UTF8' }, null, undefined, 'WS_ERR_']) {
    t.equal(isProtocolError(value), false)
  }
})

void t.test('closeWithError: closes the socket with 1011, and logs a protocol error as info, a slow consumer as a warning', async (t) => {
  const { log, logs } = createLog()
  const codes: unknown[][] = []
  const socket = { close: (...parameters: unknown[]) => codes.push(parameters) }
  const protocolError = Object.assign(new Error('invalid'), { code: 'WS_ERR_INVALID_UTF8' })
  for (const error of [protocolError, new FST_WS_SLOW_CONSUMER(2, 1), new Error('boom')]) {
    closeWithError(error, socket as never, { log } as never)
  }
  t.match(logs, [
    { level: INFO, err: { code: 'WS_ERR_INVALID_UTF8' } },
    { level: WARN, err: { code: 'FST_WS_SLOW_CONSUMER' } },
    { level: ERROR, err: { message: 'boom' } }
  ])
  t.equal(logs.length, 3)
  t.same(codes, [[1011], [1011], [1011]])
})
