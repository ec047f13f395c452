import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo } from 'node:net'
import { inflateRawSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket, WebsocketPluginOptions } from '../../index.ts'
import { MAX_FRAME_SIZE, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient, OpenOptions } from '../helpers/h2-frames.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { H1, start } from '../helpers/transports.ts'
import { HEADERS_END, OFFER_DEFLATE, upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitUntil } from '../helpers/waiting.ts'
import { BINARY, CONTINUATION, PING, RSV1, TEXT, readWsFrames, wsFrame } from '../helpers/ws-frames.ts'
import type { WsFrame } from '../helpers/ws-frames.ts'

const OFFER = { 'sec-websocket-extensions': 'permessage-deflate' }
/** Windows that never limit the server. */
const WIDE: OpenOptions = { settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 16 * MIB } }

/** A socket that subscribes to 'a', and the bytes that its client has received after the handshake. */
interface Subscriber {
  app: FastifyInstance
  socket: WebSocket
  received (): Buffer
}

function addSubscriber (app: FastifyInstance): void {
  app.get('/a', { websocket: true }, (socket) => socket.subscribe('a'))
}

async function subscribeOverH2 (t: Test, plugin: WebsocketPluginOptions = {}, headers = {}): Promise<Subscriber & {
  client: FrameClient, server: TestServer
}> {
  const server = await startServer(t, addSubscriber, { plugin })
  const client = await server.client(WIDE)
  client.windowUpdate(0, 16 * MIB)
  client.connect(1, '/a', headers)
  await client.response(1)
  const received = (): Buffer => Buffer.concat(dataFrames(client).map(({ payload }) => payload))
  return { app: server.app, socket: server.sockets[0]! as WebSocket, received, client, server }
}

async function subscribeOverH1 (
  t: Test, plugin: WebsocketPluginOptions = {}, fields: string[] = []
): Promise<Subscriber> {
  const { app } = await start(t, H1, addSubscriber, plugin)
  const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => connection.destroy())
  let bytes = ''
  connection.setEncoding('latin1').on('data', (chunk) => { bytes += chunk })
  connection.write(upgradeRequest('/a', fields))
  const [socket] = await once(app.websocketServer, 'connection') as [WebSocket]
  const received = (): Buffer => {
    const end = bytes.indexOf(HEADERS_END)
    return Buffer.from(end < 0 ? '' : bytes.slice(end + HEADERS_END.length), 'latin1')
  }
  return { app, socket, received }
}

function dataFrames (client: FrameClient, streamId = 1): FrameClient['frames'] {
  return client.frames.filter((frame) => frame.type === 'DATA' && frame.streamId === streamId)
}

async function frames ({ received }: Subscriber, count: number): Promise<WsFrame[]> {
  await waitUntil(() => readWsFrames(received())[0].length >= count, `${count} frames`)
  return readWsFrames(received())[0]
}

const SIZES = [0, 1, 125, 126, 1024, 1025, MAX_FRAME_SIZE - 4, 16 * KIB, 65_535, 65_536, 100 * KIB]

await t.test('a published message is one unmasked frame: the same bytes over HTTP/1.1 and HTTP/2', async (t) => {
  const subscribers = [await subscribeOverH1(t), await subscribeOverH2(t)]
  const expected: Buffer[] = []
  for (const size of SIZES) {
    const text = 'é'.repeat(size / 2) + 'x'.repeat(size % 2)
    const bytes = Buffer.alloc(size, size)
    expected.push(wsFrame(TEXT, text, { masked: false }), wsFrame(BINARY, bytes, { masked: false }))
    for (const { app } of subscribers) {
      app.websocketServer.publish('a', text)
      app.websocketServer.publish('a', app.websocketServer.prepare(bytes))
    }
  }
  const all = Buffer.concat(expected)
  for (const { received } of subscribers) {
    await waitUntil(() => received().length >= all.length)
    t.ok(received().equals(all))
  }
})

await t.test('over HTTP/2 a published message is one DATA frame, and a large one as few as SETTINGS_MAX_FRAME_SIZE allows', async (t) => {
  const { app, client } = await subscribeOverH2(t)
  let count = 0
  for (const size of SIZES) {
    app.websocketServer.publish('a', Buffer.alloc(size))
    const header = size < 126 ? 2 : size < 65_536 ? 4 : 10
    const sizes: number[] = []
    for (let left = header + size; left > 0; left -= MAX_FRAME_SIZE) sizes.push(Math.min(left, MAX_FRAME_SIZE))
    await client.until(() => dataFrames(client).length >= count + sizes.length || undefined)
    await client.roundTrip()
    t.strictSame(dataFrames(client).slice(count).map(({ payload }) => payload.length), sizes, `${size} bytes`)
    count += sizes.length
  }
})

