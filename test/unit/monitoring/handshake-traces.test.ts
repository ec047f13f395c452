import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { HandshakeMessage } from '../../../index.ts'
import { handshakeChannel } from '../../../lib/channels.ts'
import { toRefused } from '../../../lib/handshake/refused-handshake.ts'
import { HandshakeTraces } from '../../../lib/monitoring/handshake-traces.ts'
import type { SocketRecord } from '../../../lib/socket/socket-record.ts'
import { recordTraces } from '../../helpers/channels.ts'
import { receiveUpgrade } from '../../helpers/pending-upgrade.ts'

const FASTIFY = {} as FastifyInstance
const RECORD = { socket: {}, request: {}, route: '/a' } as unknown as SocketRecord

void t.test('a handshake that opens a socket is published from start to asyncEnd, with one object', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { names, messages } = recordTraces(t)
  const { request, upgrade, client } = await receiveUpgrade()
  traces.start(request, upgrade, () => names.push('passed on'))
  traces.open(upgrade, RECORD)
  t.same(names, ['start', 'passed on', 'end', 'asyncStart', 'asyncEnd'])
  t.equal(new Set(messages).size, 1)
  t.equal(messages[0]!.rawRequest, request)
  t.equal(messages[0]!.fastify, FASTIFY)
  t.match(messages[0], { httpVersion: '1.1', route: '/a', status: undefined, cause: undefined, error: undefined })
  t.equal(messages[0]!.socket, RECORD.socket)
  client.destroy()
})

void t.test('a handshake that is refused is published with its status, cause and error', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { names, messages } = recordTraces(t)
  const { request, response, upgrade, client } = await receiveUpgrade()
  traces.start(request, upgrade, () => {
    response.writeHead(403).end()
    traces.refuse(toRefused(upgrade))
  })
  t.same(names, ['start', 'error', 'asyncStart', 'asyncEnd', 'end'], 'end is last, because nothing was asynchronous')
  t.match(messages[0], {
    status: 403, cause: 'reply', socket: undefined, error: { code: 'FST_WS_HANDSHAKE_REFUSED', message: /reply.*403/ }
  })
  client.destroy()
})

void t.test('a handshake ends once', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { names } = recordTraces(t)
  const { request, upgrade, client } = await receiveUpgrade()
  traces.start(request, upgrade, () => {})
  traces.open(upgrade, RECORD)
  traces.open(upgrade, RECORD)
  traces.refuse(toRefused(upgrade))
  t.same(names, ['start', 'end', 'asyncStart', 'asyncEnd'])
  client.destroy()
})

void t.test('a handshake that began without subscribers is not published later', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { request, upgrade, client } = await receiveUpgrade()
  let isPassedOn = false
  traces.start(request, upgrade, () => { isPassedOn = true })
  t.ok(isPassedOn)
  const { names } = recordTraces(t)
  traces.open(upgrade, RECORD)
  traces.refuse({ ...toRefused(upgrade), upgrade: undefined })
  t.same(names, [])
  client.destroy()
})

void t.test('a subscriber of one channel is enough, and so is a bound store', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { request, upgrade, client } = await receiveUpgrade()
  const ended: HandshakeMessage[] = []
  const listener = (message: unknown): void => { ended.push(message as HandshakeMessage) }
  handshakeChannel.asyncEnd.subscribe(listener)
  traces.start(request, upgrade, () => {})
  traces.open(upgrade, RECORD)
  handshakeChannel.asyncEnd.unsubscribe(listener)
  t.equal(ended.length, 1)

  const store = new AsyncLocalStorage<HandshakeMessage>()
  handshakeChannel.start.bindStore(store, (message) => message as HandshakeMessage)
  t.teardown(() => handshakeChannel.start.unbindStore(store))
  traces.start(request, upgrade, () => t.equal(store.getStore()?.rawRequest, request))
  t.equal(store.getStore(), undefined)
  client.destroy()
})

void t.test('what the synchronous part throws is thrown, after end', async (t) => {
  const traces = new HandshakeTraces(FASTIFY)
  const { names } = recordTraces(t)
  const { request, upgrade, client } = await receiveUpgrade()
  t.throws(() => traces.start(request, upgrade, () => { throw new Error('broken') }), { message: 'broken' })
  t.same(names, ['start', 'end'])
  client.destroy()
})
