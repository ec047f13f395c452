import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { WebSocket as WsWebSocket } from 'ws'
import { prepareMessage } from '../../../lib/frames/prepared-message.ts'
import { createSocketClass } from '../../../lib/socket/websocket.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { kConfigure, kDeliver, kHandlerDone, kIsSlow } from '../../../lib/symbols.ts'
import { waitUntil } from '../../helpers/waiting.ts'
import { BINARY, CLOSE, CONTINUATION, TEXT, readWsFrames, wsFrame, wsText } from '../../helpers/ws-frames.ts'
import { openStream } from '../http2/open-stream.ts'
import { FakeConnection, open, openOver } from './open-socket.ts'

const LARGE = 300 * 1024
const SLICE = 128 * 1024
const LARGE_HEADER = 10

// Reading

void t.test('messages go to the listeners, and wait for one if there is none', async (t) => {
  const [socket, connection] = await open(t)
  connection.push(wsText('early'))
  await turn()
  const messages: unknown[][] = []
  socket.on('message', (...parameters) => messages.push(parameters))
  await turn()
  connection.push(wsText('late'))
  await turn()
  t.same(messages, [[Buffer.from('early'), false], [Buffer.from('late'), false]])
})

void t.test('emit(\'message\') returns whether a listener receives the message', async (t) => {
  const [socket] = await open(t)
  t.equal(socket.emit('message', Buffer.from('x'), false), false)
  socket.on('message', () => {})
  t.equal(socket.emit('message', Buffer.from('y'), false), true)
})

void t.test('a socket is iterable, and its iterators end with it', async (t) => {
  const [socket, connection] = await open(t)
  const texts: unknown[] = []
  const loop = (async () => { for await (const each of socket) texts.push(each) })()
  connection.push(Buffer.concat([wsText('one'), wsText('two')]))
  await turn()
  socket.terminate()
  await loop
  t.same(texts, ['one', 'two'])
})

void t.test('pause() stops messages that have arrived already, and resume() continues them', async (t) => {
  const [socket, connection] = await open(t)
  const texts: string[] = []
  socket.resume()
  socket.on('message', (data) => {
    texts.push(String(data))
    socket.pause()
  })
  connection.push(Buffer.concat([wsText('one'), wsText('two')]))
  await turn()
  t.same([texts, socket.isPaused], [['one'], true])
  socket.resume()
  await turn()
  t.same(texts, ['one', 'two'])
  socket.removeAllListeners('message').resume()
  t.notOk(socket.isPaused)
})

void t.test('pending messages are emitted before \'close\', though the socket is paused', async (t) => {
  const [socket, connection] = await open(t)
  const events: string[] = []
  connection.push(wsText('pending'))
  await turn()
  socket.pause()
  socket.on('message', (data) => events.push(String(data))).on('close', () => events.push('close'))
  await turn()
  t.same(events, [])
  socket.terminate()
  await once(socket, 'close')
  t.same(events, ['pending', 'close'])
})

void t.test('messages past the limit are dropped after the handler has returned, with a warning in the log', async (t) => {
  // ws unmasks a frame where it is.
  const large = (): Buffer => wsText('x'.repeat(20_000))
  for (const isDoneFirst of [false, true]) {
    const [socket, connection] = await open(t)
    const warnings: string[] = []
    socket[kConfigure]({
      sendLimits: { sendLimit: Infinity, slowConsumer: 'close' },
      log: { warn: (message) => { warnings.push(message) } }
    })
    if (isDoneFirst) socket[kHandlerDone]()
    connection.push(large())
    await turn()
    t.equal(socket.isPaused, !isDoneFirst)
    if (!isDoneFirst) socket[kHandlerDone]()
    t.match(warnings, [/^websocket messages were dropped: .* the handler has returned\./])
    t.notOk(socket.isPaused)
  }
  const [unlogged, connection] = await open(t)
  unlogged[kHandlerDone]()
  connection.push(large())
  await turn()
  t.notOk(unlogged.isPaused, 'a socket without a log drops them too')
})

// Writing

void t.test('a short message is one write, and a long one is written by ws', async (t) => {
  const [socket, connection] = await open(t)
  socket.send('short')
  socket.send(Buffer.from('bytes'))
  socket.send(Buffer.from('text'), { binary: false })
  t.equal(connection.writes.length, 3)
  socket.send('long'.repeat(1000))
  t.same(connection.frames, [[1, 'short'], [2, 'bytes'], [1, 'text'], [1, 'long'.repeat(1000)]])
})

