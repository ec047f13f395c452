import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import { HeldMessages } from '../../../lib/frames/held-messages.ts'
import { prepareMessage } from '../../../lib/frames/prepared-message.ts'
import type { Sender } from '../../../lib/internals/ws.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { kConfigure, kDeliver } from '../../../lib/symbols.ts'
import { waitUntil } from '../../helpers/waiting.ts'
import { BINARY, CLOSE, CONTINUATION, TEXT, readWsFrames } from '../../helpers/ws-frames.ts'
import { open } from '../socket/open-socket.ts'
import type { FakeConnection } from '../socket/open-socket.ts'

interface Parts {
  sender: Sender
  held: HeldMessages
  sent: string[]
  add: (name: string, callback?: () => void) => void
}

function setUp (): Parts {
  const sender = { _socket: new PassThrough(), _bufferedBytes: 0 } as unknown as Sender
  const [held, sent] = [new HeldMessages(sender), [] as string[]]
  function add (name: string, callback?: () => void): void {
    held.add({ bytes: 10, callback, send: () => { sent.push(`${name} ${sender._bufferedBytes}`) } })
  }
  return { sender, held, sent, add }
}

void t.test('messages are sent once, in order, when they are released, and count as buffered until then', async (t) => {
  const { sender, held, sent, add } = setUp()
  add('a')
  add('b')
  t.same([sender._bufferedBytes, held.bytes, sent], [20, 20, []])
  held.release()
  t.same([sender._bufferedBytes, held.bytes, sent], [0, 0, ['a 0', 'b 0']])
  held.release()
  add('c')
  held.release()
  t.same(sent, ['a 0', 'b 0', 'c 0'])
})

void t.test('when the connection closes, each callback receives FST_WS_NOT_SENT, even if another one throws', async (t) => {
  const { sender, held, sent, add } = setUp()
  const errors: unknown[] = []
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  add('a', () => { throw new Error('in a callback') })
  add('b', (...parameters: unknown[]) => errors.push(...parameters))
  add('c')
  sender._socket.destroy()
  t.match(await thrown, { message: 'in a callback' })
  await turn()
  t.match(errors, [{ code: 'FST_WS_NOT_SENT' }])
  t.equal(sender._bufferedBytes, 0)
  held.release()
  t.same(sent, [])
})

/** Delivers a message as publish() does. */
function publish (socket: PluginSocket, data: unknown, options?: object): boolean {
  return socket[kDeliver](prepareMessage(data, options))
}

async function untilSent (socket: PluginSocket): Promise<void> {
  await waitUntil(() => socket.bufferedAmount === 0, 'everything is sent')
}

void t.test('a message that is published between the fragments of another follows the last one', async (t) => {
  const [socket, connection] = await open(t)
  socket.send('one', { fin: false })
  t.equal(publish(socket, 'published'), true)
  t.equal(publish(socket, ''), true)
  t.equal(publish(socket, Buffer.from('bytes')), true)
  t.equal(socket.bufferedAmount, 14)
  socket.send('two', { fin: false })
  socket.ping()
  t.equal(socket.bufferedAmount, 14)
  socket.send('three', { fin: true })
  publish(socket, 'last')
  t.same(connection.frames, [
    [TEXT, 'one'], [CONTINUATION, 'two'], [9, ''], [CONTINUATION, 'three'],
    [TEXT, 'published'], [TEXT, ''], [BINARY, 'bytes'], [TEXT, 'last']
  ])
  t.equal(socket.bufferedAmount, 0)
})

void t.test('a prepared message of send() waits too, and its callback is called when it was sent', async (t) => {
  const [socket, connection] = await open(t)
  const results: unknown[] = []
  socket.send('one', { fin: false })
  socket.send(prepareMessage('prepared'), (error) => results.push(error ?? 'sent'))
  await turn()
  t.same(results, [])
  socket.send('two')
  await turn()
  t.same(results, ['sent'])
  t.same(connection.frames, [[TEXT, 'one'], [CONTINUATION, 'two'], [TEXT, 'prepared']])
})

void t.test('a published message that a class changes follows the fragments of the user, too', async (t) => {
  class Prefixing extends WsWebSocket {
    override send (data: unknown, ...parameters: unknown[]): void {
      super.send(`> ${data}`, ...parameters as [never])
    }
  }
  const [socket, connection] = await open(t, { Base: Prefixing })
  socket.send('one', { fin: false })
  publish(socket, 'published')
  socket.send('two', { fin: true })
  t.same(connection.frames, [[TEXT, '> one'], [CONTINUATION, '> two'], [TEXT, '> published']])
})

void t.test('a class may send each message in fragments, also a published one', async (t) => {
  class Fragmenting extends WsWebSocket {
    override send (data: unknown, options: object = {}, ...parameters: unknown[]): void {
      if ('fin' in options) return super.send(data as string, options as never, ...parameters as never[])
      super.send(`${data}`.slice(0, 2), { ...options, fin: false })
      super.send(`${data}`.slice(2, 4), { ...options, fin: false })
      super.send(`${data}`.slice(4), options, ...parameters as never[])
    }
  }
  const [socket, connection] = await open(t, { Base: Fragmenting as never })
  socket[kConfigure]({ sendLimits: { sendLimit: 1000, slowConsumer: 'drop' } })
  const parts = (text: string): unknown[] => {
    return [[TEXT, text.slice(0, 2)], [CONTINUATION, text.slice(2, 4)], [CONTINUATION, text.slice(4)]]
  }
  publish(socket, 'direct')
  t.same(connection.frames, parts('direct'))
  socket.send('one', { fin: false })
  publish(socket, 'first')
  publish(socket, 'second')
  socket.send('two', { fin: true })
  t.same(connection.frames, [
    ...parts('direct'), [TEXT, 'one'], [CONTINUATION, 'two'], ...parts('first'), ...parts('second')
  ])
})

