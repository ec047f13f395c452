import { EventEmitter, once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import {
  addBufferedBytes, hasReceivedClose, hasReceiver, hasReceiverFailed, hookReceiver, hookSender, interceptEnd,
  isHandshakeTimeout, isInMessage, isQueueing, loadWs, overrideOptions, sendsImmediately, wsEmit, wsEmitMessage,
  wsEnd, wsReceiverOf, wsSend, wsSenderOf, wsWrite
} from '../../../lib/internals/ws.ts'
import { hasFastProperties } from '../../helpers/fast-properties.ts'
import { MemoryConnection } from '../../helpers/memory-connection.ts'
import { recordTexts } from '../../helpers/texts.ts'
import { KEY } from '../../helpers/upgrade-request.ts'
import { waitTurns, waitUntil } from '../../helpers/waiting.ts'
import { BINARY, CLOSE, PING, PONG, TEXT, wsFrame, wsText } from '../../helpers/ws-frames.ts'

const REQUEST = {
  method: 'GET',
  url: '/',
  headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': KEY }
} as unknown as IncomingMessage

/** Opens a socket of ws on a connection in memory. */
async function openSocket (t: Test): Promise<[socket: WebSocket, connection: MemoryConnection]> {
  const connection = new MemoryConnection()
  t.teardown(() => connection.duplex.destroy())
  const server = new WebSocketServer({ noServer: true })
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade(REQUEST, connection.duplex, Buffer.alloc(0), resolve)
  })
  await connection.takeHead()
  // The connection flows from the next tick on.
  await waitTurns()
  return [socket, connection]
}

/** Opens a socket whose `options` are overridden, and its client. */
async function openOverridden (t: Test, server: WebSocketServer, options: object): Promise<WebSocket> {
  const overridden = overrideOptions(server, new WebSocketServer({ ...server.options, ...options } as object).options)
  const http = createHttpServer()
  t.teardown(() => http.close())
  http.on('upgrade', (request, connection, head) => {
    overridden.handleUpgrade(request, connection, head, (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data) => socket.send(data))
    })
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
}

void t.test('loadWs: returns the classes of ws, which instrumentations patch when CommonJS requires it', async (t) => {
  t.same(loadWs(), { WebSocket, WebSocketServer })
})

void t.test('loadWs: returns the class that an instrumentation returns from require(), if it extends that of ws', async (t) => {
  class Patched extends WebSocket {}
  t.equal(loadWs(() => Patched).WebSocket, Patched)
  t.equal(loadWs(() => Patched).WebSocketServer, WebSocketServer)
})

void t.test('loadWs: returns the imported classes if require() fails or finds another copy, as in a bundle', async (t) => {
  const others = [() => { throw new Error('not found') }, () => class {}, () => ({})]
  for (const load of others) t.match(loadWs(load), { WebSocket, WebSocketServer })
})

void t.test('loadWs: returns the imported classes without import.meta.url, as in a CommonJS bundle of esbuild', async (t) => {
  const source = await readFile(new URL('../../../lib/internals/ws.ts', import.meta.url), 'utf8')
  const directory = t.testdir({ 'ws.ts': source.replaceAll('import.meta', '({} as { url: string })') })
  const bundled = await import(pathToFileURL(join(directory, 'ws.ts')).href)
  t.match(bundled.loadWs(), { WebSocket, WebSocketServer })
})

void t.test('hasReceiver: is true for ws, and false for a class without methods, as Bun has', async (t) => {
  t.equal(hasReceiver(), true)
  t.equal(hasReceiver({ Receiver: class {} }), false)
})