void t.test('send() takes options and a callback, or either, or neither', async (t) => {
  const [socket, connection] = await open(t)
  const results: unknown[] = []
  const callback = (error?: Error): void => { results.push(error ?? 'sent') }
  socket.send('a')
  socket.send('b', callback)
  socket.send('c', {}, callback)
  socket.send('d', { binary: true }, callback)
  socket.send('e', undefined as never, callback)
  await turn()
  t.same(connection.frames, [[1, 'a'], [1, 'b'], [1, 'c'], [2, 'd'], [1, 'e']])
  t.same(results, ['sent', 'sent', 'sent', 'sent'])
})

void t.test('fragments, and the short messages after them, are frames of one message each', async (t) => {
  const [socket, connection] = await open(t)
  socket.send('one, ', { fin: false })
  socket.send('two', { fin: true })
  socket.send('three')
  t.same(connection.frames, [[TEXT, 'one, '], [CONTINUATION, 'two'], [TEXT, 'three']])
})

void t.test('a short message does not overtake a Blob', async (t) => {
  const [socket, connection] = await open(t)
  socket.send(new Blob(['blob']) as never)
  await new Promise((resolve) => socket.send('after', resolve as () => void))
  t.same(connection.frames, [[2, 'blob'], [1, 'after']])
})

void t.test('a class with a send() of its own receives every message', async (t) => {
  const sent: unknown[] = []
  class Recorder extends WsWebSocket {
    override send (...parameters: unknown[]): void {
      sent.push(String(parameters[0]))
      super.send(...parameters as [never])
    }
  }
  const [socket, connection] = await open(t, { Base: Recorder })
  socket.send('short')
  t.same(sent, ['short'])
  t.same(connection.frames, [[1, 'short']])
})

void t.test('a patched send() of ws receives each message once, as it was sent, also if it is patched later', async (t) => {
  const [socket, connection] = await open(t)
  const calls = t.capture(WsWebSocket.prototype, 'send', WsWebSocket.prototype.send)
  const callback = (): void => {}
  const messages: unknown[][] = [
    ['text', undefined, undefined], [Buffer.from('bytes'), { binary: false }, callback],
    ['with a callback', callback, undefined], ['x'.repeat(2000), {}, callback]
  ]
  for (const message of messages) socket.send(...message as Parameters<PluginSocket['send']>)
  t.strictSame(calls().map(({ args }) => args), messages)
  t.equal(connection.frames.length, messages.length)
})

void t.test('send() that was replaced on a socket is called once for each message', async (t) => {
  const [socket, connection] = await open(t)
  const calls = t.capture(socket, 'send', socket.send.bind(socket))
  await new Promise<void>((resolve) => socket.send('text', () => resolve()))
  socket.send('more', {}, () => {})
  t.equal(calls().length, 2)
  t.same(connection.frames, [[1, 'text'], [1, 'more']])
})

void t.test('a patched emit() of ws receives each message once', async (t) => {
  const [socket, connection] = await open(t)
  const calls = t.capture(WsWebSocket.prototype, 'emit', WsWebSocket.prototype.emit)
  socket.on('message', () => {})
  connection.push(Buffer.concat([wsText('one'), wsText('two')]))
  await turn()
  t.same(calls().filter(({ args }) => args[0] === 'message').map(({ args }) => String(args[1])), ['one', 'two'])
})

void t.test('a message to a closed socket is not sent, and its callback receives an error', async (t) => {
  const [socket, connection] = await open(t)
  socket.close()
  connection.writes.length = 0
  const error = await new Promise((resolve) => socket.send('late', resolve as () => void))
  t.match(error, { message: /not open/ })
  t.same(connection.frames, [])
})

void t.test('bufferedAmount counts the bytes of a text that waits, and not its characters', async (t) => {
  const [socket, connection] = await open(t)
  connection.isBlocked = true
  socket.send('x')
  const before = socket.bufferedAmount
  for (const count of [1000, 2000]) socket.send('€'.repeat(count))
  t.equal(socket.bufferedAmount - before, 2 * 4 + 3 * 3000)
})

void t.test('\'drain\' is emitted when nothing waits any more, and writableNeedDrain is true until then', async (t) => {
  const [socket, connection] = await open(t)
  let drains = 0
  socket.on('drain', () => { drains++ })
  connection.isBlocked = true
  t.equal(socket.writableNeedDrain, false)
  socket.send(Buffer.alloc(LARGE))
  t.equal(socket.writableNeedDrain, true)
  t.ok(socket.bufferedAmount > LARGE)
  connection.unblock()
  await turn()
  t.same([drains, socket.writableNeedDrain, socket.bufferedAmount], [1, false, 0])
})