void t.test('a published message follows fragments that are Blobs', async (t) => {
  const [socket, connection] = await open(t)
  socket.send(new Blob(['one']) as never, { fin: false })
  publish(socket, 'published')
  socket.send(new Blob(['two']) as never, { fin: true })
  publish(socket, 'last')
  await untilSent(socket)
  t.same(connection.frames, [[BINARY, 'one'], [CONTINUATION, 'two'], [TEXT, 'published'], [TEXT, 'last']])
  t.equal(socket.bufferedAmount, 0)
})

for (const serverNoContextTakeover of [true, false]) {
  void t.test(`a published message follows compressed fragments, serverNoContextTakeover: ${serverNoContextTakeover}`, async (t) => {
    const [socket, connection] = await open(t, { deflates: { threshold: 0, serverNoContextTakeover } })
    socket.send('one', { fin: false })
    publish(socket, 'published')
    publish(socket, 'plain', { compress: false })
    socket.send('two', { fin: true })
    publish(socket, 'last')
    await untilSent(socket)
    const [frames] = readWsFrames(Buffer.concat(connection.writes))
    t.same(frames.map(({ opcode, rsv, fin }) => [opcode, rsv, fin]), [
      [TEXT, 4, false], [CONTINUATION, 0, true], [TEXT, 4, true], [TEXT, 0, true], [TEXT, 4, true]
    ])
    t.equal(String(frames[3]!.payload), 'plain')
    t.equal(socket.bufferedAmount, 0)
  })
}

void t.test('messages that wait when the socket is terminated are not sent, and their callbacks receive an error', async (t) => {
  for (const deflates of [false, true]) {
    const [socket, connection] = await open(t, { deflates })
    const errors: unknown[] = []
    socket.send('one', { fin: false })
    await untilSent(socket)
    socket.send(prepareMessage('prepared'), (error) => errors.push(error))
    publish(socket, 'published')
    socket.terminate()
    await once(socket, 'close')
    await turn()
    t.match(errors, [{ code: 'FST_WS_NOT_SENT' }])
    t.equal(connection.frames.length, 1)
    t.equal(socket.bufferedAmount, 0)
  }
})

void t.test('close() between fragments sends the Close frame, and no message that waits', async (t) => {
  const [socket, connection] = await open(t)
  socket.send('one', { fin: false })
  publish(socket, 'published')
  socket.close(1000)
  socket.send('two', { fin: true }, () => {})
  t.equal(publish(socket, 'late'), false)
  t.same(connection.frames.map(([opcode]) => opcode), [TEXT, CLOSE])
})

// Limits

/** Opens a socket with a limit of 100 bytes. */
async function openLimited (t: Test, slowConsumer: 'drop' | 'close'): Promise<[PluginSocket, FakeConnection]> {
  const [socket, connection] = await open(t)
  socket[kConfigure]({ sendLimits: { sendLimit: 100, slowConsumer } })
  return [socket, connection]
}

void t.test('"drop" drops what is published beyond sendLimit, and the fragments continue', async (t) => {
  const [socket, connection] = await openLimited(t, 'drop')
  socket.send('one', { fin: false })
  t.same(Array.from({ length: 4 }, () => publish(socket, 'x'.repeat(60))), [true, true, false, false])
  t.equal(socket.bufferedAmount, 120)
  socket.send('two', { fin: false })
  socket.send('three', { fin: true })
  t.equal(publish(socket, 'last'), true)
  t.same(connection.frames.map(([opcode, { length }]) => [opcode, length]), [
    [TEXT, 3], [CONTINUATION, 3], [CONTINUATION, 5], [TEXT, 60], [TEXT, 60], [TEXT, 4]
  ])
  t.equal(socket.readyState, socket.OPEN)
})

void t.test('"close" closes the socket when it would publish beyond sendLimit', async (t) => {
  const [socket, connection] = await openLimited(t, 'close')
  socket.send('one', { fin: false })
  t.same(Array.from({ length: 4 }, () => publish(socket, 'x'.repeat(60))), [true, true, false, false])
  t.equal(socket.readyState, socket.CLOSING)
  t.same(connection.frames.map(([opcode]) => opcode), [TEXT, CLOSE])
})

void t.test('a message in fragments that was dropped stays dropped, whatever is published meanwhile', async (t) => {
  const [socket, connection] = await openLimited(t, 'drop')
  connection.isBlocked = true
  socket.send('x'.repeat(200))
  socket.send('dropped', { fin: false })
  t.equal(publish(socket, 'dropped'), false)
  connection.unblock()
  await untilSent(socket)
  t.equal(publish(socket, 'published'), true)
  socket.send('dropped too', { fin: true })
  socket.send('sent')
  t.same(connection.frames, [[TEXT, 'x'.repeat(200)], [TEXT, 'published'], [TEXT, 'sent']])
})

void t.test('\'drain\' is emitted when the connection has sent the fragments, though published messages wait', async (t) => {
  for (const deflates of [false, true]) {
    const [socket, connection] = await open(t, { deflates })
    let drains = 0
    socket.on('drain', () => { drains++ })
    connection.isBlocked = true
    socket.send(Buffer.alloc(300 * 1024), { fin: false })
    publish(socket, 'published')
    t.equal(socket.writableNeedDrain, true)
    await waitUntil(() => {
      connection.unblock()
      return !socket.writableNeedDrain
    })
    t.same([drains, socket.writableNeedDrain, socket.bufferedAmount], [1, false, 9], `deflates: ${deflates}`)
  }
})
