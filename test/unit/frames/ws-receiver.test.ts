import { once } from 'node:events'
import { Duplex, Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { guardReceiver } from '../../../lib/frames/ws-receiver.ts'
import { wsReceiverOf } from '../../../lib/internals/ws.ts'
import { BINARY, CONTINUATION, PING, PONG, TEXT, wsFrame, wsText } from '../../helpers/ws-frames.ts'

const SECRET = Buffer.from('nobody else may read this')

interface Parts {
  socket: WebSocket
  connection: Duplex
  /** The messages, pings, pongs and errors of the socket, in order. */
  events: Array<[event: string, data: unknown]>
}

/** Opens a socket of ws over a connection in memory, and guards its receiver before it has parsed anything. */
async function open (t: Test, options: object = {}): Promise<Parts> {
  const connection = new Duplex({ read () {}, write (_chunk, _encoding, callback) { callback() } })
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  }
  const server = new WebSocketServer({ noServer: true, ...options })
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade({ method: 'GET', url: '/', headers } as never, connection as never, Buffer.alloc(0), resolve)
  })
  guardReceiver(socket)
  t.teardown(() => connection.destroy())
  const events: Parts['events'] = []
  for (const event of ['message', 'ping', 'pong']) socket.on(event, (data) => events.push([event, data]))
  socket.on('error', ({ code }: Error & { code?: string }) => events.push(['error', code]))
  return { socket, connection, events }
}

function textsOf (events: Parts['events']): string[] {
  return events.map(([event, data]) => `${event} ${data}`)
}

/** Returns a chunk of a read that contains data of another socket too. */
function inSharedRead (...frames: Buffer[]): Buffer {
  const bytes = Buffer.concat(frames)
  const read = Buffer.concat([SECRET, bytes, SECRET])
  const start = SECRET.length
  return Buffer.from(new Uint8Array(read).buffer).subarray(start, start + bytes.length)
}

function memoryOf ({ buffer }: Buffer): Buffer {
  return Buffer.from(buffer as ArrayBuffer)
}

// Errors

for (const [name, options] of Object.entries({
  'with all events in one tick': {}, 'with one event in each turn': { allowSynchronousEvents: false }
})) {
  void t.test(`a receiver discards all frames after a protocol error, ${name}`, async (t) => {
    const { connection, events } = await open(t, options)
    for (const frame of [wsText('before'), wsFrame(TEXT, Buffer.of(0xff)), wsText('after'), wsFrame(PING)]) {
      connection.push(frame)
    }
    for (let count = 0; count < 10; count++) await turn()
    t.same(textsOf(events), ['message before', 'error WS_ERR_INVALID_UTF8'])
  })
}

void t.test('a chunk that is discarded is called back without an error, and not parsed', async (t) => {
  const { socket, events } = await open(t)
  const receiver = wsReceiverOf(socket)
  receiver._errored = true
  const results: unknown[] = []
  receiver._write(wsText('late'), 'utf8', (error) => results.push(error))
  t.same(results, [undefined])
  t.same(events, [])
})

void t.test('a receiver ends once, and a callback of a later end receives the error of Node', async (t) => {
  const { socket } = await open(t)
  const receiver = wsReceiverOf(socket) as unknown as Writable
  const nodeEnd = t.capture(Writable.prototype, 'end', Writable.prototype.end)
  const endsOf = (): number => nodeEnd.args().length
  receiver.end()
  t.equal(receiver.end(), receiver)
  t.equal(endsOf(), 1)
  await once(receiver, 'finish')
  const error = await new Promise<unknown>((resolve) => { receiver.end(resolve) })
  t.match(error, { code: 'ERR_STREAM_ALREADY_FINISHED' })
})

void t.test('an error is called back by ws itself', async (t) => {
  const { socket, connection, events } = await open(t)
  const results: unknown[] = []
  wsReceiverOf(socket)._write(wsFrame(3), 'utf8', (error) => results.push(error))
  t.match(results, [{ code: 'WS_ERR_INVALID_OPCODE' }])
  connection.destroy()
  await turn()
  t.same(events, [])
})

