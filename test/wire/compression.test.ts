import { once } from 'node:events'
import { createInflateRaw } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket, WebsocketServerOptions } from '../../index.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { addEcho, expectEcho } from '../helpers/echo.ts'
import type { FrameClient, OpenOptions } from '../helpers/h2-frames.ts'
import { NO_WINDOW } from '../helpers/h2-frames.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { waitUntil } from '../helpers/waiting.ts'
import { CONTINUATION, PING, RSV1, TEXT, cut, deflate, readWsFrames, wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'
import type { WsFrame } from '../helpers/ws-frames.ts'

const OFFER = { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits' }
const NO_TAKEOVER = { serverNoContextTakeover: true, clientNoContextTakeover: true }
/** The end of a compressed message, which is not sent (RFC 7692 section 7.2.2). */
const TAIL = Buffer.of(0, 0, 0xff, 0xff)

interface Opened {
  server: TestServer
  client: FrameClient
}

/** Opens a socket of /echo, or of another route, that may compress, on stream 1. */
async function open (
  t: Test, perMessageDeflate: WebsocketServerOptions['perMessageDeflate'] = true,
  { path = '/echo', routes = addEcho, options = {}, plugin = {}, client: openOptions = {} }: {
    path?: string, routes?: (app: FastifyInstance) => unknown, options?: object, plugin?: object, client?: OpenOptions
  } = {}
): Promise<Opened> {
  const server = await startServer(t, routes, { plugin: { options: { perMessageDeflate, ...options }, ...plugin } })
  const client = await server.client(openOptions)
  client.connect(1, path, OFFER)
  await client.response(1)
  return { server, client }
}

async function extensionsOf (client: FrameClient, streamId = 1): Promise<unknown> {
  return (await client.response(streamId))['sec-websocket-extensions']
}

function compressed (text: Buffer | string, shape: object = {}): Buffer {
  return wsFrame(TEXT, deflate(text), { rsv: RSV1, ...shape })
}

/** Waits for a number of WebSocket frames on a stream. */
async function receive (client: FrameClient, count: number, streamId = 1): Promise<WsFrame[]> {
  return await client.until(() => {
    const [frames] = readWsFrames(dataOf(client, streamId))
    return frames.length >= count ? frames : undefined
  })
}

function dataOf (client: FrameClient, streamId = 1): Buffer {
  return Buffer.concat(client.frames.filter((frame) => frame.type === 'DATA' && frame.streamId === streamId)
    .map(({ payload }) => payload))
}

/** Inflates messages one after the other, with the context of those before them. */
async function inflateAll (frames: WsFrame[]): Promise<string[]> {
  const inflate = createInflateRaw()
  const texts: string[] = []
  for (const { payload } of frames) {
    const chunks: Buffer[] = []
    const collect = (chunk: Buffer): void => { chunks.push(chunk) }
    inflate.on('data', collect)
    inflate.write(Buffer.concat([payload, TAIL]))
    await new Promise<void>((resolve) => inflate.flush(() => resolve()))
    inflate.off('data', collect)
    texts.push(Buffer.concat(chunks).toString())
  }
  return texts
}

for (const [options, expected] of [
  [true, 'permessage-deflate'],
  [NO_TAKEOVER, 'permessage-deflate; client_no_context_takeover; server_no_context_takeover'],
  [{ serverMaxWindowBits: 10, clientMaxWindowBits: 11 }, 'permessage-deflate; client_max_window_bits=11; server_max_window_bits=10']
] as const) {
  await t.test(`the 200 has the parameters of the compression: ${expected}`, async (t) => {
    const { client } = await open(t, options)
    const extensions = String(await extensionsOf(client)).split('; ')
    t.strictSame(extensions.sort(), expected.split('; ').sort())
  })
}

await t.test('messages are compressed in both directions, with the context of those before them', async (t) => {
  const { client } = await open(t)
  const text = JSON.stringify({ name: 'compression', list: [...Array(50).keys()] })
  for (let count = 0; count < 3; count++) client.data(1, compressed(text))
  const frames = await receive(client, 3)
  t.strictSame(frames.map(({ opcode, rsv }) => [opcode, rsv]), [[TEXT, RSV1], [TEXT, RSV1], [TEXT, RSV1]])
  t.strictSame(await inflateAll(frames), [text, text, text])
  t.ok(frames[1]!.payload.length < frames[0]!.payload.length / 5, 'the second one refers to the first')
})

await t.test('without context takeover each message stands for itself, and those below the threshold are not compressed', async (t) => {
  const { client } = await open(t, { ...NO_TAKEOVER, threshold: 100 })
  const text = 'x'.repeat(100)
  for (const each of [text, text, 'short']) client.data(1, compressed(each))
  const frames = await receive(client, 3)
  t.strictSame(frames.map(({ rsv }) => rsv), [RSV1, RSV1, 0])
  t.strictSame(frames[0]!.payload, frames[1]!.payload)
  t.strictSame(await inflateAll([frames[1]!]), [text])
  t.equal(String(frames[2]!.payload), 'short')
})

await t.test('sockets that share deflate streams receive what was sent to them, and nothing of each other', async (t) => {
  const { client } = await open(t, { ...NO_TAKEOVER, threshold: 0 })
  const streams = [1, 3, 5, 7, 9, 11]
  for (const id of streams.slice(1)) client.connect(id, '/echo', OFFER)
  const text = (id: number): string => `${id} `.repeat(5000)
  for (let round = 0; round < 3; round++) {
    client.batch(() => { for (const id of streams) client.data(id, compressed(text(id))) })
  }
  for (const id of streams) {
    for (const frame of await receive(client, 3, id)) t.strictSame(await inflateAll([frame]), [text(id)])
  }
})

await t.test('a compressed message in fragments, with a ping between, is read however its bytes are cut', async (t) => {
  const { client } = await open(t)
  const [first, second, third] = cut(deflate('a message in fragments '.repeat(20)), [5, 7]) as [Buffer, Buffer, Buffer]
  const message = Buffer.concat([
    wsFrame(TEXT, first, { rsv: RSV1, fin: false }), wsFrame(CONTINUATION, second, { fin: false }),
    wsFrame(PING, 'between'), wsFrame(CONTINUATION, third)
  ])
  const sizes = [[], Array(message.length - 1).fill(1), [1, 2, 3, 5, 8, 13]]
  for (const size of sizes) for (const piece of cut(message, size as number[])) client.data(1, piece)
  const frames = await receive(client, 2 * sizes.length)
  const pongs = frames.filter(({ opcode }) => opcode !== TEXT)
  t.strictSame(pongs.map(({ payload, rsv }) => [String(payload), rsv]), sizes.map(() => ['between', 0]))
  const texts = await inflateAll(frames.filter(({ opcode }) => opcode === TEXT))
  t.strictSame(texts, sizes.map(() => 'a message in fragments '.repeat(20)))
})

await t.test('a client that does not offer compression is served without it, and RSV1 is a protocol error', async (t) => {
  const { server, client } = await open(t)
  client.connect(3, '/echo')
  t.equal(await extensionsOf(client, 3), undefined)
  await expectEcho(client, 3)
  client.data(3, compressed('not negotiated'))
  await client.untilReceived(3, 'Close 1002')
  t.equal(server.app.websocketServer.clients.size, 2)
})

for (const [name, frames, code, error] of [
  ['RSV1 in a continuation', [compressed('a', { fin: false }), wsFrame(CONTINUATION, 'b', { rsv: RSV1 })], 1002, 'WS_ERR_UNEXPECTED_RSV_1'],
  ['RSV1 in a ping', [wsFrame(PING, '', { rsv: RSV1 })], 1002, 'WS_ERR_UNEXPECTED_RSV_1'],
  ['data that cannot be inflated', [wsFrame(TEXT, Buffer.alloc(4, 0xff), { rsv: RSV1 })], 1007, 'Z_DATA_ERROR'],
  ['text that is not UTF-8 when it is inflated', [compressed(Buffer.of(0xff))], 1007, 'WS_ERR_INVALID_UTF8'],
  ['a message that is inflated to more than maxPayload', [compressed(Buffer.alloc(MIB))], 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']
] as const) {
  await t.test(`${name} closes the socket with ${code}, and later frames are discarded`, async (t) => {
    const { server, client } = await open(t, true, { options: { maxPayload: 64 * KIB } })
    client.connect(3, '/echo', OFFER)
    client.batch(() => { for (const frame of [...frames, compressed('late'), wsText('later')]) client.data(1, frame) })
    await client.untilEnd(1)
    t.strictSame(client.wsTrace(1), ['HEADERS', `Close ${code}`, 'END_STREAM'])
    t.strictSame(await client.untilReset(1), [...client.trace(1).slice(0, -1), 'RST_STREAM NO_ERROR'])
    await waitUntil(() => server.events[0]!.length === 2)
    t.strictSame(server.events[0], [`error ${error}`, `close ${code}`])
    client.data(3, compressed('still here'))
    t.strictSame(await inflateAll(await receive(client, 1, 3)), ['still here'])
    t.strictSame(server.warnings, [])
  })
}

await t.test('messages that wait to be compressed are sent before the Close, and END_STREAM after it', async (t) => {
  const { client } = await open(t, true, {
    path: '/many',
    routes: (app) => app.get('/many', { websocket: true }, (socket) => {
      for (let count = 0; count < 20; count++) socket.send(`${count} `.repeat(20_000))
      socket.close(4001, 'bye')
    })
  })
  client.data(1, wsClose(4001))
  await client.untilEnd(1)
  const frames = await receive(client, 21)
  const texts = await inflateAll(frames.slice(0, 20))
  t.strictSame(texts, [...Array(20).keys()].map((count) => `${count} `.repeat(20_000)))
  t.strictSame(client.wsTrace(1).slice(-2), ['Close 4001 bye', 'END_STREAM'])
})

for (const [name, end] of [
  ['a reset of the client', (client: FrameClient) => client.rst(1)],
  ['the loss of the connection', (client: FrameClient) => client.destroy()]
] as const) {
  await t.test(`after ${name} the messages that wait for zlib fail, and the socket closes once`, async (t) => {
    const callbacks = new Callbacks()
    const { server, client } = await open(t, { ...NO_TAKEOVER, threshold: 0 }, { client: NO_WINDOW })
    const [socket] = server.sockets
    socket!.on('message', () => {
      for (let count = 0; count < 5; count++) socket!.send(Buffer.alloc(MIB, count), callbacks.next)
      end(client)
    })
    for (let count = 0; count < 3; count++) client.data(1, compressed('x'.repeat(MIB)))
    await server.socketsClosed()
    await callbacks.settled()
    t.strictSame(new Set(callbacks.results), new Set(['not sent']))
    t.strictSame(server.events[0], ['close 1006'])
    const other = await server.client()
    other.connect(1, '/echo', OFFER)
    other.data(1, compressed('next'))
    t.strictSame(await inflateAll(await receive(other, 1)), ['next'])
  })
}

await t.test('terminate() while a message is inflated resets the stream, and other sockets continue', async (t) => {
  const { server, client } = await open(t)
  client.connect(3, '/echo', OFFER)
  await client.response(3)
  client.data(1, compressed('x'.repeat(8 * MIB)))
  client.data(3, compressed('sibling'))
  await client.roundTrip()
  server.sockets[0]!.terminate()
  t.strictSame((await client.untilReset(1)).at(-1), 'RST_STREAM CANCEL')
  t.strictSame(await inflateAll(await receive(client, 1, 3)), ['sibling'])
  client.rst(3)
  await server.socketsClosed()
})

await t.test('a paused socket with compression holds its own window, and not that of the connection', async (t) => {
  const { server, client } = await open(t, true, { options: { allowSynchronousEvents: false } })
  const [socket] = server.sockets
  socket!.pause()
  const texts: number[] = []
  socket!.on('message', (data: Buffer) => texts.push(data.length))
  // Not compressible: it is more than the window of the stream and the buffers of Node.
  const message = wsFrame(TEXT, Buffer.from(deflate(randomText(MIB))), { rsv: RSV1 })
  let sent = 0
  const sendAllowed = async (): Promise<void> => {
    for (;;) {
      const window = 65_535 + client.increments(1) - sent
      const piece = message.subarray(sent, sent + Math.min(window, 8 * KIB))
      if (piece.length === 0) return
      client.data(1, piece)
      sent += piece.length
      await client.roundTrip()
    }
  }
  await sendAllowed()
  t.ok(sent <= 256 * KIB, `${sent} bytes were allowed`)
  client.connect(3, '/echo', OFFER)
  client.data(3, compressed('sibling'))
  t.strictSame(await inflateAll(await receive(client, 1, 3)), ['sibling'])
  t.ok(client.increments(0) > 0, 'the window of the connection is returned')
  t.strictSame(texts, [])
  socket!.resume()
  while (texts.length === 0) {
    await sendAllowed()
    await client.roundTrip()
  }
  t.strictSame(texts, [MIB])
})

await t.test('unread compressed data beyond sessionBudget resets its stream alone', async (t) => {
  const receiveWindow = { initial: 512 * KIB, max: 512 * KIB, sessionBudget: 128 * KIB }
  const { server, client } = await open(t, true, { plugin: { receiveWindow } })
  client.connect(3, '/echo', OFFER)
  await client.response(3)
  server.sockets[0]!.pause()
  const payload = deflate(randomText(256 * KIB))
  for (const piece of cut(wsFrame(TEXT, payload, { rsv: RSV1 }), Array(40).fill(8 * KIB))) client.data(1, piece)
  const trace = await client.untilReset(1)
  t.match(trace.at(-1), /RST_STREAM ENHANCE_YOUR_CALM/)
  client.data(3, compressed('sibling'))
  t.strictSame(await inflateAll(await receive(client, 1, 3)), ['sibling'])
})

await t.test('a client that does not read holds its compressed messages back, and its sibling is served', async (t) => {
  const { server, client } = await open(t, true, { client: { windowUpdates: false } })
  const socket = server.sockets[0] as WebSocket
  const sent: unknown[] = []
  // Not compressible, so that it exceeds the window.
  for (let count = 0; count < 8; count++) socket!.send(randomText(100 * KIB), (error) => sent.push(error))
  t.equal(socket!.writableNeedDrain, true)
  t.ok(socket!.bufferedAmount >= 700 * KIB)
  await client.until(() => dataOf(client).length >= 65_535 || undefined)
  t.ok(sent.length < 8)
  client.windowUpdate(0, MIB)
  client.connect(3, '/echo', OFFER)
  client.data(3, compressed('sibling'))
  t.strictSame(await inflateAll(await receive(client, 1, 3)), ['sibling'])
  const drained = once(socket!, 'drain')
  client.windowUpdate(1, 2 * MIB)
  client.windowUpdate(0, 2 * MIB)
  await drained
  t.strictSame([sent.length, socket!.bufferedAmount, socket!.writableNeedDrain], [8, 0, false])
})

/** Returns text that deflate makes no shorter than three quarters. */
function randomText (size: number): string {
  let text = ''
  for (let state = 1; text.length < size;) {
    state = (state * 48_271) % 0x7fffffff
    text += String.fromCharCode(32 + state % 95)
  }
  return text
}

await t.test('a client that ends its side receives everything that was sent before', async (t) => {
  const { server, client } = await open(t)
  const [socket] = server.sockets
  for (let count = 0; count < 5; count++) socket!.send(`${count} `.repeat(20_000))
  client.end(1)
  await client.untilEnd(1)
  const texts = await inflateAll(readWsFrames(dataOf(client))[0])
  t.strictSame(texts, [...Array(5).keys()].map((count) => `${count} `.repeat(20_000)))
  await server.socketsClosed()
  t.strictSame(server.events[0], ['close 1006'])
})

await t.test('a client that ends its side with its Close receives everything that was sent before, and the Close', async (t) => {
  const { server, client } = await open(t)
  const [socket] = server.sockets
  for (let count = 0; count < 5; count++) socket!.send(`${count} `.repeat(20_000))
  client.data(1, wsClose(4000), true)
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1).slice(-2), ['Close 4000', 'END_STREAM'])
  t.equal((await receive(client, 6)).length, 6)
  await server.socketsClosed()
  t.strictSame(server.events[0], ['close 4000'])
})

await t.test('a Close that a client sends with END_STREAM, behind messages that are inflated, is answered', async (t) => {
  const { server, client } = await open(t)
  const texts = ['x'.repeat(4 * MIB), 'short', 'y'.repeat(MIB)]
  client.batch(() => {
    for (const text of texts) client.data(1, compressed(text))
    client.data(1, wsClose(4000, 'left'), true)
  })
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1).slice(-2), ['Close 4000 left', 'END_STREAM'])
  t.strictSame(await inflateAll((await receive(client, 4)).slice(0, 3)), texts)
  await server.socketsClosed()
  t.strictSame(server.events[0], ['close 4000 left'])
})

await t.test('data that cannot be inflated, with END_STREAM, is answered with 1007', async (t) => {
  const { server, client } = await open(t)
  client.batch(() => {
    client.data(1, compressed('x'.repeat(MIB)))
    client.data(1, wsFrame(TEXT, Buffer.alloc(4, 0xff), { rsv: RSV1 }), true)
  })
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1).slice(-2), ['Close 1007', 'END_STREAM'])
  await server.socketsClosed()
  t.strictSame(server.events[0], ['error Z_DATA_ERROR', 'close 1007'])
})
