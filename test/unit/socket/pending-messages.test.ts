import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { WebSocket } from 'ws'
import { PendingMessages } from '../../../lib/socket/pending-messages.ts'
import { MessageIterator } from '../../../lib/socket/message-iterator.ts'

const LARGE = Buffer.alloc(16 * 1024)

/** A socket that passes on what its hold does to its connection. */
class FakeSocket extends EventEmitter {
  readonly CLOSED = 3
  readyState = 1
  /** Whether the connection is paused. */
  isPaused = false
  readonly warnings: string[] = []
  readonly hold: PendingMessages

  constructor (isHandled = false) {
    super()
    this.hold = new PendingMessages(this as unknown as WebSocket, {
      emit: (message) => { this.emit('message', ...message) },
      pause: () => { this.isPaused = true },
      resume: () => { this.isPaused = false },
      onDropped: (warning) => { this.warnings.push(warning) }
    }, isHandled)
  }

  /** Receives messages, each a text. */
  receive (...texts: string[]): void {
    for (const text of texts) this.hold.add([Buffer.from(text), false])
  }

  iterate (): MessageIterator {
    return new MessageIterator(this as unknown as WebSocket, this.hold)
  }

  close (): void {
    this.readyState = this.CLOSED
    this.hold.flush()
    this.emit('close')
  }

  /** Adds a listener, and returns what it receives. */
  collect (): string[] {
    const texts: string[] = []
    this.on('message', (data) => texts.push(String(data)))
    return texts
  }
}

/** Takes all messages in a loop, and returns the list of them. */
function collectFrom (iterator: MessageIterator): string[] {
  const texts: string[] = []
  void (async () => { for await (const each of iterator) texts.push(String(each)) })()
  return texts
}

mock.timers.enable({ apis: ['setTimeout'] })

void t.test('a handler that lets its peer wait for 5 s does not listen: what is held is dropped, and what follows', async (t) => {
  const socket = new FakeSocket()
  socket.hold.add([LARGE, true])
  t.ok(socket.isPaused)
  mock.timers.tick(4999)
  t.ok(socket.isPaused)
  mock.timers.tick(1)
  t.notOk(socket.isPaused)
  socket.hold.add([LARGE, true])
  t.ok(socket.hold.isIdle)
  t.match(socket.warnings, [/^websocket messages were dropped: 'message' had no listener for 5 s\. Add a listener/])

  socket.once('message', () => {})
  await turn()
  socket.receive('heard')
  socket.hold.add([LARGE, true])
  t.notOk(socket.hold.isIdle, 'one who listens after all is waited for again')
  t.ok(socket.isPaused)
  mock.timers.tick(5000)
  t.ok(socket.hold.isIdle)
  t.equal(socket.warnings.length, 1, 'one warning for a socket')
})

void t.test('a handler that has returned is not waited for', async (t) => {
  const socket = new FakeSocket()
  socket.hold.add([LARGE, true])
  socket.hold.handlerReturned()
  t.notOk(socket.isPaused)
  t.ok(socket.hold.isIdle)
  t.match(socket.warnings, [/'message' has no listener, and the handler has returned\. Add a listener/])

  const late = new FakeSocket(true)
  late.receive('small')
  t.notOk(late.hold.isIdle, 'what is small is held all the same')
  late.hold.add([LARGE, true])
  t.ok(late.hold.isIdle)
  t.notOk(late.isPaused)
})

