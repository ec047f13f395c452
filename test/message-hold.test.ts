import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import type { WebSocket } from 'ws'
import { MessageHold } from '../lib/message-hold.ts'

const LARGE = Buffer.alloc(16 * 1024)

class FakeSocket extends EventEmitter {
  isPaused = false
  pause (): void { this.isPaused = true }
  resume (): void { this.isPaused = false }
}

function setUp (handled = false): { socket: FakeSocket, hold: MessageHold } {
  const socket = new FakeSocket()
  const hold = new MessageHold(socket as unknown as WebSocket, (message) => socket.emit('message', ...message), handled)
  return { socket, hold }
}

mock.timers.enable({ apis: ['setTimeout'] })

void t.test('a handler that lets its peer wait for 5 s does not listen: what is held is dropped, and what follows', async (t) => {
  const { socket, hold } = setUp()
  hold.add([LARGE, true])
  t.ok(socket.isPaused)
  mock.timers.tick(4999)
  t.ok(socket.isPaused)
  mock.timers.tick(1)
  t.notOk(socket.isPaused)
  hold.add([LARGE, true])
  t.ok(hold.isEmpty)

  hold.deliverSoon()
  await new Promise(setImmediate)
  hold.add([LARGE, true])
  t.notOk(hold.isEmpty, 'one who listens after all is waited for again')
})

void t.test('a handler that has returned is not waited for', async (t) => {
  const { socket, hold } = setUp()
  hold.add([LARGE, true])
  hold.endWait()
  t.notOk(socket.isPaused)
  t.ok(hold.isEmpty)

  const late = setUp(true)
  late.hold.add([Buffer.from('small'), false])
  t.notOk(late.hold.isEmpty, 'what is small is held all the same')
  late.hold.add([LARGE, true])
  t.ok(late.hold.isEmpty)
  t.notOk(late.socket.isPaused)
})

void t.test('a socket that is resumed before anyone listens is paused again', async (t) => {
  const { socket, hold } = setUp()
  hold.add([LARGE, true])
  socket.resume()
  hold.add([LARGE, true])
  t.ok(socket.isPaused)
})

void t.test('of a socket that its user has paused nothing is dropped, however long it takes', async (t) => {
  const { socket, hold } = setUp()
  hold.add([LARGE, true])
  hold.yieldPause()
  socket.pause()
  mock.timers.tick(5000)
  hold.endWait()
  t.notOk(hold.isEmpty)
  t.ok(socket.isPaused)
})

void t.test('many tiny messages are not cheaper than they are', async (t) => {
  const { socket, hold } = setUp()
  for (let count = 0; count < 126; count++) hold.add([Buffer.alloc(1), true])
  t.notOk(socket.isPaused)
  hold.add([Buffer.alloc(1), true])
  hold.add([Buffer.alloc(1), true])
  t.ok(socket.isPaused)
})

void t.test('a message counts for its bytes, whatever its binaryType', async (t) => {
  const bytes = Buffer.alloc(8000)
  for (const data of [bytes, [bytes], new Uint8Array(bytes).buffer, new Blob([bytes])]) {
    const { hold } = setUp(true)
    hold.add([data as Buffer, true])
    hold.add([data as Buffer, true])
    t.notOk(hold.isEmpty, 'there is room for two')
    hold.add([data as Buffer, true])
    t.ok(hold.isEmpty, 'and not for three')
  }
})

void t.test('a message that is held does not keep alive what it came with', async (t) => {
  const { socket, hold } = setUp()
  const slab = Buffer.allocUnsafeSlow(64 * 1024)
  hold.add([slab.subarray(0, 5000), true])
  const heard: Buffer[] = []
  socket.on('message', (data) => heard.push(data))
  await new Promise(process.nextTick)
  t.equal(heard[0]?.length, 5000)
  t.not(heard[0]?.buffer, slab.buffer)
})

void t.test('no timer is left when the socket closes', async (t) => {
  const { socket, hold } = setUp()
  hold.add([LARGE, true])
  socket.emit('close')
  mock.timers.tick(5000)
  t.notOk(hold.isEmpty, 'what is held stays for one who listens after the close')
})

void t.test('a message that is held has its memory for itself', async (t) => {
  const { socket, hold } = setUp()
  const pooled = Buffer.from('held')
  t.ok(pooled.buffer.byteLength > pooled.length)
  hold.add([pooled, false])
  const delivered = new Promise<Buffer>((resolve) => { socket.once('message', resolve) })
  const data = await delivered
  t.equal(String(data), 'held')
  t.equal(data.buffer.byteLength, data.length)
})