void t.test('bufferedAmount decreases with each slice that HTTP/2 has sent, and \'drain\' follows the last', async (t) => {
  const { socket: streamSocket, client, untilReceived, roundTrip } = await openStream(t, 0)
  streamSocket.writer.head = { writeHead: () => Buffer.alloc(0) }
  const socket = await openOver(streamSocket)
  const all = LARGE + LARGE_HEADER
  let drains = 0
  socket.on('drain', () => { drains++ })
  client.windowUpdate(0, all)
  socket.send(Buffer.alloc(LARGE))
  t.equal(socket.bufferedAmount, all)
  for (const sent of [SLICE, 2 * SLICE]) {
    client.windowUpdate(1, SLICE)
    await untilReceived(sent)
    await roundTrip()
    t.equal(socket.bufferedAmount, all - sent)
    t.equal(socket.writableNeedDrain, true)
  }
  t.equal(drains, 0)
  const drained = once(socket, 'drain')
  client.windowUpdate(1, all)
  await drained
  t.equal(socket.bufferedAmount, 0)
  t.equal(socket.writableNeedDrain, false)
  t.equal(drains, 1)
})

void t.test('a compressed socket needs \'drain\' for messages that wait to be compressed', async (t) => {
  const [socket, connection] = await open(t, { deflates: true })
  const drained = once(socket, 'drain')
  const results: unknown[] = []
  for (let count = 0; count < 3; count++) socket.send(Buffer.alloc(LARGE, count), (error) => results.push(error))
  t.equal(connection.writableLength, 0, 'the connection has nothing yet')
  t.ok(socket.bufferedAmount >= 2 * LARGE)
  t.equal(socket.writableNeedDrain, true)
  await drained
  t.same([results.length, socket.bufferedAmount, socket.writableNeedDrain], [3, 0, false])
})

void t.test('a short message of a compressed socket is compressed', async (t) => {
  const [socket, connection] = await open(t, { deflates: true })
  await new Promise((resolve) => socket.send('short', resolve as () => void))
  const [frames] = readWsFrames(Buffer.concat(connection.writes))
  t.same(frames.map(({ rsv }) => rsv), [4])
})

void t.test('sendLimit and slowConsumer apply to whole messages and to fragments', async (t) => {
  const [socket, connection] = await open(t)
  socket[kConfigure]({ sendLimits: { sendLimit: 100, slowConsumer: 'drop' } })
  connection.isBlocked = true
  socket.send('x'.repeat(200))
  const results: unknown[] = []
  socket.send('dropped', (error) => results.push(error))
  socket.send('dropped', { fin: false }, (error) => results.push(error))
  connection.unblock()
  await turn()
  socket.send('dropped too', { fin: true }, (error) => results.push(error))
  socket.send('sent')
  await turn()
  t.match(results, Array.from({ length: 3 }, () => ({ code: 'FST_WS_SLOW_CONSUMER' })))
  t.equal(results.length, 3)
  t.same(connection.frames, [[1, 'x'.repeat(200)], [1, 'sent']])
})

void t.test('a message that slowConsumer sends amid the fragments of another leaves valid frames', async (t) => {
  const [socket, connection] = await open(t)
  connection.isBlocked = true
  socket[kConfigure]({
    sendLimits: { sendLimit: 1, slowConsumer: (each) => { each.send('inner'); return 'send' } }
  })
  socket.send('one', { fin: false })
  socket.send('two', { fin: true })
  connection.unblock()
  await turn()
  t.same(connection.frames.map(([opcode]) => opcode), [TEXT, CONTINUATION, TEXT])
  t.same(connection.frames.map(([, payload]) => payload), ['one', 'inner', 'two'])
})

void t.test('a socket that has no connection yet has nothing to send', async (t) => {
  const Socket = createSocketClass(WsWebSocket)
  const options = { createConnection: () => new FakeConnection() }
  const socket = new Socket('ws://localhost', options as object) as WsWebSocket & PluginSocket
  socket.on('error', () => {})
  t.equal(socket.bufferedAmount, 0)
  t.equal(socket.writableNeedDrain, false)
  t.doesNotThrow(() => socket.pause())
  t.notOk(socket.isPaused)
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  socket.emit('message', Buffer.from('text'), false)
  t.same(texts, ['text'], 'pause() before the socket is open has no effect')
  socket.terminate()
})

// Prepared messages