void t.test('one who listens to one message at a time may take 5 s for each', async (t) => {
  const socket = new FakeSocket()
  for (let count = 0; count < 3; count++) socket.hold.add([LARGE, true])
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

void t.test('a socket that is resumed before anyone listens stays paused', async (t) => {
  const socket = new FakeSocket()
  socket.hold.add([LARGE, true])
  socket.hold.resume()
  t.ok(socket.isPaused)
})

void t.test('of a socket that its user has paused nothing is dropped, however long it takes', async (t) => {
  const socket = new FakeSocket()
  socket.hold.add([LARGE, true])
  socket.hold.pause()
  mock.timers.tick(5000)
  socket.hold.handlerReturned()
  t.notOk(socket.hold.isIdle)
  t.ok(socket.isPaused)

  const dropping = new FakeSocket(true)
  dropping.hold.add([LARGE, true])
  dropping.hold.pause()
  dropping.receive('kept')
  const texts = dropping.collect()
  dropping.hold.resume()
  await turn()
  t.same(texts, ['kept'], 'nor what arrives after that')
})

void t.test('many tiny messages are not cheaper than they are', async (t) => {
  const socket = new FakeSocket()
  for (let count = 0; count < 126; count++) socket.hold.add([Buffer.alloc(1), true])
  t.notOk(socket.isPaused)
  socket.hold.add([Buffer.alloc(1), true])
  socket.hold.add([Buffer.alloc(1), true])
  t.ok(socket.isPaused)
})

void t.test('a message counts for its bytes, whatever its binaryType', async (t) => {
  const bytes = Buffer.alloc(8000)
  for (const data of [bytes, [bytes], new Uint8Array(bytes).buffer, new Blob([bytes])]) {
    const { hold } = new FakeSocket(true)
    hold.add([data as Buffer, true])
    hold.add([data as Buffer, true])
    t.notOk(hold.isIdle, 'there is room for two')
    hold.add([data as Buffer, true])
    t.ok(hold.isIdle, 'and not for three')
  }
})

void t.test('a message that is held does not keep alive what it came with, and shares no memory', async (t) => {
  const slab = Buffer.allocUnsafeSlow(64 * 1024)
  const heard: Buffer[] = []
  const held = new FakeSocket()
  held.hold.add([slab.subarray(0, 5000), true])
  held.on('message', (data) => heard.push(data))

  const left = new FakeSocket()
  const iterator = left.iterate()
  void iterator.next()
  left.receive('taken')
  left.hold.add([slab.subarray(0, 50), true])
  await iterator.return()
  left.on('message', (data) => heard.push(data))

  await turn()
  t.same(heard.map(({ length, buffer }) => [length, buffer.byteLength]), [[5000, 5000], [50, 50]])
})

void t.test('no timer is left when the socket closes', async (t) => {
  const socket = new FakeSocket()
  socket.hold.add([LARGE, true])
  socket.close()
  mock.timers.tick(5000)
  socket.hold.handlerReturned()
  t.notOk(socket.hold.isIdle, 'what is held stays for one who listens after the close')
})

// Several consumers

void t.test('what a loop leaves is emitted once, and in order', async (t) => {
  const socket = new FakeSocket()
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

void t.test('a consumer begins with the first message that nobody has received', async (t) => {
  const socket = new FakeSocket()
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

void t.test('a listener that is added in the midst of a loop receives what the loop takes next', async (t) => {
  const socket = new FakeSocket()
  const texts: string[] = []
  const taken: string[] = []
  void (async () => {
    for await (const each of socket.iterate()) {
      taken.push(String(each))
      // The loop goes on before the next tick.
      if (each === '1') socket.on('message', (data) => texts.push(String(data)))
    }
  })()
  socket.receive('1', '2', '3')
  await turn()
  t.same([taken, texts], [['1', '2', '3'], ['2', '3']])
})

void t.test('return() of an iterator that waits takes no message', async (t) => {
  const socket = new FakeSocket()
  const iterator = socket.iterate()
  const waiting = iterator.next()
  await iterator.return()
  t.same(await waiting, { value: undefined, done: true })
  socket.receive('1')
  t.same(await iterator.next(), { value: undefined, done: true })
  const texts = socket.collect()
  await turn()
  t.same(texts, ['1'])
  t.equal(socket.listenerCount('close') + socket.listenerCount('error'), 0)
})

void t.test('an iterator does not listen before next() is called', async (t) => {
  const socket = new FakeSocket()
  const iterator = socket.iterate()
  socket.receive('1')
  const texts = socket.collect()
  await turn()
  socket.receive('2')
  t.same(texts, ['1', '2'])
  const next = iterator.next()
  socket.receive('3')
  t.same(await next, { value: '3', done: false })
  await t.rejects(iterator.throw(new Error('enough')), { message: 'enough' })
  t.same(await iterator.next(), { value: undefined, done: true })

  const unused = socket.iterate()
  await unused[Symbol.asyncDispose]()
  t.same(await unused.next(), { value: undefined, done: true })
})

void t.test('an iterator that was left keeps no messages', async (t) => {
  const socket = new FakeSocket()
  const left = socket.iterate()
  const taken = left.next()
  const other = socket.iterate()
  void other.next()
  socket.receive('1', '2')
  await taken
  await left.return()
  t.equal(left.at.next, undefined)
  const { at } = other
  t.same(await other.next(), { value: '2', done: false })
  t.equal(at.next, undefined, 'what everybody has received is not linked to what follows')
})

void t.test('an error is thrown behind the messages that came before it', async (t) => {
  const socket = new FakeSocket()
  const iterators = [socket.iterate(), socket.iterate()]
  const firsts = iterators.map((each) => each.next())
  socket.receive('1', '2')
  await Promise.all(firsts)
  socket.hold.pause()
  socket.emit('error', new Error('broken'))
  const seconds = iterators.map((each) => each.next())
  socket.close()
  t.same(await Promise.all(seconds), [{ value: '2', done: false }, { value: '2', done: false }])
  for (const each of iterators) {
    await t.rejects(each.next(), { message: 'broken' })
    t.same(await each.next(), { value: undefined, done: true })
  }
})

void t.test('text that is too long for a string is thrown, and the loop has ended', async (t) => {
  const socket = new FakeSocket()
  const iterator = socket.iterate()
  const first = iterator.next()
  const tooLong = { toString () { throw new RangeError('too long') }, byteLength: 1 }
  socket.hold.add([tooLong as unknown as Buffer, false])
  await t.rejects(first, { message: 'too long' })
  socket.receive('1')
  t.same(await iterator.next(), { value: undefined, done: true })
})

void t.test('a listener that throws stops neither the messages behind its own nor the close', async (t) => {
  const socket = new FakeSocket()
  const thrown: unknown[] = []
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  socket.hold.pause()
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

// Who pauses the connection

void t.test('the slowest of several loops holds back the connection', async (t) => {
  const socket = new FakeSocket()
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
    t.ok(socket.isPaused, 'until half of it is taken')
    await slow.next()
  }
  t.notOk(socket.isPaused)
})

void t.test('a loop that is left holds back nobody', async (t) => {
  const socket = new FakeSocket()
  const slow = socket.iterate()
  void slow.next()
  const texts = socket.collect()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  t.ok(socket.isPaused)
  await slow.return()
  t.notOk(socket.isPaused)
  t.equal(texts.length, 17)
})

void t.test('what the user paused emits nothing to anybody, and no loop resumes it', async (t) => {
  const socket = new FakeSocket()
  const loop = socket.iterate()
  const first = loop.next()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  await first
  t.ok(socket.isPaused)
  socket.hold.pause()
  const texts = socket.collect()
  const second = loop.next()
  await turn()
  t.same(texts, [])
  await loop.return()
  t.same(await second, { value: undefined, done: true })
  t.ok(socket.isPaused, 'leaving the loop does not resume it')
  socket.hold.resume()
  t.notOk(socket.isPaused)
  await turn()
  t.equal(texts.length, 16)
})

void t.test('resume() of the user does not resume what a loop has paused', async (t) => {
  const socket = new FakeSocket()
  const loop = socket.iterate()
  const first = loop.next()
  for (let count = 0; count < 17; count++) socket.receive(String(count))
  await first
  socket.hold.pause()
  socket.hold.resume()
  t.ok(socket.isPaused)
  await turn()
  for (let count = 0; count < 8; count++) await loop.next()
  t.notOk(socket.isPaused)
})