// Memory

void t.test('messages, pings and pongs share no memory with data that arrived in the same read', async (t) => {
  const { connection, events } = await open(t)
  for (const size of [0, 1, 64, 65, 125]) {
    connection.push(inSharedRead(wsFrame(TEXT, 'x'.repeat(size)), wsFrame(PING, 'x'.repeat(size)), wsFrame(PONG, 'x'.repeat(size))))
  }
  for (const size of [126, 1024, 5000]) connection.push(inSharedRead(wsFrame(BINARY, 'x'.repeat(size))))
  await turn()
  t.equal(events.length, 3 * 5 + 3)
  for (const [event, data] of events as Array<[string, Buffer]>) {
    t.ok(data.every((byte) => byte === 0x78))
    t.notOk(memoryOf(data).includes(SECRET), `${event} of ${data.length} bytes`)
  }
})

void t.test('a message in fragments, of which some are empty, shares no memory with data that arrived in the same read', async (t) => {
  const { connection, events } = await open(t)
  connection.push(inSharedRead(wsFrame(BINARY, 'x'.repeat(999), { fin: false })))
  connection.push(inSharedRead(wsFrame(CONTINUATION)))
  connection.push(inSharedRead(wsFrame(TEXT, 'y'.repeat(100), { fin: false })))
  connection.push(inSharedRead(wsFrame(CONTINUATION, 'y'.repeat(100))))
  await turn()
  t.same(textsOf(events), [`message ${'x'.repeat(999)}`, `message ${'y'.repeat(200)}`])
  for (const [, data] of events as Array<[string, Buffer]>) t.notOk(memoryOf(data).includes(SECRET))
})

void t.test('the parts of a message with binaryType "fragments" share no memory with data that arrived in the same read', async (t) => {
  const { socket, connection, events } = await open(t)
  socket.binaryType = 'fragments'
  connection.push(inSharedRead(wsFrame(BINARY, 'x'.repeat(300), { fin: false })))
  connection.push(inSharedRead(wsFrame(CONTINUATION, 'y'.repeat(300))))
  await turn()
  const parts = events[0]![1] as Buffer[]
  t.equal(Buffer.concat(parts).toString(), 'x'.repeat(300) + 'y'.repeat(300))
  for (const part of parts) t.notOk(memoryOf(part).includes(SECRET))
})

void t.test('a message with binaryType "arraybuffer" is emitted as ws makes it', async (t) => {
  const { socket, connection, events } = await open(t)
  socket.binaryType = 'arraybuffer'
  connection.push(inSharedRead(wsFrame(BINARY, 'x'.repeat(300))))
  await turn()
  const data = events[0]![1] as ArrayBuffer
  t.ok(data instanceof ArrayBuffer)
  t.equal(Buffer.from(data).toString(), 'x'.repeat(300))
})

void t.test('a message that fills the chunk in which it arrived is not copied', async (t) => {
  const { connection, events } = await open(t)
  const chunk = Buffer.from(new Uint8Array(wsFrame(BINARY, 'x'.repeat(5000))).buffer)
  connection.push(chunk)
  await turn()
  t.equal((events[0]![1] as Buffer).buffer, chunk.buffer)
})

void t.test('events without data are emitted as they are, to several receivers alike', async (t) => {
  const [one, other] = [await open(t), await open(t)]
  t.equal(wsReceiverOf(one.socket)._write, wsReceiverOf(other.socket)._write)
  t.equal(wsReceiverOf(one.socket).emit, wsReceiverOf(other.socket).emit)
  const codes: unknown[] = []
  one.socket.on('close', (code) => codes.push(code))
  one.connection.push(wsFrame(8, Buffer.from('\x0f\xa0', 'latin1')))
  one.connection.push(null)
  for (let count = 0; count < 5; count++) await turn()
  t.same(codes, [4000])
})