void t.test('send() takes a prepared message, and writes its frame', async (t) => {
  const [socket, connection] = await open(t)
  const messages = [prepareMessage('text'), prepareMessage(Buffer.from('bytes')), prepareMessage('x'.repeat(70_000)), prepareMessage('')]
  const results: unknown[] = []
  const callback = (error?: Error | null): void => { results.push(error ?? 'sent') }
  socket.send(messages[0]!)
  socket.send(messages[1]!, callback)
  socket.send(messages[2]! as never, undefined as never, callback)
  socket.send(messages[3]!, callback)
  await turn()
  t.same(connection.frames, [[TEXT, 'text'], [BINARY, 'bytes'], [TEXT, 'x'.repeat(70_000)], [TEXT, '']])
  t.same(results, ['sent', 'sent', 'sent'])
  const written = connection.writes[0]!
  t.equal(written.buffer, messages[0]!.frame.buffer, 'without a copy')
})

void t.test('a class with a send() of its own receives the data and options of a prepared message', async (t) => {
  const sent: unknown[][] = []
  class Recorder extends WsWebSocket {
    override send (...parameters: unknown[]): void {
      sent.push(parameters.slice(0, 2))
      super.send(...parameters as [never])
    }
  }
  const [socket, connection] = await open(t, { Base: Recorder })
  const [text, bytes] = [prepareMessage({ a: 1 }, { compress: false }), prepareMessage(Buffer.from('bytes'))]
  socket.send(text)
  t.equal(socket[kDeliver](bytes), true)
  t.match(sent, [['{"a":1}', { binary: false, compress: false }], [Buffer.from('bytes'), { binary: true }]])
  t.same(connection.frames, [[TEXT, '{"a":1}'], [BINARY, 'bytes']])
})

void t.test('send() that was replaced on a socket is called once for a prepared message, and for a published one', async (t) => {
  const [socket, connection] = await open(t)
  const calls = t.capture(socket, 'send', socket.send.bind(socket))
  socket.send(prepareMessage('one'))
  t.equal(calls().length, 1)
  socket[kDeliver](prepareMessage('two'))
  t.same(calls().map(({ args }) => args[0]), ['two'])
  t.same(connection.frames, [[TEXT, 'one'], [TEXT, 'two']])
})

void t.test('a published message is not sent to a socket that is closing', async (t) => {
  const [socket, connection] = await open(t)
  socket.close()
  connection.writes.length = 0
  t.equal(socket[kDeliver](prepareMessage('late')), false)
  t.same(connection.writes, [])
})

void t.test('a published message counts as sent unless slowConsumer decides against it, whatever it publishes meanwhile', async (t) => {
  const [socket, connection] = await open(t)
  const [one, two] = [prepareMessage('one'), prepareMessage('two')]
  let verdict: 'send' | 'drop' = 'send'
  let calls = 0
  socket[kConfigure]({
    sendLimits: {
      sendLimit: 1,
      slowConsumer: () => {
        calls++
        t.equal(socket[kIsSlow], true)
        t.equal(socket[kDeliver](two), true, 'it decides about no message that it sends itself')
        return verdict
      }
    }
  })
  t.equal(socket[kIsSlow], false)
  connection.isBlocked = true
  socket.send('first')
  t.equal(socket[kDeliver](one), true)
  verdict = 'drop'
  t.equal(socket[kDeliver](one), false)
  t.equal(calls, 2)
})

void t.test('a message counts as sent though send() of its class publishes another that is dropped', async (t) => {
  let publish = (): void => {}
  class Publishing extends WsWebSocket {
    override send (...parameters: unknown[]): void {
      super.send(...parameters as [never])
      publish()
    }
  }
  const [socket, connection] = await open(t, { Base: Publishing })
  socket[kConfigure]({ sendLimits: { sendLimit: 1, slowConsumer: 'drop' } })
  connection.isBlocked = true
  publish = () => { t.equal(socket[kDeliver](prepareMessage('dropped')), false) }
  t.equal(socket[kDeliver](prepareMessage('sent')), true)
})

