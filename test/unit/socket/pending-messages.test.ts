import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { PendingSocket, collectFrom } from './pending-socket.ts'

const LARGE = Buffer.alloc(16 * 1024)

mock.timers.enable({ apis: ['setTimeout'] })

void t.test('messages are dropped, and those that follow, if nothing has listened for 5 s', async (t) => {
  const socket = new PendingSocket()
  socket.pending.add([LARGE, true])
  t.ok(socket.isPaused)
  mock.timers.tick(4999)
  t.ok(socket.isPaused)
  mock.timers.tick(1)
  t.notOk(socket.isPaused)
  socket.pending.add([LARGE, true])
  t.ok(socket.pending.isIdle)
  t.match(socket.warnings, [/^websocket messages were dropped: 'message' had no listener for 5 s\. Add a listener/])

  socket.once('message', () => {})
  await turn()
  socket.receive('received')
  socket.pending.add([LARGE, true])
  t.notOk(socket.pending.isIdle, 'after a listener, messages are pending again')
  t.ok(socket.isPaused)
  mock.timers.tick(5000)
  t.ok(socket.pending.isIdle)
  t.equal(socket.warnings.length, 1, 'one warning for a socket')
})

void t.test('messages are dropped as soon as the handler has returned without a listener', async (t) => {
  const socket = new PendingSocket()
  socket.pending.add([LARGE, true])
  socket.pending.handlerReturned()
  t.notOk(socket.isPaused)
  t.ok(socket.pending.isIdle)
  t.match(socket.warnings, [/'message' has no listener, and the handler has returned\. Add a listener/])

  const late = new PendingSocket(true)
  late.receive('small')
  t.notOk(late.pending.isIdle, 'a small message is pending all the same')
  late.pending.add([LARGE, true])
  t.ok(late.pending.isIdle)
  t.notOk(late.isPaused)
})

void t.test('a handler that listens to one message at a time has 5 s for each', async (t) => {
  const socket = new PendingSocket()
  for (let count = 0; count < 3; count++) socket.pending.add([LARGE, true])
  for (let count = 0; count < 3; count++) {
    t.ok(socket.isPaused)
    mock.timers.tick(3000)
    let length = 0
    socket.once('message', (data) => { length = data.length })
    await turn()
    t.equal(length, LARGE.length)
  }
  t.notOk(socket.isPaused)
  t.same(socket.warnings, [])
})

void t.test('resume() before anything listens does not resume the connection', async (t) => {
  const socket = new PendingSocket()
  socket.pending.add([LARGE, true])
  socket.pending.resume()
  t.ok(socket.isPaused)
})

void t.test('no message is dropped while the user has paused the socket', async (t) => {
  const socket = new PendingSocket()
  socket.pending.add([LARGE, true])
  socket.pending.pause()
  mock.timers.tick(5000)
  socket.pending.handlerReturned()
  t.notOk(socket.pending.isIdle)
  t.ok(socket.isPaused)

  const dropping = new PendingSocket(true)
  dropping.pending.add([LARGE, true])
  dropping.pending.pause()
  dropping.receive('kept')
  const texts = dropping.collect()
  dropping.pending.resume()
  await turn()
  t.same(texts, ['kept'], 'messages that arrive after that are kept')
})

void t.test('tiny messages count for the memory that they take, and pause the connection', async (t) => {
  const socket = new PendingSocket()
  for (let count = 0; count < 126; count++) socket.pending.add([Buffer.alloc(1), true])
  t.notOk(socket.isPaused)
  socket.pending.add([Buffer.alloc(1), true])
  socket.pending.add([Buffer.alloc(1), true])
  t.ok(socket.isPaused)
})

void t.test('a pending message has memory of its own, and does not keep the chunk alive in which it arrived', async (t) => {
  const slab = Buffer.allocUnsafeSlow(64 * 1024)
  const received: Buffer[] = []
  const pending = new PendingSocket()
  pending.pending.add([slab.subarray(0, 5000), true])
  pending.on('message', (data) => received.push(data))

  const left = new PendingSocket()
  const iterator = left.iterate()
  void iterator.next()
  left.receive('taken')
  left.pending.add([slab.subarray(0, 50), true])
  await iterator.return()
  left.on('message', (data) => received.push(data))

  await turn()
  t.same(received.map(({ length, buffer }) => [length, buffer.byteLength]), [[5000, 5000], [50, 50]])
})