void t.test('overrideOptions: the server has the other options, and the listeners and clients of the given one', async (t) => {
  const server = new WebSocketServer({ noServer: true, maxPayload: 10 })
  server.once('headers', (lines) => lines.push('x-from: listener'))
  const client = await openOverridden(t, server, { maxPayload: 100 })
  const [[response]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')])
  t.equal(response.headers['x-from'], 'listener')
  t.equal(server.clients.size, 1)

  client.send(Buffer.alloc(50))
  await once(client, 'message')
  client.send(Buffer.alloc(101))
  t.equal((await once(client, 'close'))[0], 1009)
  await waitUntil(() => server.clients.size === 0, 'the socket is no longer a client')
  t.equal(server.options.maxPayload, 10)
})

void t.test('overrideOptions: close() of the given server waits for the sockets of the other', async (t) => {
  const server = new WebSocketServer({ noServer: true })
  const client = await openOverridden(t, server, {})
  await once(client, 'open')
  let isClosed = false
  const end = new Promise<void>((resolve) => server.close(() => { isClosed = true; resolve() }))
  await waitTurns(2)
  t.equal(isClosed, false)
  client.close()
  await end
  await t.rejects(new Promise((_resolve, reject) => server.close(reject)), { message: 'The server is not running' })
})

void t.test('hasReceivedClose: is true when ws answers a Close frame with close(), and false before', async (t) => {
  const [socket, connection] = await openSocket(t)
  const seen: boolean[] = []
  const close = socket.close.bind(socket)
  socket.close = (code, reason) => {
    seen.push(hasReceivedClose(socket))
    close(code, reason)
  }
  t.equal(hasReceivedClose(socket), false)
  connection.push(wsFrame(CLOSE, Buffer.of(0x03, 0xe8)))
  await once(socket, 'close')
  t.same(seen, [true])
  t.equal(hasReceivedClose(socket), true)
})

void t.test('hasReceivedClose: is false when ws closes after a protocol error', async (t) => {
  const [socket, connection] = await openSocket(t)
  socket.on('error', () => {})
  // once() of node:events would reject with the error.
  const ended = new Promise((resolve) => socket.on('close', resolve))
  connection.push(wsFrame(TEXT, '', { masked: false }))
  await ended
  t.equal(hasReceivedClose(socket), false)
})

void t.test('wsReceiverOf: returns the Writable in which ws parses the data of a connection', async (t) => {
  const [socket, connection] = await openSocket(t)
  const texts = recordTexts(socket)
  const receiver = wsReceiverOf(socket)
  t.equal(receiver._errored, false)
  connection.push(wsText('by the connection'))
  wsWrite(receiver, wsText('by the receiver'), 'utf8', () => {})
  t.same(texts, ['by the connection', 'by the receiver'])
})

void t.test('hookReceiver: each chunk passes _write before ws parses it, and each event passes emit', async (t) => {
  const [socket, connection] = await openSocket(t)
  const calls: unknown[] = []
  hookReceiver(socket, {
    _write (chunk, encoding, done) {
      calls.push(['_write', chunk.length])
      wsWrite(this, chunk, encoding, done)
    },
    emit (event, first, second) {
      calls.push([event, String(first), second])
      return wsEmit(this, event, first, second)
    }
  })
  const chunk = Buffer.concat([wsText('a'), wsFrame(BINARY, 'b'), wsFrame(PING, 'c'), wsFrame(PONG, 'd')])
  connection.push(chunk)
  t.same(calls, [
    ['_write', chunk.length],
    ['message', 'a', false], ['message', 'b', true], ['ping', 'c', undefined], ['pong', 'd', undefined]
  ])
})

void t.test('hookReceiver: V8 keeps fast properties for the receiver', async (t) => {
  const [socket] = await openSocket(t)
  hookReceiver(socket, { _write: wsReceiverOf(socket)._write, emit: wsReceiverOf(socket).emit })
  t.ok(hasFastProperties(wsReceiverOf(socket)))
})

/** Writes a chunk to the receiver of a socket, as Writable does even after the error of an earlier chunk. */
function writeToReceiver (socket: WebSocket, chunk: Buffer): Error | null | undefined {
  let result: Error | null | undefined
  wsWrite(wsReceiverOf(socket), chunk, 'utf8', (error) => { result = error })
  return result
}

void t.test('wsWrite: after an error ws emits a message of a later chunk', async (t) => {
  const [socket] = await openSocket(t)
  const texts = recordTexts(socket)
  t.match(writeToReceiver(socket, wsFrame(TEXT, '', { masked: false })), { code: 'WS_ERR_EXPECTED_MASK' })
  writeToReceiver(socket, wsText('late'))
  t.same(texts, ['late'], 'if this and the next test fail, guardReceiver need not discard such chunks')
})

void t.test('wsWrite: after invalid UTF-8 ws throws for a later chunk', async (t) => {
  const [socket] = await openSocket(t)
  t.match(writeToReceiver(socket, wsFrame(TEXT, Buffer.of(0xff))), { code: 'WS_ERR_INVALID_UTF8' })
  t.throws(() => writeToReceiver(socket, wsText('late')), TypeError)
})

void t.test('wsEnd: ws ends its receiver again when the connection ends, and when it closes', async (t) => {
  const [socket, connection] = await openSocket(t)
  const wereEnded: boolean[] = []
  hookReceiver(socket, {
    end (...parameters) {
      wereEnded.push(this.writableEnded)
      wsEnd(this, parameters)
      return this
    }
  })
  const closed = once(socket, 'close')
  connection.push(wsFrame(CLOSE, Buffer.of(0x03, 0xe8)))
  connection.endSide()
  t.match(await closed, [1000])
  t.same(wereEnded, [false, true, true])
})

void t.test('wsEmit: the socket emits the data that it is called with', async (t) => {
  const [socket, connection] = await openSocket(t)
  const texts = recordTexts(socket)
  const pings: string[] = []
  socket.on('ping', (data) => pings.push(String(data)))
  hookReceiver(socket, {
    _write (chunk, encoding, done) { wsWrite(this, chunk, encoding, done) },
    emit (event, first, second) { return wsEmit(this, event, Buffer.from(`own ${first}`), second) }
  })
  connection.push(wsText('text'), wsFrame(PING, 'ping'))
  t.same([texts, pings], [['own text'], ['own ping']])
})

void t.test('hasReceiverFailed: returns true after an error of the peer, before ws emits it', async (t) => {
  for (const invalid of [wsFrame(TEXT, Buffer.of(0xff)), wsFrame(TEXT, 'x', { rsv: 4 }), wsFrame(CLOSE, 'x')]) {
    const [socket, connection] = await openSocket(t)
    t.equal(hasReceiverFailed(socket), false)
    connection.push(Buffer.concat([wsText('valid'), wsFrame(PING)]))
    t.equal(hasReceiverFailed(socket), false)
    const failed = once(socket, 'error')
    connection.push(invalid)
    t.equal(hasReceiverFailed(socket), true)
    t.equal(socket.readyState, socket.OPEN)
    await failed
  }
})

void t.test('hookSender: send() of ws passes each message, with all options, to send of the sender', async (t) => {
  const [socket, connection] = await openSocket(t)
  const calls: unknown[][] = []
  const callback = (): void => {}
  hookSender(socket, { send (...parameters) { calls.push(parameters) } })
  socket.send('text')
  socket.send(Buffer.from('bytes'), callback)
  socket.send('part', { fin: false, binary: true, compress: true, mask: true }, callback)
  socket.send(1)
  socket.send('')
  const defaults = { compress: false, fin: true, mask: false }
  t.strictSame(calls, [
    ['text', { binary: false, ...defaults }, undefined],
    [Buffer.from('bytes'), { binary: true, ...defaults }, callback],
    ['part', { binary: true, compress: false, fin: false, mask: true }, callback],
    ['1', { binary: false, ...defaults }, undefined],
    [Buffer.alloc(0), { binary: false, ...defaults }, undefined]
  ])
  t.equal(connection.bytes.length, 0)
  t.equal(wsSenderOf(socket)._socket, connection.duplex)
})

void t.test('hookSender: V8 keeps fast properties for the sender', async (t) => {
  const [socket] = await openSocket(t)
  hookSender(socket, { send: wsSenderOf(socket).send })
  t.ok(hasFastProperties(wsSenderOf(socket)))
})

void t.test('wsSend: ws writes the frame', async (t) => {
  const [socket, connection] = await openSocket(t)
  const options = { binary: false, compress: false, fin: true, mask: false }
  await new Promise<void>((resolve) => wsSend(wsSenderOf(socket), 'text', options, () => resolve()))
  t.same(connection.bytes, Buffer.of(0x81, 4, ...Buffer.from('text')))
})

void t.test('wsEmitMessage: the socket, and each other listener of the receiver, receives the message once', async (t) => {
  const [socket] = await openSocket(t)
  const receiver = wsReceiverOf(socket)
  const seen: string[] = []
  socket.on('message', (data, isBinary) => seen.push(`socket ${String(data)} ${isBinary}`))
  wsEmitMessage(receiver, Buffer.from('a'), true)
  t.strictSame(seen.splice(0), ['socket a true'])
  const other = (data: unknown): void => { seen.push(`other ${String(data)}`) }
  const emitter = receiver as unknown as EventEmitter
  emitter.on('message', other)
  wsEmitMessage(receiver, Buffer.from('b'), false)
  t.strictSame(seen.splice(0), ['socket b false', 'other b'])
  emitter.off('message', other)
  wsEmitMessage(receiver, Buffer.from('c'), false)
  t.strictSame(seen.splice(0), ['socket c false'])
})

void t.test('wsEmitMessage: an emit() that is patched on the class of receivers is called', async (t) => {
  const [socket] = await openSocket(t)
  const receiver = wsReceiverOf(socket)
  const prototype = Object.getPrototypeOf(receiver)
  const seen: unknown[] = []
  prototype.emit = function (...parameters: unknown[]) {
    seen.push(parameters[0])
    return EventEmitter.prototype.emit.apply(this, parameters as [string])
  }
  t.teardown(() => { delete prototype.emit })
  const messages: string[] = []
  socket.on('message', (data) => messages.push(String(data)))
  wsEmitMessage(receiver, Buffer.from('a'), false)
  t.strictSame([seen, messages], [['message'], ['a']])
})

void t.test('wsSenderOf: returns the object in which ws frames messages, with the fields that the plugin reads', async (t) => {
  const [socket, connection] = await openSocket(t)
  const { _socket, _state, _firstFragment } = wsSenderOf(socket)
  t.equal(_socket, connection.duplex)
  t.strictSame([_state, _firstFragment], [0, true])
})

void t.test('isInMessage: returns true from the first fragment to the last, whatever ws is doing', async (t) => {
  const [socket] = await openSocket(t)
  const sender = wsSenderOf(socket)
  t.equal(isInMessage(sender), false)
  socket.send('fragment', { fin: false })
  t.equal(isInMessage(sender), true)
  socket.ping()
  socket.send(new Blob(['fragment']), { fin: false })
  t.equal(isInMessage(sender), true)
  socket.send('fragment', { fin: true })
  t.equal(isInMessage(sender), false, 'ws has begun to read the Blob')
  socket.send('whole')
  t.equal(isInMessage(sender), false)
})

void t.test('addBufferedBytes: bufferedAmount includes the bytes, while the socket is open and when it has closed', async (t) => {
  const [socket] = await openSocket(t)
  const sender = wsSenderOf(socket)
  addBufferedBytes(sender, 5)
  addBufferedBytes(sender, 2)
  t.equal(socket.bufferedAmount, 7)
  addBufferedBytes(sender, -5)
  t.equal(socket.bufferedAmount, 2)
  socket.terminate()
  await once(socket, 'close')
  addBufferedBytes(sender, -2)
  t.equal(socket.bufferedAmount, 0)
})

void t.test('isQueueing: returns true while ws reads a Blob, but not between the fragments of a message', async (t) => {
  const [socket] = await openSocket(t)
  const sender = wsSenderOf(socket)
  socket.send('fragment', { fin: false })
  t.equal(isQueueing(sender), false)
  socket.send(new Blob(['fragment']), { fin: true })
  t.equal(isQueueing(sender), true)
  await new Promise((resolve) => socket.pong('', false, resolve))
  t.equal(isQueueing(sender), false)
})

void t.test('sendsImmediately: returns false while ws reads a Blob, and what is sent meanwhile waits', async (t) => {
  const [socket, connection] = await openSocket(t)
  for (const send of [() => socket.send(new Blob([])), () => socket.ping(new Blob(['x']))]) {
    const { length } = connection.bytes
    t.equal(sendsImmediately(wsSenderOf(socket)), true)
    send()
    t.equal(sendsImmediately(wsSenderOf(socket)), false)
    socket.send('after')
    t.equal(connection.bytes.length, length)
    await new Promise((resolve) => socket.pong('', false, resolve))
    t.equal(sendsImmediately(wsSenderOf(socket)), true)
  }
})

void t.test('sendsImmediately: returns false while a message is sent in fragments', async (t) => {
  const [socket] = await openSocket(t)
  const sender = wsSenderOf(socket)
  for (const fin of [false, false, true]) {
    socket.send('fragment', { fin })
    t.equal(sendsImmediately(sender), fin)
  }
})

void t.test('sendsImmediately: returns false for a sender that lacks the fields', async (t) => {
  t.notOk(sendsImmediately({} as never))
})

void t.test('sendsImmediately: returns false while ws compresses a message', async (t) => {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
  const client = await openOverridden(t, server, {})
  const [socket] = await Promise.all([
    new Promise<WebSocket>((resolve) => server.once('headers', () => setImmediate(() => resolve([...server.clients][0]!)))),
    once(client, 'open')
  ])
  t.equal(socket.extensions, 'permessage-deflate')
  const received = once(client, 'message')
  t.equal(sendsImmediately(wsSenderOf(socket)), true)
  await new Promise<void>((resolve) => {
    socket.send('compressed', () => resolve())
    t.equal(sendsImmediately(wsSenderOf(socket)), false)
  })
  t.equal(sendsImmediately(wsSenderOf(socket)), true)
  await received
  client.terminate()
})

void t.test('isHandshakeTimeout: the error of a handshake that takes longer than handshakeTimeout, and no other', async (t) => {
  const server = createHttpServer().on('upgrade', () => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [error] = await once(new WebSocket(url, { handshakeTimeout: 50 }), 'error')
  t.equal(isHandshakeTimeout(error), true)
  t.equal(isHandshakeTimeout(new Error('x')), false)
})

void t.test('interceptEnd: the listener receives the end of the connection, and ws ends when it calls that of ws', async (t) => {
  const [socket, connection] = await openSocket(t)
  let calls = 0
  let end = (): void => {}
  interceptEnd(connection.duplex, (wsOnEnd) => { calls++; end = wsOnEnd })
  connection.endSide()
  await waitUntil(() => calls === 1)
  t.equal(socket.readyState, socket.OPEN, 'ws has not received it')
  const closed = once(socket, 'close')
  end()
  t.equal(socket.readyState, socket.CLOSING)
  t.equal((await closed)[0], 1006)
})
