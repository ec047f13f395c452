import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ReceiveWindowOptions } from '../../index.ts'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { heldBuffers } from '../helpers/memory.ts'
import { Uploader } from '../helpers/uploader.ts'
import { BINARY, wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { addEcho, hearEcho, openEcho, serve } from './server.ts'
import type { Wire } from './server.ts'

const WINDOW = 65_535
const GROWN_FOR_ALL = 2 * WINDOW - 1024
const KILOBYTE = 1024
const MEGABYTE = 1024 * KILOBYTE

// With it, nothing but heads can be sent to the client.
const NO_WINDOW = { settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 0 } }

/** What Node reads ahead of a paused stream, besides its window. */
const WATER_MARK = 64 * KILOBYTE

function addRoutes (app: FastifyInstance): void {
  addEcho(app)
  app.get('/sink', { websocket: true }, (socket) => {
    socket.on('message', (data: Buffer) => { socket.send(`got ${data.length}`) })
  })
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
    payload.resume().once('end', () => done(null))
  })
  app.post('/upload', async () => 'taken')
  app.get('/stall', { websocket: true }, (socket) => { socket.pause() })
}

interface Sink {
  wire: Wire
  client: FrameClient
  uploader: Uploader
}

/** A server with a socket on stream 1 that is read as fast as it sends, and has sent that many MiB. */
async function openSink (t: Test, megabytes: number, receiveWindow: ReceiveWindowOptions = {}): Promise<Sink> {
  const wire = await serve(t, addRoutes, { plugin: { receiveWindow } })
  const client = await wire.client()
  const uploader = new Uploader(client)
  client.connect(1, '/sink')
  await client.response(1)
  for (let count = 0; count < megabytes; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  return { wire, client, uploader }
}

/** The windows that streams were given with SETTINGS, one after the other. */
function initialWindows (client: FrameClient): number[] {
  return client.settingsFrames().flatMap((settings) => settings[SETTINGS_INITIAL_WINDOW_SIZE] ?? [])
}

// What a socket does not read

await t.test('a paused socket takes no more than its window, and its siblings go on', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client()
  client.connect(1, '/stall')
  await client.response(1)
  await openEcho(client, 3)

  const uploader = new Uploader(client)
  const sent = await uploader.sendWhatFits(1, wsFrame(BINARY, Buffer.alloc(4 * MEGABYTE)))
  t.ok(sent >= WINDOW && sent <= WINDOW + WATER_MARK, `${sent} bytes`)
  const [stream] = [...wire.streams].filter(({ id }) => id === 1)
  t.equal(stream?.readableLength, sent)
  await hearEcho(client, 3)
  t.equal(await uploader.sendWhatFits(1, Buffer.alloc(1)), 0, 'its window stays closed')

  wire.sockets[0]!.resume()
  await uploader.send(1, wsFrame(BINARY, Buffer.alloc(4 * MEGABYTE)).subarray(sent))
})

await t.test('the window of the connection is returned, however many sockets are paused', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client()
  const uploader = new Uploader(client)
  for (let streamId = 1; streamId < 129; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  }
  client.connect(129, '/sink')
  await client.response(129)
  for (let count = 0; count < 8; count++) {
    await uploader.send(129, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
    await client.until(() => client.wsTrace(129).length === 2 + count || undefined)
  }
  t.same(client.wsTrace(129).at(-1), `Text got ${MEGABYTE}`)
})

await t.test('what comes with the CONNECT waits for the hooks, and is not lost', async (t) => {
  const wire = await serve(t, (app) => {
    app.addHook('onRequest', async () => { await once(app.server, 'go on') })
    addEcho(app)
  })
  const client = await wire.client()
  client.together(() => {
    client.connect(1, '/echo')
    client.data(1, wsText('one'))
    client.data(1, wsText('two'))
  })
  await client.settled()
  t.same(client.wsTrace(1), [])
  wire.app.server.emit('go on')
  await client.untilSaid(1, 'Text two')
  t.same(client.wsTrace(1), ['HEADERS', 'Text one', 'Text two'])
})

await t.test('small pieces of a message do not keep alive what came with them', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client()
  const uploader = new Uploader(client)
  for (const streamId of [1, 3]) {
    client.connect(streamId, '/sink')
    await client.response(streamId)
  }
  const other = wsFrame(BINARY, Buffer.alloc(24 * KILOBYTE))
  const message = wsFrame(BINARY, Buffer.alloc(4000))

  const before = await heldBuffers()
  for (const byte of message.subarray(0, 2000)) {
    await uploader.sendTogether([1, Buffer.of(byte)], [3, other])
  }
  await client.settled()
  const held = await heldBuffers() - before
  // Without copies it is 20 MiB and more; what the test itself has at any time is a few.
  t.ok(held < 8 * MEGABYTE, `${held} bytes are held for 2000`)
  await uploader.send(1, message.subarray(2000))
  await client.untilSaid(1, 'Text got 4000')
})

