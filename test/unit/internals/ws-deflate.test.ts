import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { constants, inflateRawSync } from 'node:zlib'
import type { DeflateRaw } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { shareDeflate } from '../../../lib/internals/ws-deflate.ts'
import type { DeflatePool } from '../../../lib/internals/ws-deflate.ts'
import { MemoryConnection } from '../../helpers/memory-connection.ts'
import { KEY } from '../../helpers/upgrade-request.ts'
import { RSV1, readWsFrames } from '../../helpers/ws-frames.ts'

const REQUEST = {
  method: 'GET',
  url: '/',
  headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': KEY }
} as unknown as IncomingMessage

const WITHOUT_TAKEOVER = { noServer: true, perMessageDeflate: { serverNoContextTakeover: true, threshold: 0 } }

/** The extension of a socket of ws that compresses. */
interface Extension {
  _deflate: DeflateRaw | null
}

/** Opens a socket of ws that compresses. */
async function openCompressed (t: Test, server: WebSocketServer): Promise<{
  socket: WebSocket, connection: MemoryConnection, extension: Extension
}> {
  const connection = new MemoryConnection()
  t.teardown(() => connection.duplex.destroy())
  const headers = { ...REQUEST.headers, 'sec-websocket-extensions': 'permessage-deflate' }
  const socket = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade({ ...REQUEST, headers } as IncomingMessage, connection.duplex, Buffer.alloc(0), resolve)
  })
  await connection.takeHead()
  const { _extensions: extensions } = socket as unknown as { _extensions: Record<string, Extension> }
  return { socket, connection, extension: extensions['permessage-deflate']! }
}

function inflate (payload: Buffer): string {
  return String(inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }))
}

async function send (socket: WebSocket, text: string, options: object = {}): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.send(text, options, (error) => error == null ? resolve() : reject(error))
  })
}

void t.test('shareDeflate: without context takeover sockets use one stream in turns, and inflate what each has sent', async (t) => {
  const server = new WebSocketServer(WITHOUT_TAKEOVER)
  const pool: DeflatePool = new Map()
  const opened = [await openCompressed(t, server), await openCompressed(t, server)]
  for (const { socket } of opened) shareDeflate(socket, pool)
  for (const round of [1, 2]) for (const { socket } of opened) await send(socket, `round ${round}`)
  const [idle] = [...pool.values()] as [DeflateRaw[]]
  t.equal(idle.length, 1)
  for (const { connection, extension } of opened) {
    t.equal(extension._deflate, null)
    const [frames] = readWsFrames(connection.bytes)
    t.strictSame(frames.map(({ rsv }) => rsv), [RSV1, RSV1])
    t.strictSame(frames.map(({ payload }) => inflate(payload)), ['round 1', 'round 2'])
  }
})

void t.test('shareDeflate: a message in fragments keeps its stream until the last one', async (t) => {
  const server = new WebSocketServer(WITHOUT_TAKEOVER)
  const pool: DeflatePool = new Map()
  const { socket, connection, extension } = await openCompressed(t, server)
  shareDeflate(socket, pool)
  await send(socket, 'one ', { fin: false })
  t.not(extension._deflate, null)
  await send(socket, 'message', { fin: true })
  t.equal(extension._deflate, null)
  const [frames] = readWsFrames(connection.bytes)
  const whole = Buffer.concat(frames.map(({ payload }) => payload))
  t.equal(inflate(whole), 'one message')
})

void t.test('shareDeflate: of the streams of many messages in fragments, as many as concurrencyLimit stay', async (t) => {
  const server = new WebSocketServer(WITHOUT_TAKEOVER)
  const pool: DeflatePool = new Map()
  const opened = await Promise.all(Array.from({ length: 12 }, async () => await openCompressed(t, server)))
  for (const { socket } of opened) shareDeflate(socket, pool)
  for (const fin of [false, true]) await Promise.all(opened.map(async ({ socket }) => await send(socket, 'part', { fin })))
  const [idle] = [...pool.values()] as [DeflateRaw[]]
  t.equal(idle.length, 10)
  for (const { connection } of opened) {
    const [frames] = readWsFrames(connection.bytes)
    t.equal(inflate(Buffer.concat(frames.map(({ payload }) => payload))), 'partpart')
  }
})

void t.test('shareDeflate: a stream that ws has closed with its socket is not used again', async (t) => {
  const server = new WebSocketServer(WITHOUT_TAKEOVER)
  const pool: DeflatePool = new Map()
  const { socket } = await openCompressed(t, server)
  shareDeflate(socket, pool)
  const sending = send(socket, 'x'.repeat(1_000_000))
  const closed = once(socket, 'close')
  socket.terminate()
  await t.rejects(sending)
  await closed
  t.strictSame([...pool.values()], [[]])
  const next = await openCompressed(t, server)
  shareDeflate(next.socket, pool)
  await send(next.socket, 'next')
})

void t.test('shareDeflate: does nothing with context takeover, and without compression', async (t) => {
  const pool: DeflatePool = new Map()
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  const { socket, extension } = await openCompressed(t, server)
  const { socket: plain } = await openCompressed(t, new WebSocketServer({ noServer: true }))
  for (const each of [socket, plain]) shareDeflate(each, pool)
  await send(socket, 'x'.repeat(2000))
  t.not(extension._deflate, null, 'ws keeps the context')
  t.equal(pool.size, 0)
})