await t.test('all sockets of a session receive a message on their own streams, each in one DATA frame', async (t) => {
  const { app, client } = await subscribeOverH2(t)
  const streams = [1, 3, 5, 7, 9]
  for (const id of streams.slice(1)) {
    client.connect(id, '/a')
    await client.response(id)
  }
  t.equal(app.websocketServer.publish('a', 'to all'), 5)
  for (const id of streams) {
    await client.untilReceived(id, 'Text to all')
    t.strictSame(dataFrames(client, id).map(({ payload }) => payload), [wsFrame(TEXT, 'to all', { masked: false })])
  }
})

for (const [name, subscribe] of [
  ['HTTP/1.1', (t: Test, plugin: WebsocketPluginOptions, offers: boolean) => subscribeOverH1(t, plugin, offers ? [OFFER_DEFLATE] : [])],
  ['HTTP/2', (t: Test, plugin: WebsocketPluginOptions, offers: boolean) => subscribeOverH2(t, plugin, offers ? OFFER : {})]
] as const) {
  for (const takeover of [true, false]) {
    await t.test(`${name}: RSV1 is set for published messages that are compressed only, ${takeover ? 'with' : 'without'} context takeover`, async (t) => {
      const plugin = { options: { perMessageDeflate: { threshold: 100, serverNoContextTakeover: !takeover } } }
      const text = 'compressed '.repeat(20)
      for (const offers of [false, true]) {
        const subscriber = await subscribe(t, plugin, offers)
        const { websocketServer } = subscriber.app
        websocketServer.publish('a', text)
        websocketServer.publish('a', text, { compress: false })
        websocketServer.publish('a', 'short')
        const prepared = websocketServer.prepare(text)
        websocketServer.publish('a', prepared)
        subscriber.socket.send(prepared)
        const received = await frames(subscriber, 5)
        // ws applies the threshold without context takeover only.
        const short = takeover ? RSV1 : 0
        t.same(received.map(({ rsv }) => rsv), offers ? [RSV1, 0, short, RSV1, RSV1] : [0, 0, 0, 0, 0])
        t.ok(received.every(({ fin, opcode, masked }) => fin && opcode === TEXT && !masked))
        t.equal(String(received[1]!.payload), text)
        if (offers) t.equal(String(inflate(received[0]!.payload)), text)
        if (!takeover) t.strictSame(received[3]!.payload, received[4]!.payload)
      }
    })
  }

  await t.test(`${name}: nothing comes between the fragments of a message but control frames`, async (t) => {
    const subscriber = await subscribe(t, {}, false)
    const { socket, app: { websocketServer } } = subscriber
    socket.send('one, ', { fin: false })
    websocketServer.publish('a', 'published')
    socket.ping('there?')
    socket.send('two, ', { fin: false })
    socket.send(websocketServer.prepare(Buffer.of(1)))
    socket.send('three', { fin: true })
    websocketServer.publish('a', 'last')
    const received = await frames(subscriber, 7)
    t.strictSame(received.map(({ opcode, fin, payload }) => [opcode, fin, String(payload)]), [
      [TEXT, false, 'one, '], [PING, true, 'there?'], [CONTINUATION, false, 'two, '], [CONTINUATION, true, 'three'],
      [TEXT, true, 'published'], [BINARY, true, '\x01'], [TEXT, true, 'last']
    ])
  })

  await t.test(`${name}: compressed fragments, too, are not interrupted`, async (t) => {
    const subscriber = await subscribe(t, { options: { perMessageDeflate: { threshold: 0 } } }, true)
    const { socket, app: { websocketServer } } = subscriber
    socket.send('x'.repeat(100_000), { fin: false })
    websocketServer.publish('a', 'compressed')
    websocketServer.publish('a', 'plain', { compress: false })
    socket.send('y', { fin: true })
    const received = await frames(subscriber, 4)
    t.strictSame(received.map(({ opcode, fin, rsv }) => [opcode, fin, rsv]), [
      [TEXT, false, RSV1], [CONTINUATION, true, 0], [TEXT, true, RSV1], [TEXT, true, 0]
    ])
  })
}

