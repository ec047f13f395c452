import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as openSession } from 'node:http2'
import { promisify } from 'node:util'
import { deflateRawSync, inflateRaw } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket } from 'ws'
import { connect } from '../../lib/client/index.ts'
import { MemoryConnection } from '../helpers/memory-connection.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { HEADERS_END, OFFER_DEFLATE, upgradeRequest } from '../helpers/upgrade-request.ts'
import { allClosed } from '../helpers/waiting.ts'
import {
  CLOSE, CONTINUATION, PING, RSV1, TEXT, deflate, describeWsFrame, readWsFrames, wsFrame, wsText
} from '../helpers/ws-frames.ts'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Frames that break the protocol, the error of ws, and the code of the Close. */
const PROTOCOL_ERRORS: Array<[name: string, frame: Buffer, error: string, code: number]> = [
  ['text that is not UTF-8', wsFrame(TEXT, Buffer.of(0xff)), 'WS_ERR_INVALID_UTF8', 1007],
  ['a reserved bit', wsFrame(TEXT, 'x', { rsv: 1 }), 'WS_ERR_UNEXPECTED_RSV_2_3', 1002],
  ['a frame without a mask', wsFrame(TEXT, 'x', { masked: false }), 'WS_ERR_EXPECTED_MASK', 1002],
  ['a Close with a wrong code', wsFrame(CLOSE, Buffer.of(0, 1)), 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['a Close that is not UTF-8', wsFrame(CLOSE, Buffer.of(3, 0xe8, 0xff)), 'WS_ERR_INVALID_UTF8', 1007],
  ['a message that is too long', wsText('x'.repeat(101)), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ['a continuation without a first fragment', wsFrame(CONTINUATION, 'x'), 'WS_ERR_INVALID_OPCODE', 1002]
]

const COMPRESSING = { options: { perMessageDeflate: true } }

/** Frames that the same client sends immediately after it. */
const REST = [wsText('late'), wsFrame(PING, 'late'), wsText('later'), wsFrame(CLOSE)]

/** A text that takes some milliseconds to decompress. */
const SLOW = 'x'.repeat(8 * MIB)

/** Waits about as long as it takes to decompress it. */
async function decompressSlow (): Promise<void> {
  await promisify(inflateRaw)(deflateRawSync(SLOW))
}

const first = wsText('first')
/** Messages, pings and pongs of the last socket that was observed. */
const observed: string[] = []

function compressed (text: string): Buffer {
  return wsFrame(TEXT, deflate(text), { rsv: RSV1 })
}

function addRoute (app: FastifyInstance): void {
  app.get('/', { websocket: true }, (socket) => { observe(socket) })
}

function observe (socket: WebSocket): void {
  observed.length = 0
  for (const event of ['message', 'ping', 'pong']) socket.on(event, (data) => observed.push(`${event} ${data}`))
}

/** Opens a socket with compression over HTTP/1.1. */
async function openOverHttp1 (server: TestServer): Promise<MemoryConnection> {
  const connection = new MemoryConnection()
  server.app.server.emit('connection', connection.duplex)
  connection.push(Buffer.from(upgradeRequest('/', [OFFER_DEFLATE])))
  await connection.takeHead()
  return connection
}

function framesOf ({ bytes }: MemoryConnection): string[] {
  return readWsFrames(bytes)[0].map(describeWsFrame)
}

for (const [name, invalid, error, code] of PROTOCOL_ERRORS) {
  const events = [`error ${error}`, `close ${code}`]

  for (const [situation, options, message] of [
    ['while a message is decompressed', { perMessageDeflate: true }, compressed('first')],
    ['while a message waits for the next tick', { allowSynchronousEvents: false }, first]
  ] as const) {
    await t.test(`HTTP/1.1, ${situation}: frames after ${name} are discarded`, async (t) => {
      const plugin = { options: { maxPayload: 100, ...options } }
      const server = await startServer(t, addRoute, { plugin, server: { http2: false } })
      const connection = await openOverHttp1(server)
      connection.push(message, invalid, ...REST)
      await allClosed(server.sockets)
      t.strictSame(observed, ['message first'])
      t.strictSame(server.events[0], events)
      t.strictSame(framesOf(connection), [`Close ${code}`])
    })
  }

  await t.test(`HTTP/2, while a message waits for the next tick: frames after ${name} are discarded`, async (t) => {
    const plugin = { options: { maxPayload: 100, allowSynchronousEvents: false } }
    const server = await startServer(t, addRoute, { plugin })
    const client = await server.client()
    client.connect(1, '/')
    await client.response(1)
    client.batch(() => { for (const chunk of [first, invalid, ...REST]) client.data(1, chunk) })
    await client.untilEnd(1)
    client.data(1, Buffer.alloc(0), true)
    await server.socketsClosed()
    t.strictSame(observed, ['message first'])
    t.strictSame(server.events[0], events)
    t.strictSame(client.wsTrace(1), ['HEADERS', `Close ${code}`, 'END_STREAM'])
  })
}

await t.test('frames that arrive with the handshake are discarded after one that breaks the protocol', async (t) => {
  const server = await startServer(t, addRoute, { plugin: { options: { allowSynchronousEvents: false } } })
  const client = await server.client()
  client.batch(() => {
    client.connect(1, '/')
    for (const chunk of [first, wsFrame(TEXT, Buffer.of(0xff)), ...REST]) client.data(1, chunk)
  })
  await client.untilEnd(1)
  client.data(1, Buffer.alloc(0), true)
  await server.socketsClosed()
  t.strictSame(observed, ['message first'])
  t.strictSame(server.events[0], ['error WS_ERR_INVALID_UTF8', 'close 1007'])
})

await t.test('a message that cannot be decompressed closes the socket with 1007, and later frames are discarded', async (t) => {
  const server = await startServer(t, addRoute, { plugin: COMPRESSING, server: { http2: false } })
  const connection = await openOverHttp1(server)
  connection.push(compressed('first'), wsFrame(TEXT, Buffer.alloc(4, 0xff), { rsv: RSV1 }), compressed('late'), ...REST)
  await allClosed(server.sockets)
  t.strictSame(observed, ['message first'])
  t.strictSame(server.events[0], ['error Z_DATA_ERROR', 'close 1007'])
  t.strictSame(framesOf(connection), ['Close 1007'])
  t.strictSame(server.warnings, [])
})

await t.test('a compressed message after a protocol error is not decompressed when the connection closes', async (t) => {
  const server = await startServer(t, addRoute, { plugin: COMPRESSING, server: { http2: false } })
  const connection = await openOverHttp1(server)
  connection.push(compressed('first'), wsFrame(TEXT, '', { masked: false }), compressed(SLOW))
  server.sockets[0]!.on('error', () => connection.duplex.destroy())
  await allClosed(server.sockets)
  await decompressSlow()
  t.strictSame(observed, ['message first'])
  t.strictSame(server.events[0], ['error WS_ERR_EXPECTED_MASK', 'close 1006'])
})

/** Frames of a server, of which the first breaks the protocol. */
const REPLIES = [
  wsFrame(TEXT, Buffer.of(0xff), { masked: false }), wsFrame(TEXT, 'late', { masked: false }),
  wsFrame(PING, 'late', { masked: false }), wsFrame(TEXT, 'later', { masked: false })
]

async function checkClient (t: Test, socket: WebSocket, error: string, code: number): Promise<void> {
  const codes: unknown[] = []
  socket.on('error', (error: Error & { code?: string }) => codes.push(error.code))
  t.equal(await new Promise((resolve) => { socket.once('close', resolve) }), code)
  t.strictSame(codes, [error])
  t.strictSame(observed, ['message first'])
}

/** Opens a client with connect(), and acts as its server. */
async function openClient (): Promise<[socket: WebSocket, connection: MemoryConnection]> {
  const connection = new MemoryConnection()
  const socket = connect('ws://localhost', { http: '1.1', createConnection: () => connection.duplex as never })
  observe(socket)
  const key = /^Sec-WebSocket-Key: (.*)$/im.exec(await connection.takeHead())![1]!
  const response = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${createHash('sha1').update(key + GUID).digest('base64')}`, OFFER_DEFLATE]
  const opened = once(socket, 'open')
  connection.push(Buffer.from(response.join('\r\n') + HEADERS_END))
  await opened
  return [socket, connection]
}

/** Returns a compressed message as a server sends it. */
function compressedReply (text: string): Buffer {
  return wsFrame(TEXT, deflate(text), { masked: false, rsv: RSV1 })
}

await t.test('connect(): frames after a protocol error of a server are discarded over HTTP/1.1', async (t) => {
  const [socket, connection] = await openClient()
  connection.push(compressedReply('first'), ...REPLIES)
  await checkClient(t, socket, 'WS_ERR_INVALID_UTF8', 1007)
})

await t.test('connect(): a compressed message after a protocol error of a server is not decompressed when the connection closes', async (t) => {
  const [socket, connection] = await openClient()
  connection.push(compressedReply('first'), wsFrame(3, '', { masked: false }), compressedReply(SLOW))
  socket.on('error', () => connection.duplex.destroy())
  await checkClient(t, socket, 'WS_ERR_INVALID_OPCODE', 1006)
  await decompressSlow()
})

await t.test('connect(): frames after a protocol error of a server are discarded over HTTP/2', async (t) => {
  const server = await startServer(t, addRoute)
  const session = openSession(`http://127.0.0.1:${server.port}`)
  t.teardown(() => session.destroy())
  const socket = connect(session, { path: '/', allowSynchronousEvents: false })
  const [{ socket: stream }] = await once(socket, 'upgrade')
  observe(socket)
  for (const chunk of [wsFrame(TEXT, 'first', { masked: false }), ...REPLIES]) stream.push(chunk)
  await checkClient(t, socket, 'WS_ERR_INVALID_UTF8', 1007)
})
