import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect as openSession } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { constants, deflateRawSync, inflateRaw } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { connect } from '../../lib/client/index.ts'
import { CLOSE, CONTINUATION, PING, TEXT, describeWsFrame, readWsFrames, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { serve } from './server.ts'
import type { Wire } from './server.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const HEAD_END = '\r\n\r\n'
const DEFLATE = 'permessage-deflate'
const RSV1 = 4
const SYNC_TAIL = 4

/** Frames that break the protocol, the error of ws, and the code of the Close. */
const BREACHES: Array<[name: string, frame: Buffer, error: string, code: number]> = [
  ['text that is not UTF-8', wsFrame(TEXT, Buffer.of(0xff)), 'WS_ERR_INVALID_UTF8', 1007],
  ['a reserved bit', wsFrame(TEXT, 'x', { rsv: 1 }), 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['a frame without a mask', wsFrame(TEXT, 'x', { masked: false }), 'WS_ERR_EXPECTED_MASK', 1002],
  ['a Close with a wrong code', wsFrame(CLOSE, Buffer.of(0, 1)), 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['a Close that is not UTF-8', wsFrame(CLOSE, Buffer.of(3, 0xe8, 0xff)), 'WS_ERR_INVALID_UTF8', 1007],
  ['a message that is too long', wsText('x'.repeat(101)), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ['a continuation of nothing', wsFrame(CONTINUATION, 'x'), 'WS_ERR_INVALID_OPCODE', 1002]
]

/** Frames that the same client sends right after it. */
const REST = [wsText('late'), wsFrame(PING, 'late'), wsText('later'), wsFrame(CLOSE)]

/** What takes some milliseconds to inflate. */
const SLOW = 'x'.repeat(8 * 1024 * 1024)

/** Waits about as long as it takes to inflate that. */
async function inflateSlow (): Promise<void> {
  await promisify(inflateRaw)(deflateRawSync(SLOW))
}

const first = wsText('first')
const heard: string[] = []

function deflated (text: string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return wsFrame(TEXT, bytes.subarray(0, -SYNC_TAIL), { rsv: RSV1 })
}

function addRoute (app: FastifyInstance): void {
  app.get('/', { websocket: true }, (socket) => { listen(socket) })
}

async function closed (socket: WebSocket): Promise<number> {
  return await new Promise((resolve) => { socket.once('close', resolve) })
}

function listen (socket: WebSocket): void {
  heard.length = 0
  for (const event of ['message', 'ping', 'pong']) socket.on(event, (data) => heard.push(`${event} ${data}`))
}

/** The other end of a connection, of which each chunk is one read. */
class Chunks {
  readonly connection: Duplex
  #written: Buffer = Buffer.alloc(0)

  constructor () {
    this.connection = new Duplex({
      read () {},
      write: (chunk, _encoding, done) => {
        this.#written = Buffer.concat([this.#written, chunk])
        done()
        this.connection.emit('written')
      },
      final: (done) => {
        this.connection.push(null)
        done()
      }
    })
  }

  /** Returns what was written up to the end of a head, and takes it. */
  async head (): Promise<string> {
    while (!this.#written.includes(HEAD_END)) await once(this.connection, 'written')
    const end = this.#written.indexOf(HEAD_END) + HEAD_END.length
    const head = this.#written.subarray(0, end).toString('latin1')
    this.#written = this.#written.subarray(end)
    return head
  }

  get frames (): string[] {
    return readWsFrames(this.#written)[0].map(describeWsFrame)
  }

  /** Copies: a receiver unmasks what it reads. */
  push (...chunks: Buffer[]): void {
    for (const chunk of chunks) this.connection.push(Buffer.from(chunk))
  }
}

async function openOverTcp (wire: Wire): Promise<Chunks> {
  const chunks = new Chunks()
  wire.app.server.emit('connection', chunks.connection)
  const lines = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`, `Sec-WebSocket-Extensions: ${DEFLATE}`]
  chunks.push(Buffer.from(lines.join('\r\n') + HEAD_END))
  await chunks.head()
  return chunks
}

for (const [name, breach, error, code] of BREACHES) {
  const seen = [`error ${error}`, `close ${code}`]

  for (const [way, options, message] of [
    ['while a message is inflated', { perMessageDeflate: true }, deflated('first')],
    ['while a message waits for its turn', { allowSynchronousEvents: false }, first]
  ] as const) {
    await t.test(`HTTP/1.1, ${way}: what follows ${name} is discarded`, async (t) => {
      const plugin = { options: { maxPayload: 100, ...options } }
      const wire = await serve(t, addRoute, { plugin, server: { http2: false } })
      const chunks = await openOverTcp(wire)
      chunks.push(message, breach, ...REST)
      await closed(wire.sockets[0]!)
      t.strictSame(heard, ['message first'])
      t.strictSame(wire.events[0], seen)
      t.strictSame(chunks.frames, [`Close ${code}`])
    })
  }

  await t.test(`HTTP/2, while a message waits for its turn: what follows ${name} is discarded`, async (t) => {
    const wire = await serve(t, addRoute, { plugin: { options: { maxPayload: 100, allowSynchronousEvents: false } } })
    const client = await wire.client()
    client.connect(1, '/')
    await client.response(1)
    client.together(() => { for (const chunk of [first, breach, ...REST]) client.data(1, chunk) })
    await client.untilEnd(1)
    client.data(1, Buffer.alloc(0), true)
    await wire.emptied()
    t.strictSame(heard, ['message first'])
    t.strictSame(wire.events[0], seen)
    t.strictSame(client.wsTrace(1), ['HEADERS', `Close ${code}`, 'END_STREAM'])
  })
}

await t.test('frames that come with the handshake, behind one that breaks the protocol, are discarded', async (t) => {
  const wire = await serve(t, addRoute, { plugin: { options: { allowSynchronousEvents: false } } })
  const client = await wire.client()
  client.together(() => {
    client.connect(1, '/')
    for (const chunk of [first, wsFrame(TEXT, Buffer.of(0xff)), ...REST]) client.data(1, chunk)
  })
  await client.untilEnd(1)
  client.data(1, Buffer.alloc(0), true)
  await wire.emptied()
  t.strictSame(heard, ['message first'])
  t.strictSame(wire.events[0], ['error WS_ERR_INVALID_UTF8', 'close 1007'])
})

await t.test('a message that cannot be inflated closes with 1007, is logged as the fault of its client, and is the last', async (t) => {
  const wire = await serve(t, addRoute, { plugin: { options: { perMessageDeflate: true } }, server: { http2: false } })
  const chunks = await openOverTcp(wire)
  chunks.push(deflated('first'), wsFrame(TEXT, Buffer.alloc(4, 0xff), { rsv: RSV1 }), deflated('late'), ...REST)
  await closed(wire.sockets[0]!)
  t.strictSame(heard, ['message first'])
  t.strictSame(wire.events[0], ['error Z_DATA_ERROR', 'close 1007'])
  t.strictSame(chunks.frames, ['Close 1007'])
  t.strictSame(wire.warnings, [])
})

await t.test('a compressed message behind one that breaks the protocol is not inflated when the connection closes', async (t) => {
  const wire = await serve(t, addRoute, { plugin: { options: { perMessageDeflate: true } }, server: { http2: false } })
  const chunks = await openOverTcp(wire)
  chunks.push(deflated('first'), wsFrame(TEXT, '', { masked: false }), deflated(SLOW))
  wire.sockets[0]!.on('error', () => chunks.connection.destroy())
  await closed(wire.sockets[0]!)
  await inflateSlow()
  t.strictSame(heard, ['message first'])
  t.strictSame(wire.events[0], ['error WS_ERR_EXPECTED_MASK', 'close 1006'])
})

/** Frames as a server sends them. */
const REPLIES = [
  wsFrame(TEXT, Buffer.of(0xff), { masked: false }), wsFrame(TEXT, 'late', { masked: false }),
  wsFrame(PING, 'late', { masked: false }), wsFrame(TEXT, 'later', { masked: false })
]

async function checkClient (t: Test, socket: WebSocket, error: string, code: number): Promise<void> {
  const codes: unknown[] = []
  socket.on('error', (error: Error & { code?: string }) => codes.push(error.code))
  t.equal(await closed(socket), code)
  t.strictSame(codes, [error])
  t.strictSame(heard, ['message first'])
}

/** A client, and the connection to its server. */
async function openClient (): Promise<[socket: WebSocket, chunks: Chunks]> {
  const chunks = new Chunks()
  const socket = connect('ws://localhost', { http: '1.1', createConnection: () => chunks.connection as never })
  listen(socket)
  const key = /^Sec-WebSocket-Key: (.*)$/im.exec(await chunks.head())![1]!
  const answer = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${createHash('sha1').update(key + GUID).digest('base64')}`,
    `Sec-WebSocket-Extensions: ${DEFLATE}`]
  const opened = once(socket, 'open')
  chunks.push(Buffer.from(answer.join('\r\n') + HEAD_END))
  await opened
  return [socket, chunks]
}

/** A compressed message as a server sends it. */
function deflatedReply (text: string): Buffer {
  return wsFrame(TEXT, readWsFrames(deflated(text))[0][0]!.payload, { masked: false, rsv: RSV1 })
}

await t.test('connect(): what follows an error of a server is discarded, over HTTP/1.1', async (t) => {
  const [socket, chunks] = await openClient()
  chunks.push(deflatedReply('first'), ...REPLIES)
  await checkClient(t, socket, 'WS_ERR_INVALID_UTF8', 1007)
})

await t.test('connect(): a compressed message behind an error of a server is not inflated when the connection closes', async (t) => {
  const [socket, chunks] = await openClient()
  chunks.push(deflatedReply('first'), wsFrame(3, '', { masked: false }), deflatedReply(SLOW))
  socket.on('error', () => chunks.connection.destroy())
  await checkClient(t, socket, 'WS_ERR_INVALID_OPCODE', 1006)
  await inflateSlow()
})

await t.test('connect(): what follows an error of a server is discarded, over HTTP/2', async (t) => {
  const wire = await serve(t, addRoute)
  const session = openSession(`http://127.0.0.1:${((wire.app.server as Server).address() as AddressInfo).port}`)
  t.teardown(() => session.destroy())
  const socket = connect(session, { path: '/', allowSynchronousEvents: false })
  const [{ socket: stream }] = await once(socket, 'upgrade')
  listen(socket)
  for (const chunk of [wsFrame(TEXT, 'first', { masked: false }), ...REPLIES]) stream.push(chunk)
  await checkClient(t, socket, 'WS_ERR_INVALID_UTF8', 1007)
})
