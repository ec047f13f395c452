import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { constants, inflateRawSync } from 'node:zlib'
import type { DeflateRaw } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { compressForAll, compressesMessage, shareDeflate } from '../../../lib/internals/ws-deflate.ts'
import type { DeflatePool } from '../../../lib/internals/ws-deflate.ts'
import { wsSenderOf } from '../../../lib/internals/ws.ts'
import { MemoryConnection } from '../../helpers/memory-connection.ts'
import { KEY } from '../../helpers/upgrade-request.ts'
import { waitUntil } from '../../helpers/waiting.ts'
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
  _compress: (...parameters: unknown[]) => void
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

type Opened = Awaited<ReturnType<typeof openCompressed>>

/** Opens sockets that share deflate streams. */
async function openSharing (
  t: Test, count: number, pool: DeflatePool = new Map(), options: object = {}
): Promise<Opened[]> {
  const { perMessageDeflate, ...others } = WITHOUT_TAKEOVER
  const server = new WebSocketServer({ ...others, perMessageDeflate: { ...perMessageDeflate, ...options } })
  const opened = await Promise.all(Array.from({ length: count }, async () => await openCompressed(t, server)))
  for (const { socket } of opened) shareDeflate(socket, pool)
  return opened
}

/** Counts the calls of ws's own `_compress`, and the most that ran at once. */
function countCompressions (t: Test, { extension }: Opened): { calls: number, most: number } {
  const prototype = Object.getPrototypeOf(extension) as Extension
  const original = prototype._compress
  const counts = { calls: 0, most: 0 }
  let running = 0
  type Callback = (...results: unknown[]) => void
  t.capture(prototype, '_compress', function (this: Extension, data: unknown, fin: unknown, callback: Callback) {
    counts.calls++
    counts.most = Math.max(counts.most, ++running)
    original.call(this, data, fin, (...results: unknown[]) => { running--; callback(...results) })
  })
  return counts
}

function payloadsOf ({ connection }: Opened): string[] {
  return readWsFrames(connection.bytes)[0].map(({ rsv, payload }) => rsv === RSV1 ? inflate(payload) : `plain ${payload}`)
}

async function untilReceived (opened: Opened[], count: number): Promise<void> {
  await waitUntil(() => opened.every(({ connection }) => readWsFrames(connection.bytes)[0].length === count))
}

function broadcast (opened: Opened[], message: Buffer): void {
  for (const { socket } of opened) socket.send(message)
}

void t.test('compressForAll: sockets that share deflate streams compress a message once, and each receives it in order', async (t) => {
  const opened = await openSharing(t, 20)
  const counts = countCompressions(t, opened[0]!)
  const [one, two] = [Buffer.from('one'.repeat(50)), Buffer.from('two'.repeat(50))]
  for (const message of [one, two]) {
    compressForAll(message)
    broadcast(opened, message)
    for (const [index, { socket }] of opened.entries()) if (index === 3) socket.send('between')
  }
  await untilReceived(opened.filter((_each, index) => index !== 3), 2)
  await untilReceived([opened[3]!], 4)
  t.equal(counts.calls, 4)
  for (const [index, each] of opened.entries()) {
    t.same(payloadsOf(each), index === 3 ? [String(one), 'between', String(two), 'between'] : [String(one), String(two)])
  }
  compressForAll(one)
  broadcast(opened, one)
  await untilReceived(opened.slice(0, 3), 3)
  t.equal(counts.calls, 4, 'what is compressed already is used again')
})

void t.test('compressForAll: each pool compresses for itself, and so does each window size', async (t) => {
  const pool: DeflatePool = new Map()
  const narrow = await openSharing(t, 3, pool, { serverMaxWindowBits: 10 })
  const groups = [await openSharing(t, 3, pool), narrow, await openSharing(t, 3)]
  const counts = countCompressions(t, groups[0]![0]!)
  const message = Buffer.from('message'.repeat(50))
  compressForAll(message)
  broadcast(groups.flat(), message)
  await untilReceived(groups.flat(), 1)
  t.equal(counts.calls, 3)
  for (const each of groups.flat()) t.same(payloadsOf(each), [String(message)])
})

