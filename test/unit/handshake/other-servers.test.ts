import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { UpgradeHandler } from '../../../index.ts'
import { ignoreError } from '../../../lib/error-handling.ts'
import { OtherServers } from '../../../lib/handshake/other-servers.ts'
import { watchWrites } from '../../../lib/handshake/other-upgrade.ts'
import { assignResponse } from '../../../lib/internals/http1.ts'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import { kOwnListener } from '../../../lib/symbols.ts'
import { createLog, createOthers, readToEnd } from '../../helpers/pending-upgrade.ts'

const NOTHING = Buffer.alloc(0)
const REQUEST = { url: '/x', httpVersionMajor: 1, httpVersionMinor: 1, headers: { upgrade: 'websocket' } } as IncomingMessage

function createConnection (): Duplex {
  return new EventEmitter() as Duplex
}

/** Returns 'serve' or 'leave', as the other servers have decided. */
function decide (others: OtherServers, connection = createConnection()): string[] {
  const decisions: string[] = []
  others.decide(REQUEST, connection, () => decisions.push('serve'), () => decisions.push('leave'))
  return decisions
}

function createServerWith (...listeners: object[]): ReturnType<typeof createServer> {
  const server = createServer()
  for (const listener of [Object.assign(() => {}, { [kOwnListener]: true }), ...listeners]) {
    server.on('upgrade', listener as () => void)
  }
  return server
}

/** Creates other servers whose websocket routes are matched when `done` is called. */
function matchLater (handshakeTimeout: number): { others: OtherServers, done: (isMatch: boolean) => void } {
  let matched: (isMatch: boolean) => void = () => {}
  const options = { upgradeFallback: undefined, handshakeTimeout }
  const others = new OtherServers(createServerWith(() => {}), options, (_request, callback) => {
    matched = callback
  }, createLog().log)
  return { others, done: (isMatch) => matched(isMatch) }
}

void t.test('decide: without another listener or a fallback, all upgrades are served, and none is matched', async (t) => {
  const matchRoute = (): void => { t.fail('matched') }
  for (const [server, upgradeFallback] of [
    [createServerWith(), undefined], [createServerWith(() => {}), false], [createServerWith(), false]
  ] as const) {
    const options = { upgradeFallback, handshakeTimeout: 0 }
    t.same(decide(new OtherServers(server, options, matchRoute, createLog().log)), ['serve'])
  }
})

void t.test('decide: with another listener or a fallback, an upgrade is served if it matches a websocket route', async (t) => {
  for (const [server, fallback] of [[createServerWith(() => {}), undefined], [createServerWith(), () => {}]] as const) {
    t.same(decide(createOthers(server, true, fallback)), ['serve'])
    t.same(decide(createOthers(server, false, fallback)), ['leave'])
  }
})

void t.test('decide: listeners for errors of the connection stay', async (t) => {
  for (const isMatch of [true, false]) {
    const connection = createConnection()
    connection.on('error', ignoreError)
    decide(createOthers(createServerWith(() => {}), isMatch), connection)
    t.equal(connection.listenerCount('error'), 1)
  }
})

void t.test('decide: the decision waits for a route that is matched later', async (t) => {
  const { others, done } = matchLater(0)
  const connection = createConnection()
  const decisions = decide(others, connection)
  t.same(decisions, [])
  done(false)
  t.same(decisions, ['leave'])
  t.same(connection.eventNames(), [])
})

void t.test('decide: a client that resets its connection before its route is matched is neither served nor left', async (t) => {
  const { others, done } = matchLater(60_000)
  const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length
  const [connection, before] = [createConnection(), timers()]
  const decisions = decide(others, connection)
  t.equal(timers(), before + 1)
  // Without a listener this throws, and would end the process.
  connection.emit('error', new Error('read ECONNRESET'))
  connection.emit('close')
  done(true)
  t.same(decisions, [])
  t.same(connection.eventNames(), [])
  t.equal(timers(), before)
})

void t.test('decide: an upgrade whose route is not matched within handshakeTimeout is served, once', async (t) => {
  const { others, done } = matchLater(1)
  await new Promise<void>((resolve) => others.decide(REQUEST, createConnection(), resolve, () => t.fail('left')))
  done(false)
})

interface Left {
  /** Everything that the client receives. */
  received: Promise<string>
  connection: Socket
  logs: object[]
}

function leave (fallback?: UpgradeHandler, request = REQUEST): Left {
  const [client, connection] = createLoopback() as [Duplex, Socket]
  const { log, logs } = createLog()
  createOthers(createServer(), false, fallback, log).leave(request, connection, NOTHING, watchWrites(connection))
  return { received: readToEnd(client), connection, logs }
}

void t.test('leave: an error of a connection that nobody listens to does not end the process', async (t) => {
  const { connection } = leave()
  connection.destroy(new Error('reset'))
  await new Promise((resolve) => connection.once('close', resolve))
  t.equal(connection.listenerCount('error'), 1)
})

void t.test('leave: passes the upgrade to the fallback', async (t) => {
  const parameters: unknown[] = []
  const { connection, received } = leave((...each) => {
    parameters.push(...each)
    each[1].end('answer')
  })
  t.same(parameters, [REQUEST, connection, NOTHING])
  t.equal(await received, 'answer')
})

void t.test('leave: the fallback receives no upgrade to another protocol, and none that another listener answers', async (t) => {
  const fail = (): void => { t.fail('called') }
  leave(fail, { ...REQUEST, headers: { upgrade: 'tea' } } as IncomingMessage).connection.destroy()
  const [, connection] = createLoopback()
  assignResponse(REQUEST, connection)
  createOthers(createServer(), false, fail).leave(REQUEST, connection as Socket, NOTHING, () => false)
  connection.destroy()
})

void t.test('leave: a fallback that throws is logged and answered with 500', async (t) => {
  const { received, logs } = leave(() => { throw new Error('broken') })
  t.match(await received, /^HTTP\/1\.1 500 /)
  t.match(logs, [{ err: { message: 'broken' }, msg: 'the upgrade of "/x" failed' }])
})

void t.test('leave: a fallback that throws after it has created a response loses its connection', async (t) => {
  const { received, connection } = leave((request, socket) => {
    assignResponse(request, socket)
    throw new Error('broken')
  })
  t.equal(await received, '')
  t.equal(connection.destroyed, true)
})

void t.test('leave: a fallback that rejects after it has written loses its connection', async (t) => {
  const { received, logs, connection } = leave(async (_request, socket) => {
    socket.write('HTTP')
    throw new Error('late')
  })
  t.notMatch(await received, '500')
  t.equal(connection.destroyed, true)
  t.match(logs, [{ err: { message: 'late' } }])
})
