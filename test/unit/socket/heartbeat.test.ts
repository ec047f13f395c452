import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { WebSocket } from '../../../index.ts'
import type { Connection, ConnectionObserver } from '../../../lib/socket/connection.ts'
import { Heartbeat } from '../../../lib/socket/heartbeat.ts'

const INTERVAL = 1000
/** Bytes that the slowest acceptable peer reads in one interval. */
const SLOW_READ = 8 * INTERVAL

class FakeSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  isPaused = false
  bufferedAmount = 0
  pings = 0
  terminations = 0

  ping (): void {
    this.pings++
  }

  terminate (): void {
    this.terminations++
    this.readyState = 3
  }
}

class FakeConnection {
  bytesAccepted = 0
  progress = 0
  readonly observers: ConnectionObserver[] = []
  readonly timeouts: number[] = []

  observe (observer: ConnectionObserver): void {
    this.observers.push(observer)
  }

  measureProgress (): number {
    return this.progress
  }

  destroyIfUnresponsive (timeout: number): void {
    this.timeouts.push(timeout)
  }
}

interface Parts {
  socket: FakeSocket
  connection: FakeConnection
  /** Calls of the observer, with the terminations at that time. */
  reports: number[]
  /** Lets an interval pass, and the turn in which an unread pong is waited for. */
  beat: () => Promise<void>
  /** Receives data of the peer, such as a pong. */
  receive: () => void
}

let now = 0
let last: Heartbeat | undefined

function pass (milliseconds: number): void {
  now += milliseconds
  mock.timers.tick(milliseconds)
}

/** @param bytesAccepted bytes that the kernel accepted before the heartbeat starts */
function setUp (bytesAccepted = 0): Parts {
  last?.onClose()
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(performance, 'now', () => now)
  const [socket, connection, reports] = [new FakeSocket(), new FakeConnection(), [] as number[]]
  connection.bytesAccepted = bytesAccepted
  const observer = { unresponsive: () => { reports.push(socket.terminations) } }
  last = new Heartbeat(socket as unknown as WebSocket, connection as unknown as Connection, INTERVAL, observer)
  last.start()
  return {
    socket,
    connection,
    reports,
    beat: async () => {
      pass(INTERVAL)
      await turn()
      await turn()
    },
    receive: () => connection.observers.at(-1)!.onData()
  }
}

void t.test('a socket is pinged once in each interval, as long as its peer answers', async (t) => {
  const { socket, beat, receive } = setUp()
  t.equal(socket.pings, 0)
  for (let count = 1; count <= 5; count++) {
    await beat()
    t.equal(socket.pings, count)
    receive()
  }
  t.equal(socket.terminations, 0)
})

void t.test('a peer that does not answer a ping within an interval is unresponsive: the socket is terminated', async (t) => {
  const { socket, connection, reports, beat } = setUp()
  await beat()
  t.equal(socket.terminations, 0, 'the first ping is sent, though nothing was received yet')
  await beat()
  t.equal(socket.terminations, 1)
  t.equal(socket.pings, 1)
  t.same(connection.timeouts, [INTERVAL], 'the session is checked too')
  t.strictSame(reports, [0], 'reported once, before the termination')
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('a pong that arrived while the process was busy is waited for one turn of the event loop', async (t) => {
  const { socket, beat, receive } = setUp()
  await beat()
  pass(INTERVAL)
  t.equal(socket.terminations, 0)
  receive()
  await turn()
  t.equal(socket.terminations, 0)
  t.equal(socket.pings, 2)
})

void t.test('a socket that closes within that turn is not terminated', async (t) => {
  const { socket, beat } = setUp()
  await beat()
  pass(INTERVAL)
  socket.readyState = 2
  await turn()
  t.equal(socket.terminations, 0)
  t.equal(socket.pings, 1)
})

void t.test('data is listened for once in an interval', async (t) => {
  const { connection, beat, receive } = setUp()
  t.equal(connection.observers.length, 1)
  await beat()
  t.equal(connection.observers.length, 1, 'nothing was received, so it still listens')
  receive()
  await beat()
  t.equal(connection.observers.length, 2)
})

void t.test('a paused socket is not unresponsive: its pong may be unread', async (t) => {
  const { socket, beat } = setUp()
  await beat()
  socket.isPaused = true
  for (let count = 0; count < 5; count++) await beat()
  socket.isPaused = false
  await beat()
  t.equal(socket.terminations, 0, 'it was paused when the last ping was sent')
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('a peer that reads waiting data is not unresponsive, though it sends nothing', async (t) => {
  const { socket, connection, beat } = setUp()
  socket.bufferedAmount = 100
  for (let count = 0; count < 10; count++) {
    connection.progress++
    await beat()
  }
  t.equal(socket.terminations, 0)
  t.equal(socket.pings, 10)
})

void t.test('progress without waiting data is no sign of life: the kernel accepts a ping by itself', async (t) => {
  const { socket, connection, beat } = setUp()
  await beat()
  connection.progress++
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('a peer with much data ahead of the ping has as many intervals as a slow reader needs, up to four', async (t) => {
  const cases = [[SLOW_READ - 1, 1], [SLOW_READ, 2], [2 * SLOW_READ, 3], [1000 * SLOW_READ, 4]] as const
  for (const [ahead, intervals] of cases) {
    for (const isInKernel of [false, true]) {
      const { socket, connection, beat } = setUp()
      if (isInKernel) connection.bytesAccepted = ahead
      else socket.bufferedAmount = ahead
      await beat()
      for (let count = 1; count < intervals; count++) {
        await beat()
        t.equal(socket.terminations, 0, `${ahead} bytes, interval ${count}`)
        t.equal(socket.pings, count + 1)
      }
      await beat()
      t.equal(socket.terminations, 1, `${ahead} bytes`)
    }
  }
})

void t.test('data that was ahead of an answered ping gives a peer no more time', async (t) => {
  const { socket, connection, beat, receive } = setUp()
  connection.bytesAccepted = 1000 * SLOW_READ
  await beat()
  receive()
  await beat()
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('data that was sent before the heartbeat started gives a peer no more time', async (t) => {
  const { socket, beat } = setUp(1000 * SLOW_READ)
  await beat()
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('a pong in the last turn starts the silent intervals anew', async (t) => {
  const { socket, beat, receive } = setUp()
  socket.bufferedAmount = 1000 * SLOW_READ
  for (let count = 0; count < 4; count++) await beat()
  pass(INTERVAL)
  receive()
  await turn()
  for (let count = 0; count < 3; count++) await beat()
  t.equal(socket.terminations, 0)
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('progress starts the silent intervals anew', async (t) => {
  const { socket, connection, beat } = setUp()
  socket.bufferedAmount = 2 * SLOW_READ
  for (let count = 0; count < 3; count++) await beat()
  connection.progress++
  for (let count = 0; count < 3; count++) await beat()
  t.equal(socket.terminations, 0)
  await beat()
  t.equal(socket.terminations, 1)
})

void t.test('a socket that is closing is neither pinged nor terminated', async (t) => {
  const { socket, beat } = setUp()
  socket.readyState = 2
  for (let count = 0; count < 3; count++) await beat()
  t.equal(socket.pings, 0)
  t.equal(socket.terminations, 0)
})

void t.test('the heartbeat ends with the connection', async (t) => {
  const { socket, connection, beat } = setUp()
  await beat()
  connection.observers[0]!.onClose()
  for (let count = 0; count < 3; count++) await beat()
  t.equal(socket.pings, 1)
  t.equal(socket.terminations, 0)
})