void t.test('compressForAll: sockets with context takeover compress a message each for itself', async (t) => {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
  const opened = await Promise.all(Array.from({ length: 3 }, async () => await openCompressed(t, server)))
  for (const { socket } of opened) shareDeflate(socket, new Map())
  const counts = countCompressions(t, opened[0]!)
  const message = Buffer.from('message'.repeat(50))
  compressForAll(message)
  broadcast(opened, message)
  await untilReceived(opened, 1)
  t.equal(counts.calls, 3)
})

void t.test('compressForAll: does not apply to other messages, and not to fragments', async (t) => {
  const opened = await openSharing(t, 2)
  const counts = countCompressions(t, opened[0]!)
  const message = Buffer.from('message')
  compressForAll(message)
  broadcast(opened, Buffer.from(message))
  await untilReceived(opened, 1)
  for (const { socket } of opened) socket.send(message, { fin: false })
  for (const { socket } of opened) socket.send('end', { fin: true })
  await untilReceived(opened, 3)
  t.equal(counts.calls, 6)
})

void t.test('compressForAll: if the socket that compresses closes, the next one does', async (t) => {
  const pool: DeflatePool = new Map()
  const opened = await openSharing(t, 4, pool)
  const counts = countCompressions(t, opened[0]!)
  const message = Buffer.alloc(1_000_000, 'x')
  compressForAll(message)
  const results: unknown[] = []
  for (const { socket } of opened) socket.send(message, (error) => results.push(error?.message ?? 'sent'))
  opened[0]!.socket.terminate()
  opened[1]!.socket.terminate()
  await untilReceived(opened.slice(2), 1)
  t.same(payloadsOf(opened[3]!), [String(message)])
  await waitUntil(() => results.length === 4)
  t.same(results.slice(2), ['sent', 'sent'])
  for (const result of results.slice(0, 2)) t.match(result, /closed while data was being compressed/)
  t.ok(counts.calls >= 2)
  t.equal([...pool.values()][0]!.length, 1, 'one stream is left')
})

void t.test('compressForAll: a callback that throws has no effect on the other sockets', async (t) => {
  const opened = await openSharing(t, 3)
  const message = Buffer.from('message')
  compressForAll(message)
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  opened[0]!.socket.send(message, () => { throw new Error('in a callback') })
  broadcast(opened.slice(1), message)
  t.match(await thrown, { message: 'in a callback' })
  await untilReceived(opened, 1)
})

void t.test('compressForAll: no more messages are compressed at once than concurrencyLimit of ws allows', async (t) => {
  const opened = await openSharing(t, 2)
  const counts = countCompressions(t, opened[0]!)
  const pools = await Promise.all(Array.from({ length: 15 }, async () => await openSharing(t, 2)))
  for (const [index, each] of pools.entries()) {
    const message = Buffer.alloc(100_000, String(index))
    compressForAll(message)
    broadcast(each, message)
  }
  await untilReceived(pools.flat(), 1)
  t.same(counts, { calls: 15, most: 10 })
})

void t.test('compressesMessage: returns what ws does, by the threshold only without context takeover', async (t) => {
  for (const [perMessageDeflate, compressed] of [
    [false, [false, false]],
    [{ threshold: 10 }, [true, true]],
    [{ threshold: 10, serverNoContextTakeover: true }, [false, true]]
  ] as const) {
    const opened = await openCompressed(t, new WebSocketServer({ noServer: true, perMessageDeflate }))
    const sizes = [9, 10]
    t.same(sizes.map((size) => compressesMessage(wsSenderOf(opened.socket), size)), compressed)
    for (const size of sizes) await send(opened.socket, 'x'.repeat(size))
    t.same(readWsFrames(opened.connection.bytes)[0].map(({ rsv }) => rsv === RSV1), compressed, 'ws does the same')
  }
})