// Windows that grow

await t.test('the window grows for a socket that is read as fast as it sends', async (t) => {
  const { client, uploader } = await openSink(t, 0)
  t.same(initialWindows(client), [])
  t.ok(uploader.connectionWindow >= 4 * MEGABYTE, 'the connection\'s is open from the first socket on')

  for (let count = 0; count < 32; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  const grown = initialWindows(client)
  t.ok(grown.length >= 2, `${grown}`)
  t.strictSame(grown, [...grown].sort((one, other) => one - other))
  t.ok(grown.at(-1)! > MEGABYTE && grown.at(-1)! <= 16 * MEGABYTE)
})

await t.test('nor does it stop for a client that always sends just what it may', async (t) => {
  const { client } = await openSink(t, 0)
  const message = wsFrame(BINARY, Buffer.alloc(16 * MEGABYTE))
  let sent = 0
  const sendBlock = (size: number): void => {
    for (const end = sent + size; sent < end;) {
      const frame = message.subarray(sent, Math.min(end, sent + 16_384))
      client.data(1, frame)
      sent += frame.length
    }
  }
  const window = (): number => (initialWindows(client).at(-1) ?? WINDOW) + client.increments(1) - sent

  const hasSentEnough = (): boolean => sent >= 8 * MEGABYTE

  while (!hasSentEnough()) {
    // Node returns blocks of the first window as a whole, so that none of it is ever seen to be more than that.
    while (window() > 0) sendBlock(Math.min(window(), WINDOW))
    await client.settled()
    await client.until(() => window() > 0 || undefined)
  }
  t.ok(initialWindows(client).length > 1, `${initialWindows(client)}`)
})

await t.test('a client whose open streams do not follow SETTINGS is never left without a window', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client()
  client.connect(1, '/sink')
  await client.response(1)
  const uploader = new Uploader(client, WINDOW)
  for (let count = 0; count < 16; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  t.strictSame(initialWindows(client), [GROWN_FOR_ALL])
})

await t.test('nor is one whose other streams do follow', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client()
  client.connect(1, '/sink')
  await client.response(1)
  client.headers(3, client.connectFields('/upload', {
    ':method': 'POST',
    ':protocol': undefined,
    'sec-websocket-version': undefined,
    'content-type': 'application/octet-stream'
  }))
  const [socket, upload] = [new Uploader(client, WINDOW), new Uploader(client)]
  for (let count = 0; count < 16; count++) await upload.send(3, Buffer.alloc(MEGABYTE))
  client.end(3)
  await client.response(3)
  for (let count = 0; count < 4; count++) await socket.send(1, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  t.strictSame(initialWindows(client), [GROWN_FOR_ALL])
})

await t.test('receiveWindow.initial is in the first SETTINGS, and windows grow to max and no further', async (t) => {
  const { client } = await openSink(t, 8, { initial: 100_000, max: 300_000 })
  t.strictSame(initialWindows(client), [100_000, 200_000 - 1024, 300_000])
})

await t.test('the window does not grow for messages that a client sends now and then, nor for paused sockets', async (t) => {
  const { client, uploader } = await openSink(t, 0)
  client.connect(3, '/stall')
  await client.response(3)
  await uploader.sendWhatFits(3, wsFrame(BINARY, Buffer.alloc(MEGABYTE)))
  for (let count = 0; count < 500; count++) {
    await uploader.send(1, wsFrame(BINARY, Buffer.alloc(KILOBYTE)))
    await client.settled()
  }
  t.strictSame(initialWindows(client), [])
})

// A client that behaves until its windows are large, and does not listen when they are to be smaller.
await t.test('what a session has unread never exceeds sessionBudget', async (t) => {
  const receiveWindow = { max: MEGABYTE, sessionBudget: 4 * MEGABYTE }
  const { wire, client, uploader } = await openSink(t, 16, receiveWindow)
  t.equal(initialWindows(client).at(-1), MEGABYTE)

  client.acknowledges = false
  let most = 0
  for (let streamId = 3; streamId < 203; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(2 * MEGABYTE)), MEGABYTE)
    most = Math.max(most, [...wire.streams].reduce((sum, { readableLength }) => sum + readableLength, 0))
  }
  t.ok(most > 3 * MEGABYTE && most <= 4 * MEGABYTE, `${most} bytes`)
  t.match(await client.untilReset(201), ['HEADERS', 'RST_STREAM ENHANCE_YOUR_CALM'])
  t.equal(client.frames.filter(({ type }) => type === 'RST_STREAM').length, 100 - 4)
  t.equal(wire.warnings.length, 100 - 4, 'each is logged once')
  client.data(1, wsText('well?'))
  await client.untilSaid(1, 'Text got 5')
  await openEcho(await wire.client(), 1)
})