// A peer's behaviour while messages are published

type Disturb = (client: FrameClient, streamId: number, round: number) => void

const DISTURBANCES: Array<[title: string, disturb: Disturb, keeps: number]> = [
  ['RST_STREAM', (client, id, round) => { if (round === 5) client.rst(id) }, 0],
  ['END_STREAM without a Close', (client, id, round) => { if (round === 5) client.end(id) }, 0],
  ['GOAWAY with an error', (client, _id, round) => { if (round === 5) client.goaway('PROTOCOL_ERROR') }, 0],
  ['GOAWAY without an error', (client, _id, round) => { if (round === 5) client.goaway() }, 4],
  ['a FIN of the connection', (client, _id, round) => { if (round === 5) client.endConnection() }, 0],
  ['a reset of the connection', (client, _id, round) => { if (round === 5) client.resetConnection() }, 0],
  ['frames that violate the protocol', (client, id) => client.data(id, Buffer.of(0xff, 0xff, 0xff)), 0],
  ['a window that stays closed', (client) => { client.windowUpdates = false }, 0],
  ['windows that open by one byte', (client, id) => {
    client.windowUpdates = false
    client.windowUpdate(0, 1)
    client.windowUpdate(id, 1)
  }, 0],
  ['SETTINGS_INITIAL_WINDOW_SIZE: 0', (client) => client.settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 0 }), 0]
]
for (const [title, disturb, keeps] of DISTURBANCES) {
  await t.test(`${title} during publish() affects no socket of another session, and ends no more subscriptions than its own`, async (t) => {
    const { app, client, server } = await subscribeOverH2(t, { sendLimit: 256 * KIB, errorHandler: () => {} })
    const disturbing = await server.client()
    const ids = [1, 3, 5, 7]
    for (const id of ids) {
      disturbing.connect(id, '/a')
      await disturbing.response(id)
    }
    const texts = Array.from({ length: 40 }, (_, round) => `${round} ${'x'.repeat(20_000)}`)
    for (const [round, text] of texts.entries()) {
      const count = app.websocketServer.publish('a', text)
      t.ok(count >= 1 && count <= 5, `${count}`)
      for (const id of ids) disturb(disturbing, id, round)
      await client.roundTrip()
    }
    app.websocketServer.publish('a', 'end')
    await client.untilReceived(1, 'Text end')
    const [received] = readWsFrames(Buffer.concat(dataFrames(client).map(({ payload }) => payload)))
    t.same(received.map(({ payload }) => String(payload)), [...texts, 'end'])
    await waitUntil(() => app.websocketServer.subscribers('a') === 1 + keeps || disturbing.windowUpdates === false || title.includes('SETTINGS'))
    disturbing.destroy()
    await waitUntil(() => app.websocketServer.subscribers('a') === 1, 'the subscriptions of the lost session end')
    t.match(app.websocketServer.stats().topics, { open: 1, subscriptions: 1 })
    t.equal(app.websocketServer.publish('a', 'still here'), 1)
    await client.untilReceived(1, 'Text still here')
  })
}

await t.test('sockets of one session whose windows are closed do not delay the others', async (t) => {
  const server = await startServer(t, addSubscriber, { plugin: { sendLimit: 256 * KIB, slowConsumer: 'drop' } })
  const client = await server.client({ windowUpdates: false })
  client.windowUpdate(0, 64 * MIB)
  const ids = Array.from({ length: 20 }, (_, index) => 2 * index + 1)
  const open = ids.filter((id) => id % 4 === 1)
  for (const id of ids) {
    client.connect(id, '/a')
    await client.response(id)
    if (open.includes(id)) client.windowUpdate(id, 16 * MIB)
  }
  for (let round = 0; round < 30; round++) {
    t.equal(server.app.websocketServer.publish('a', `${round} ${'x'.repeat(20_000)}`) >= open.length, true)
    for (const id of open) await client.until(() => client.wsTrace(id).length === round + 2 || undefined)
  }
  for (const id of ids) {
    const length = client.wsTrace(id).length
    t.ok(open.includes(id) ? length === 31 : length < 6, `${length} frames on stream ${id}`)
  }
})

function inflate (payload: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: 2 })
}