void t.test('no timer is left when the socket closes, and its messages stay for a listener', async (t) => {
  const socket = new PendingSocket()
  socket.pending.add([LARGE, true])
  socket.close()
  mock.timers.tick(5000)
  socket.pending.handlerReturned()
  t.notOk(socket.pending.isIdle, 'they stay pending')
})

// Several consumers

void t.test('messages that a loop has not taken are emitted to the next listener, once and in order', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const first = iterator.next()
  socket.receive('1', '2', '3')
  t.same(await first, { value: '1', done: false })
  await iterator.return()
  socket.receive('4')
  const texts = socket.collect()
  socket.receive('5')
  await turn()
  t.same(texts, ['2', '3', '4', '5'])
})

void t.test('a consumer begins with the first message that no other consumer has received', async (t) => {
  const socket = new PendingSocket()
  const loop = socket.iterate()
  const first = loop.next()
  socket.receive('1', '2', '3')
  await first
  const listener = socket.collect()
  const beside = collectFrom(socket.iterate())
  await turn()
  t.same([listener, beside], [['2', '3'], ['2', '3']], 'how far a loop has read ahead has no effect')

  const late = socket.collect()
  const lateLoop = collectFrom(socket.iterate())
  socket.receive('4')
  await turn()
  t.same([listener, beside, late, lateLoop], [['2', '3', '4'], ['2', '3', '4'], ['4'], ['4']])
})

void t.test('a listener that is added within a loop receives the messages that the loop takes next', async (t) => {
  const socket = new PendingSocket()
  const texts: string[] = []
  const taken: string[] = []
  void (async () => {
    for await (const each of socket.iterate()) {
      taken.push(String(each))
      // The loop continues before the next tick.
      if (each === '1') socket.on('message', (data) => texts.push(String(data)))
    }
  })()
  socket.receive('1', '2', '3')
  await turn()
  t.same([taken, texts], [['1', '2', '3'], ['2', '3']])
})

void t.test('a listener that throws prevents neither the messages that follow nor \'close\'', async (t) => {
  const socket = new PendingSocket()
  const thrown: unknown[] = []
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  socket.pending.pause()
  socket.receive('1', '2')
  const texts: string[] = []
  socket.on('message', (data) => {
    texts.push(String(data))
    throw new Error(`no ${data}`)
  })
  socket.close()
  t.same(texts, ['1', '2'])
  await turn()
  t.match(thrown, [{ message: 'no 1' }, { message: 'no 2' }])
})

// Pausing the connection

void t.test('the connection is paused for the slowest of several loops, and resumed at half of its pending messages', async (t) => {
  const socket = new PendingSocket()
  const slow = socket.iterate()
  const first = slow.next()
  const quick = collectFrom(socket.iterate())
  const numbers = Array.from({ length: 17 }, (_, index) => String(index))
  socket.receive(...numbers.slice(0, 16))
  await first
  t.notOk(socket.isPaused)
  socket.receive('16')
  await turn()
  t.equal(quick.length, 17)
  t.ok(socket.isPaused)
  for (let count = 0; count < 8; count++) {
    t.ok(socket.isPaused, 'until half of them are taken')
    await slow.next()
  }
  t.notOk(socket.isPaused)
})

void t.test('a loop that is left does not pause the connection any more', async (t) => {
  const socket = new PendingSocket()
  const slow = socket.iterate()
  void slow.next()
  const texts = socket.collect()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  t.ok(socket.isPaused)
  await slow.return()
  t.notOk(socket.isPaused)
  t.equal(texts.length, 17)
})

void t.test('a socket that the user paused emits nothing, and no loop resumes it', async (t) => {
  const socket = new PendingSocket()
  const loop = socket.iterate()
  const first = loop.next()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  await first
  t.ok(socket.isPaused)
  socket.pending.pause()
  const texts = socket.collect()
  const second = loop.next()
  await turn()
  t.same(texts, [])
  await loop.return()
  t.same(await second, { value: undefined, done: true })
  t.ok(socket.isPaused, 'leaving the loop does not resume it')
  socket.pending.resume()
  t.notOk(socket.isPaused)
  await turn()
  t.equal(texts.length, 16)
})

void t.test('resume() does not resume a connection that is paused for a loop', async (t) => {
  const socket = new PendingSocket()
  const loop = socket.iterate()
  const first = loop.next()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  await first
  socket.pending.pause()
  socket.pending.resume()
  t.ok(socket.isPaused)
  await turn()
  for (let count = 0; count < 8; count++) await loop.next()
  t.notOk(socket.isPaused)
})
