import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { PendingSocket, collectFrom } from './pending-socket.ts'

const DONE = { value: undefined, done: true }

void t.test('text messages are strings, and binary messages are Buffers', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const first = iterator.next()
  socket.receive('text')
  socket.pending.add([Buffer.from('bytes'), true])
  t.same(await first, { value: 'text', done: false })
  t.same(await iterator.next(), { value: Buffer.from('bytes'), done: false })
})

void t.test('several pending calls of next() receive the next messages in order', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const results = [iterator.next(), iterator.next(), iterator.next()]
  socket.receive('1', '2')
  socket.close()
  t.same(await Promise.all(results), [{ value: '1', done: false }, { value: '2', done: false }, DONE])
})

void t.test('a loop ends when the socket closes, after the messages that arrived before', async (t) => {
  const socket = new PendingSocket()
  const taken = collectFrom(socket.iterate())
  socket.receive('1', '2')
  socket.close()
  await turn()
  t.same(taken, ['1', '2'])
  t.equal(socket.listenerCount('close') + socket.listenerCount('error'), 0)
})

void t.test('an iterator of a socket that is closed takes its pending messages, and ends', async (t) => {
  const socket = new PendingSocket()
  socket.receive('1')
  socket.close()
  const iterator = socket.iterate()
  t.same(await iterator.next(), { value: '1', done: false })
  t.same(await iterator.next(), DONE)
  t.same(await iterator.next(), DONE)
  t.equal(socket.listenerCount('close'), 0)
})

void t.test('return() of an iterator that waits takes no message', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const waiting = iterator.next()
  t.same(await iterator.return(), DONE)
  t.same(await waiting, DONE)
  socket.receive('1')
  t.same(await iterator.next(), DONE)
  const texts = socket.collect()
  await turn()
  t.same(texts, ['1'])
  t.equal(socket.listenerCount('close') + socket.listenerCount('error'), 0)
})

void t.test('an iterator does not listen before next() is called', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  t.equal(iterator[Symbol.asyncIterator](), iterator)
  socket.receive('1')
  const texts = socket.collect()
  await turn()
  socket.receive('2')
  t.same(texts, ['1', '2'])
  const next = iterator.next()
  socket.receive('3')
  t.same(await next, { value: '3', done: false })
})

void t.test('throw() and dispose end an iterator, whether or not it has started', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const waiting = iterator.next()
  await t.rejects(iterator.throw(new Error('enough')), { message: 'enough' })
  t.same(await waiting, DONE)
  t.same(await iterator.next(), DONE)

  const unused = socket.iterate()
  await unused[Symbol.asyncDispose]()
  t.same(await unused.next(), DONE)
  t.ok(socket.pending.isIdle)
})

void t.test('an iterator that was left keeps no messages', async (t) => {
  const socket = new PendingSocket()
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
  t.equal(at.next, undefined, 'a message that all have received is not linked to those that follow')
})

void t.test('an error is thrown after the messages that preceded it, by each loop once', async (t) => {
  const socket = new PendingSocket()
  const iterators = [socket.iterate(), socket.iterate()]
  const firsts = iterators.map((each) => each.next())
  socket.receive('1', '2')
  await Promise.all(firsts)
  socket.pending.pause()
  socket.emit('error', new Error('broken'))
  socket.emit('error', new Error('another'))
  const seconds = iterators.map((each) => each.next())
  socket.close()
  t.same(await Promise.all(seconds), [{ value: '2', done: false }, { value: '2', done: false }])
  for (const each of iterators) {
    await t.rejects(each.next(), { message: 'broken' })
    t.same(await each.next(), DONE)
  }
})

void t.test('an error rejects a next() that waits', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const [first, second] = [iterator.next(), iterator.next()]
  socket.emit('error', new Error('broken'))
  await t.rejects(first, { message: 'broken' })
  t.same(await second, DONE)
})

void t.test('a text that is too long for a string is thrown, and the loop has ended', async (t) => {
  const socket = new PendingSocket()
  const iterator = socket.iterate()
  const first = iterator.next()
  const tooLong = { toString () { throw new RangeError('too long') }, byteLength: 1 }
  socket.pending.add([tooLong as unknown as Buffer, false])
  await t.rejects(first, { message: 'too long' })
  socket.receive('1')
  t.same(await iterator.next(), DONE)
})

void t.test('an iterator takes nothing while the user has paused the socket', async (t) => {
  const socket = new PendingSocket()
  const taken = collectFrom(socket.iterate())
  socket.pending.pause()
  socket.receive('1')
  await turn()
  t.same(taken, [])
  socket.pending.resume()
  await turn()
  t.same(taken, ['1'])
})
