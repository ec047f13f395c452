import { mock } from 'node:test'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { RelayErrorHandler, RelayErrorMessage } from '../../../index.ts'
import { RelayReporter } from '../../../lib/relay/reporter.ts'
import { record } from '../../helpers/channels.ts'

const failure = new Error('down')
const FAILED = 'warn the relay has failed: published messages may not reach other nodes'

t.beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
})

interface Fixture {
  reporter: RelayReporter
  fastify: FastifyInstance
  logs: string[]
}

function createReporter (onRelayError?: RelayErrorHandler): Fixture {
  const logs: string[] = []
  const log = {
    error: ({ message }: Error, text: string) => logs.push(`error ${text}: ${message}`),
    warn: (_error: Error, text: string) => logs.push(`warn ${text}`),
    info: (text: string) => logs.push(`info ${text}`)
  }
  const topics = { deliver: (...args: unknown[]) => logs.push(args.join(' ')) }
  const fastify = { log } as unknown as FastifyInstance
  return { reporter: new RelayReporter(fastify, topics, onRelayError), fastify, logs }
}

void t.test('a message of another node is delivered', async (t) => {
  const { reporter, logs } = createReporter()
  reporter.deliver('news', 'text', false)
  t.same(logs, ['news text false'])
})

void t.test('each error goes to onRelayError and to the channel, and the first one to the log', async (t) => {
  const published = record<RelayErrorMessage>(t, 'relay:error')
  const handled: unknown[] = []
  const { reporter, fastify, logs } = createReporter((...args) => handled.push(args))
  reporter.failed(failure, 'publish', 'news')
  reporter.failed(failure, 'connect', undefined)
  t.same(handled, [[failure, { operation: 'publish', topic: 'news' }], [failure, { operation: 'connect', topic: undefined }]])
  t.same([...published], [
    { fastify, error: failure, operation: 'publish', topic: 'news' },
    { fastify, error: failure, operation: 'connect', topic: undefined }
  ])
  t.same(logs, [FAILED])
})

void t.test('an invalid message is logged once, and does not hide an outage', async (t) => {
  const { reporter, logs } = createReporter()
  reporter.failed(failure, 'receive', 'news')
  reporter.failed(failure, 'receive', 'news')
  reporter.succeeded()
  mock.timers.tick(10_000)
  reporter.failed(failure, 'publish', 'news')
  t.same(logs, ['warn the relay has delivered an invalid message', FAILED])
})

void t.test('the log has a line when the relay works again, and none has failed for 6 s', async (t) => {
  const { reporter, logs } = createReporter()
  reporter.succeeded()
  mock.timers.tick(10_000)
  t.same(logs, [], 'nothing has failed')
  reporter.failed(failure, 'publish', 'news')
  mock.timers.tick(10_000)
  reporter.succeeded()
  mock.timers.tick(5999)
  reporter.succeeded()
  reporter.failed(failure, 'publish', 'news')
  mock.timers.tick(10_000)
  t.same(logs, [FAILED], 'nothing has succeeded since the last error')
  reporter.succeeded()
  reporter.succeeded()
  mock.timers.tick(6000)
  t.same(logs, [FAILED, 'info the relay works again'])
  reporter.failed(failure, 'publish', 'news')
  t.same(logs, [FAILED, 'info the relay works again', FAILED])
})

void t.test('an onRelayError that throws or rejects is logged', async (t) => {
  for (const handler of [
    () => { throw new Error('broken') },
    async () => { throw new Error('broken') },
    () => { throw 'broken' } // eslint-disable-line no-throw-literal
  ]) {
    const { reporter, logs } = createReporter(handler)
    reporter.failed(failure, 'publish', 'news')
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(logs.length, 2)
    t.match(logs[1], /^error onRelayError threw an error: .*broken/)
  }
})