await t.test('windows become smaller for many streams, so that all of them have room', async (t) => {
  const { client, uploader } = await openSink(t, 16, { max: MEGABYTE, sessionBudget: 8 * MEGABYTE })
  t.equal(initialWindows(client).at(-1), MEGABYTE)

  for (let streamId = 3; streamId < 63; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await client.settled()
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(2 * MEGABYTE)))
  }
  t.strictSame(client.frames.filter(({ type }) => type === 'RST_STREAM'), [])
  t.ok(initialWindows(client).at(-1)! <= 128 * KILOBYTE)
})

// What is sent

await t.test('a frame is one DATA frame, and those of one tick are few', async (t) => {
  const wire = await serve(t, (app) => {
    app.get('/three', { websocket: true }, (socket) => {
      socket.on('message', () => { for (const text of ['one', 'two', 'three']) socket.send(text) })
    })
    addEcho(app)
  })
  const client = await wire.client()
  await openEcho(client, 1)
  t.strictSame(client.trace(1), ['HEADERS', 'DATA'])
  client.connect(3, '/three')
  client.data(3, wsText('go'))
  await client.untilSaid(3, 'Text three')
  t.strictSame(client.wsTrace(3), ['HEADERS', 'Text one', 'Text two', 'Text three'])
  t.ok(client.trace(3).length <= 3, 'one for the first, one for all that came while it was written')
})

await t.test('12 MiB behind a closed window keep no new stream out', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  wire.sockets[0]!.send(Buffer.alloc(12 * MEGABYTE))
  await client.settled()
  for (let streamId = 3; streamId < 303; streamId += 2) {
    client.connect(streamId, '/echo')
    t.match(await client.response(streamId), { ':status': '200' })
  }
  client.windowUpdate(303 - 2, WINDOW)
  await hearEcho(client, 303 - 2)
})

await t.test('100 KiB behind each of a thousand closed windows keep no new stream out', async (t) => {
  const wire = await serve(t, (app) => {
    app.get('/greet', { websocket: true }, (socket) => { socket.send(Buffer.alloc(100 * KILOBYTE)) })
    addEcho(app)
  })
  const client = await wire.client(NO_WINDOW)
  for (let streamId = 1; streamId < 2001; streamId += 2) {
    client.connect(streamId, '/greet')
    if (streamId % 200 === 199) await client.response(streamId)
  }
  for (let streamId = 2001; streamId < 2041; streamId += 2) {
    client.connect(streamId, '/echo')
    t.match(await client.response(streamId), { ':status': '200' })
  }
  t.strictSame(client.frames.filter(({ type }) => type === 'RST_STREAM' || type === 'GOAWAY'), [])
})

await t.test('bufferedAmount goes down as slices go out', async (t) => {
  const wire = await serve(t, addRoutes)
  const client = await wire.client({ windowUpdates: false })
  client.connect(1, '/stall')
  await client.response(1)
  const [socket] = wire.sockets
  socket!.send(Buffer.alloc(MEGABYTE))
  const amounts = [socket!.bufferedAmount]
  for (let slices = 0; slices < 4; slices++) {
    client.windowUpdate(0, 128 * KILOBYTE)
    client.windowUpdate(1, 128 * KILOBYTE)
    await client.settled()
    amounts.push(socket!.bufferedAmount)
  }
  t.equal(amounts[0], MEGABYTE + 10)
  t.ok(amounts.at(-1)! <= MEGABYTE - 3 * 128 * KILOBYTE, `${amounts}`)
  t.strictSame(amounts, [...amounts].sort((one, other) => other - one))
})

// Sessions without messages

await t.test('http2SessionTimeout does not end a session that has a socket, but ends it after the last', async (t) => {
  const wire = await serve(t, addRoutes, { server: { http2SessionTimeout: 300 } })
  const client = await wire.client()
  await openEcho(client, 1)
  await openEcho(client, 3)
  client.data(1, wsClose(1000), true)
  await client.untilEnd(1)
  await sleep(700)
  t.notOk(client.trace(0).includes('GOAWAY NO_ERROR'))
  await hearEcho(client, 3)
  client.data(3, wsClose(1000), true)
  await client.closed
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
  await wire.ended()
})
