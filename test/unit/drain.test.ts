import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { Drain } from '../../lib/drain.ts'
import { OpenSockets } from '../../lib/socket/open-sockets.ts'
import { waitTurns } from '../helpers/waiting.ts'

/** A socket that closes when the test says so. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  closes: unknown[] = []

  close (code: number, reason: string): void {
    this.readyState = 2
    this.closes.push(`${code} ${reason}`)
  }
}

interface Fixture {
  drain: Drain
  sockets: FakeSocket[]
  open: OpenSockets
  shutdown: { hasBegun: boolean, sockets: OpenSockets }
  /** Retirements of sessions, and errors that were logged. */
  events: string[]
}

function setUp (t: Test, count: number): Fixture {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const sockets = Array.from({ length: count }, () => new FakeSocket())
  const events: string[] = []
  const open = new OpenSockets(new Set(sockets as unknown as WebSocket[]))
  const shutdown = { hasBegun: false, sockets: open }
  const sessions = { retire: () => { events.push(`retire, ${countClosed(sockets)} closed`) } }
  const log = { error: (error: Error) => { events.push(error.message) } }
  return { drain: new Drain(shutdown as never, sessions as never, log as never), sockets, open, shutdown, events }
}

function countClosed (sockets: FakeSocket[]): number {
  return sockets.filter(({ closes }) => closes.length > 0).length
}

async function tick (milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds)
  await waitTurns(2)
}

void t.test('closeAll() sends GOAWAY before the first Close, spreads the others, and resolves after the last \'close\'', async (t) => {
  const { drain, sockets, open, events } = setUp(t, 4)
  let drained: number | undefined
  void drain.closeAll({ over: 400 }).then((count) => { drained = count })
  t.same(events, ['retire, 0 closed'])
  await waitTurns(2)
  for (let closed = 1; closed <= 4; closed++) {
    t.equal(countClosed(sockets), closed)
    await tick(100)
  }
  t.same(sockets.map(({ closes }) => closes), Array(4).fill(['1012 reconnect']))
  for (const socket of sockets) {
    t.equal(drained, undefined)
    open.remove(socket as unknown as WebSocket)
    await waitTurns()
  }
  t.equal(drained, 4)
})

void t.test('closeAll() resolves although its sockets close before GOAWAY is sent', async (t) => {
  const { drain, sockets, open } = setUp(t, 2)
  const drained = drain.closeAll({ over: 0 })
  for (const socket of sockets) {
    socket.readyState = 3
    open.remove(socket as unknown as WebSocket)
  }
  t.equal(await drained, 2)
  t.equal(countClosed(sockets), 0)
})

void t.test('closeAll() stops when its sockets have closed by themselves, and skips those that are closing', async (t) => {
  const { drain, sockets, open } = setUp(t, 3)
  sockets[2]!.readyState = 2
  const drained = drain.closeAll({ over: 60_000 })
  await waitTurns(2)
  for (const socket of sockets.slice(0, 2)) open.remove(socket as unknown as WebSocket)
  t.equal(await drained, 2)
  await tick(60_000)
  t.same(sockets.map(({ closes }) => closes.length), [1, 0, 0])
})

void t.test('a shutdown that begins during closeAll() closes the sockets that are left itself', async (t) => {
  const { drain, sockets, shutdown, open } = setUp(t, 2)
  const drained = drain.closeAll({ over: 200 })
  await waitTurns(2)
  shutdown.hasBegun = true
  await tick(200)
  t.equal(countClosed(sockets), 1)
  for (const socket of sockets) open.remove(socket as unknown as WebSocket)
  t.equal(await drained, 2)
})

void t.test('closeAll() rejects with the error of a close() of the user\'s class', async (t) => {
  const { drain, sockets } = setUp(t, 1)
  sockets[0]!.close = () => { throw new Error('cannot close') }
  await t.rejects(drain.closeAll({ over: 0 }), { message: 'cannot close' })
})

void t.test('closeSession() closes the sockets of one session, and those that open on it later', async (t) => {
  const { drain, sockets, events } = setUp(t, 3)
  const [own, late, other] = sockets
  const session = {
    sockets: [own] as unknown as WebSocket[],
    onLateSocket: undefined as ((socket: WebSocket) => void) | undefined,
    retire () {}
  }
  drain.closeSession(session, 1000)
  session.onLateSocket!(late as unknown as WebSocket)
  t.same([own, late, other].map((socket) => socket!.closes), [['1012 reconnect'], ['1012 reconnect'], []])
  session.onLateSocket!(late as unknown as WebSocket)
  t.equal(late!.closes.length, 1)

  other!.close = () => { throw new Error('cannot close') }
  drain.closeSession({ ...session, sockets: [other] as unknown as WebSocket[] }, 0)
  await waitTurns(2)
  t.same(events, ['cannot close'])
})