void t.test('published messages and sent ones keep their order, on a socket that compresses or reads a Blob', async (t) => {
  for (const deflates of [false, true, { threshold: 4, serverNoContextTakeover: true }]) {
    const [socket, connection] = await open(t, { deflates })
    const received: string[] = []
    const sent = (name: string) => (): void => { received.push(name) }
    socket.send(new Blob(['blob']) as never, sent('blob'))
    socket.send(prepareMessage('prepared'), sent('prepared'))
    socket.send('sent', sent('sent'))
    socket.send(prepareMessage('plain', { compress: false }), sent('plain'))
    socket.send(prepareMessage('abc'), sent('abc'))
    socket.send('last', sent('last'))
    await waitUntil(() => received.length === 6)
    t.same(received, ['blob', 'prepared', 'sent', 'plain', 'abc', 'last'])
    const [frames] = readWsFrames(Buffer.concat(connection.writes))
    t.same(frames.map(({ opcode }) => opcode), [BINARY, TEXT, TEXT, TEXT, TEXT, TEXT])
    t.same(frames.map(({ rsv }) => rsv), deflates === false
      ? [0, 0, 0, 0, 0, 0]
      : deflates === true ? [4, 4, 4, 0, 4, 4] : [4, 4, 4, 0, 0, 4])
  }
})

// Closing

/** Waits for 'close', whatever errors precede it, and returns its code. */
async function closeCodeOf (socket: PluginSocket): Promise<number> {
  return await new Promise((resolve) => socket.once('close', resolve))
}

void t.test('after a protocol error \'close\' has the code of the Close frame that was sent', async (t) => {
  for (const [frame, code] of [
    [wsFrame(3), 1002], [wsFrame(TEXT, Buffer.of(0xff)), 1007], [wsFrame(TEXT, 'x', { masked: false }), 1002]
  ] as const) {
    const [socket, connection] = await open(t)
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    connection.push(Buffer.concat([wsText('first'), frame]))
    t.equal(await closeCodeOf(socket), code)
    t.equal(errors.length, 1)
    t.same(connection.frames.map(([opcode]) => opcode), [CLOSE])
  }
})

void t.test('after a protocol error \'close\' has 1006 if the Close frame was not sent', async (t) => {
  const [socket, connection] = await open(t)
  connection.isBlocked = true
  socket.send('blocked')
  connection.push(wsFrame(3))
  await new Promise((resolve) => socket.once('error', resolve))
  connection.destroy()
  t.equal(await closeCodeOf(socket), 1006)
})

void t.test('after a protocol error in answer to close() \'close\' has 1006', async (t) => {
  const [socket, connection] = await open(t)
  socket.close(4000)
  connection.push(wsFrame(3))
  t.equal(await closeCodeOf(socket), 1006)
})

void t.test('\'close\' has the code and reason of the peer', async (t) => {
  const [socket, connection] = await open(t)
  connection.push(wsFrame(CLOSE, Buffer.from('\x0f\xa0bye', 'latin1')))
  const [code, reason] = await once(socket, 'close')
  t.same([code, String(reason)], [4000, 'bye'])
})

void t.test('onClose is called once when the socket closes, even if all of its listeners were removed', async (t) => {
  const [socket] = await open(t)
  let calls = 0
  socket[kConfigure]({
    sendLimits: { sendLimit: Infinity, slowConsumer: 'close' },
    onClose: () => { calls++ }
  })
  socket.removeAllListeners()
  socket.terminate()
  await closeCodeOf(socket)
  socket.emit('close', 1000, Buffer.alloc(0))
  t.equal(calls, 1)
})

void t.test('an error of a listener does not change the code of \'close\'', async (t) => {
  const [socket, connection] = await open(t)
  socket.close(4000)
  socket.emit('error', Object.assign(new Error(), { code: 'FST_WS_SLOW_CONSUMER' }))
  connection.destroy()
  t.equal(await closeCodeOf(socket), 1006)
})

void t.test('messages after a protocol error are not emitted', async (t) => {
  const [socket, connection] = await open(t, { allowSynchronousEvents: false })
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  for (const frame of [wsText('before'), wsFrame(TEXT, Buffer.of(0xff)), wsText('after')]) connection.push(frame)
  await closeCodeOf(socket)
  t.same(texts, ['before'])
})

// Rejections

void t.test('the rejection of a listener for \'error\' of a client socket is an unhandled rejection, and does not loop', async (t) => {
  const socket = new (createSocketClass(WsWebSocket))(null as never, undefined, {}) as PluginSocket
  socket[kConfigure]({ sendLimits: { sendLimit: Infinity, slowConsumer: 'close' }, captureRejections: true })
  const errors: unknown[] = []
  socket.on('error', async (error) => {
    errors.push(error)
    throw new Error('in the listener')
  })
  socket.on('ping', async () => { throw new Error('first') })
  const rejected = new Promise((resolve) => process.once('unhandledRejection', resolve))
  socket.emit('ping', Buffer.alloc(0))
  t.match(await rejected, { message: 'in the listener' })
  t.match(errors, [{ message: 'first' }])
  t.equal(errors.length, 1)
})
