import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ReceiveWindowOptions } from '../../index.ts'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { DEFAULT_WINDOW, MAX_FRAME_SIZE, NO_WINDOW, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { referencedBytes } from '../helpers/memory.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { Uploader } from '../helpers/uploader.ts'
import { BINARY, wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'

/** The largest window for a client that does not apply SETTINGS to open streams. */
const GROWN_FOR_ALL = 2 * DEFAULT_WINDOW - KIB

/** Bytes that Node reads of a paused stream in addition to its window. */
const HIGH_WATER_MARK = 64 * KIB

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
  server: TestServer
  client: FrameClient
  uploader: Uploader
}

/** Starts a server, and sends some MiB to a socket on stream 1 that reads as fast as it receives. */
async function openSink (t: Test, megabytes: number, receiveWindow: ReceiveWindowOptions = {}): Promise<Sink> {
  const server = await startServer(t, addRoutes, { plugin: { receiveWindow } })
  const client = await server.client()
  const uploader = new Uploader(client)
  client.connect(1, '/sink')
  await client.response(1)
  for (let count = 0; count < megabytes; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MIB)))
  return { server, client, uploader }
}

/** Returns the values of SETTINGS_INITIAL_WINDOW_SIZE in the order in which the server has sent them. */
function initialWindows (client: FrameClient): number[] {
  return client.settingsFrames().flatMap((settings) => settings[SETTINGS_INITIAL_WINDOW_SIZE] ?? [])
}

// Paused sockets

await t.test('sockets continue while others of their session have 12 MiB of unread data', async (t) => {
  const server = await startServer(t, addRoutes, { plugin: { receiveWindow: { initial: MIB } } })
  const client = await server.client()
  client.connect(1, '/echo')
  await client.response(1)
  const message = wsFrame(BINARY, Buffer.alloc(1000 * KIB))
  const uploader = new Uploader(client)
  for (let streamId = 3; streamId < 27; streamId += 2) {
    client.connect(streamId, '/stall')
    await uploader.send(streamId, message)
  }
  await expectEcho(client, 1)
  client.connect(27, '/echo')
  t.equal((await client.response(27))[':status'], '200', 'and the session accepts more')
})

await t.test('a paused socket receives no more than its window, and other sockets continue', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client()
  client.connect(1, '/stall')
  await client.response(1)
  await openEcho(client, 3)

  const uploader = new Uploader(client)
  const sent = await uploader.sendWhatFits(1, wsFrame(BINARY, Buffer.alloc(4 * MIB)))
  t.ok(sent >= DEFAULT_WINDOW && sent <= DEFAULT_WINDOW + HIGH_WATER_MARK, `${sent} bytes`)
  const [stream] = [...server.streams].filter(({ id }) => id === 1)
  t.equal(stream?.readableLength, sent)
  await expectEcho(client, 3)
  t.equal(await uploader.sendWhatFits(1, Buffer.alloc(1)), 0, 'its window stays closed')

  server.sockets[0]!.resume()
  await uploader.send(1, wsFrame(BINARY, Buffer.alloc(4 * MIB)).subarray(sent))
})

await t.test('the connection window is returned while 64 sockets are paused', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client()
  const uploader = new Uploader(client)
  for (let streamId = 1; streamId < 129; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(MIB)))
  }
  client.connect(129, '/sink')
  await client.response(129)
  for (let count = 0; count < 8; count++) {
    await uploader.send(129, wsFrame(BINARY, Buffer.alloc(MIB)))
    await client.until(() => client.wsTrace(129).length === 2 + count || undefined)
  }
  t.same(client.wsTrace(129).at(-1), `Text got ${MIB}`)
})

await t.test('messages that arrive with the CONNECT wait for the hooks, and are not lost', async (t) => {
  const server = await startServer(t, (app) => {
    app.addHook('onRequest', async () => { await once(app.server, 'continue') })
    addEcho(app)
  })
  const client = await server.client()
  client.batch(() => {
    client.connect(1, '/echo')
    client.data(1, wsText('one'))
    client.data(1, wsText('two'))
  })
  await client.roundTrip()
  t.same(client.wsTrace(1), [])
  server.app.server.emit('continue')
  await client.untilReceived(1, 'Text two')
  t.same(client.wsTrace(1), ['HEADERS', 'Text one', 'Text two'])
})

await t.test('small pieces of a message do not keep the buffers alive that they arrived in', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client()
  const uploader = new Uploader(client)
  for (const streamId of [1, 3]) {
    client.connect(streamId, '/sink')
    await client.response(streamId)
  }
  const other = wsFrame(BINARY, Buffer.alloc(24 * KIB))
  const message = wsFrame(BINARY, Buffer.alloc(4000))

  const before = await referencedBytes()
  for (const byte of message.subarray(0, 2000)) {
    await uploader.sendBatch([1, Buffer.of(byte)], [3, other])
  }
  await client.roundTrip()
  const held = await referencedBytes() - before
  // Without copies it is 20 MiB and more. The test itself holds a few at any time.
  t.ok(held < 8 * MIB, `${held} bytes are held for 2000`)
  await uploader.send(1, message.subarray(2000))
  await client.untilReceived(1, 'Text got 4000')
})

// Windows that change their size

await t.test('the window grows for a socket that is read as fast as it receives', async (t) => {
  const { client, uploader } = await openSink(t, 0)
  t.same(initialWindows(client), [])
  t.ok(uploader.connectionWindow >= 4 * MIB, 'the connection window is large from the first socket on')

  for (let count = 0; count < 32; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MIB)))
  const grown = initialWindows(client)
  t.ok(grown.length >= 2, `${grown}`)
  t.strictSame(grown, [...grown].sort((one, other) => one - other))
  t.ok(grown.at(-1)! > MIB && grown.at(-1)! <= 16 * MIB)
})

await t.test('the window grows for a client that always sends exactly what its window allows', async (t) => {
  const { client } = await openSink(t, 0)
  const message = wsFrame(BINARY, Buffer.alloc(16 * MIB))
  let sent = 0
  const sendBlock = (size: number): void => {
    for (const end = sent + size; sent < end;) {
      const frame = message.subarray(sent, Math.min(end, sent + MAX_FRAME_SIZE))
      client.data(1, frame)
      sent += frame.length
    }
  }
  const window = (): number => (initialWindows(client).at(-1) ?? DEFAULT_WINDOW) + client.increments(1) - sent

  const hasSentEnough = (): boolean => sent >= 8 * MIB

  while (!hasSentEnough()) {
    // Node returns each block of the default window as a whole. So the server never sees more than that window in use.
    while (window() > 0) sendBlock(Math.min(window(), DEFAULT_WINDOW))
    await client.roundTrip()
    await client.until(() => window() > 0 || undefined)
  }
  t.ok(initialWindows(client).length > 1, `${initialWindows(client)}`)
})

await t.test('a client that does not apply SETTINGS to its open streams always keeps an open window', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client()
  client.connect(1, '/sink')
  await client.response(1)
  const uploader = new Uploader(client, DEFAULT_WINDOW)
  for (let count = 0; count < 16; count++) await uploader.send(1, wsFrame(BINARY, Buffer.alloc(MIB)))
  t.strictSame(initialWindows(client), [GROWN_FOR_ALL])
})

await t.test('a client that applies SETTINGS to some of its open streams always keeps an open window', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client()
  client.connect(1, '/sink')
  await client.response(1)
  client.headers(3, client.connectFields('/upload', {
    ':method': 'POST',
    ':protocol': undefined,
    'sec-websocket-version': undefined,
    'content-type': 'application/octet-stream'
  }))
  const [socket, upload] = [new Uploader(client, DEFAULT_WINDOW), new Uploader(client)]
  for (let count = 0; count < 16; count++) await upload.send(3, Buffer.alloc(MIB))
  client.end(3)
  await client.response(3)
  for (let count = 0; count < 4; count++) await socket.send(1, wsFrame(BINARY, Buffer.alloc(MIB)))
  t.strictSame(initialWindows(client), [GROWN_FOR_ALL])
})

await t.test('receiveWindow.initial is in the first SETTINGS, and windows grow up to receiveWindow.max', async (t) => {
  const { client } = await openSink(t, 8, { initial: 100_000, max: 300_000 })
  t.strictSame(initialWindows(client), [100_000, 200_000 - 1024, 300_000])
})

await t.test('the window does not grow for small occasional messages and for paused sockets', async (t) => {
  const { client, uploader } = await openSink(t, 0)
  client.connect(3, '/stall')
  await client.response(3)
  await uploader.sendWhatFits(3, wsFrame(BINARY, Buffer.alloc(MIB)))
  for (let count = 0; count < 500; count++) {
    await uploader.send(1, wsFrame(BINARY, Buffer.alloc(KIB)))
    await client.roundTrip()
  }
  t.strictSame(initialWindows(client), [])
})

// The client follows the rules until its windows are large, and then ignores SETTINGS that make them smaller.
await t.test('the unread bytes of a session never exceed sessionBudget', async (t) => {
  const receiveWindow = { max: MIB, sessionBudget: 4 * MIB }
  const { server, client, uploader } = await openSink(t, 16, receiveWindow)
  t.equal(initialWindows(client).at(-1), MIB)

  client.acknowledges = false
  let most = 0
  for (let streamId = 3; streamId < 203; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(2 * MIB)), MIB)
    most = Math.max(most, [...server.streams].reduce((sum, { readableLength }) => sum + readableLength, 0))
  }
  t.ok(most > 3 * MIB && most <= 4 * MIB, `${most} bytes`)
  t.match(await client.untilReset(201), ['HEADERS', 'RST_STREAM ENHANCE_YOUR_CALM'])
  t.equal(client.frames.filter(({ type }) => type === 'RST_STREAM').length, 100 - 4)
  t.equal(server.warnings.length, 100 - 4, 'each is logged once')
  client.data(1, wsText('more?'))
  await client.untilReceived(1, 'Text got 5')
  await openEcho(await server.client(), 1)
})

await t.test('windows shrink when there are many streams, so that no stream is reset', async (t) => {
  const { client, uploader } = await openSink(t, 16, { max: MIB, sessionBudget: 8 * MIB })
  t.equal(initialWindows(client).at(-1), MIB)

  for (let streamId = 3; streamId < 63; streamId += 2) {
    client.connect(streamId, '/stall')
    await client.response(streamId)
    await client.roundTrip()
    await uploader.sendWhatFits(streamId, wsFrame(BINARY, Buffer.alloc(2 * MIB)))
  }
  t.strictSame(client.frames.filter(({ type }) => type === 'RST_STREAM'), [])
  t.ok(initialWindows(client).at(-1)! <= 128 * KIB)
})

// Sending

await t.test('a message is one DATA frame, and several messages of one tick share DATA frames', async (t) => {
  const server = await startServer(t, (app) => {
    app.get('/three', { websocket: true }, (socket) => {
      socket.on('message', () => { for (const text of ['one', 'two', 'three']) socket.send(text) })
    })
    addEcho(app)
  })
  const client = await server.client()
  await openEcho(client, 1)
  t.strictSame(client.trace(1), ['HEADERS', 'DATA'])
  client.connect(3, '/three')
  client.data(3, wsText('go'))
  await client.untilReceived(3, 'Text three')
  t.strictSame(client.wsTrace(3), ['HEADERS', 'Text one', 'Text two', 'Text three'])
  t.ok(client.trace(3).length <= 3, 'one for the first message, and one for those that were sent while it was written')
})

/** Node's default of `maxSessionMemory`, which the plugin raises. */
const DEFAULT_MEMORY = { server: { http: { maxSessionMemory: 10 } } }

await t.test('12 MiB behind a closed window do not prevent new streams', async (t) => {
  const server = await startServer(t, addRoutes, DEFAULT_MEMORY)
  const client = await server.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  server.sockets[0]!.send(Buffer.alloc(12 * MIB))
  await client.roundTrip()
  for (let streamId = 3; streamId < 303; streamId += 2) {
    client.connect(streamId, '/echo')
    t.match(await client.response(streamId), { ':status': '200' })
  }
  client.windowUpdate(303 - 2, DEFAULT_WINDOW)
  await expectEcho(client, 303 - 2)
})

for (const [memory, options] of [['with the memory of Node\'s default', DEFAULT_MEMORY], ['with that of the plugin', {}]] as const) {
  await t.test(`100 KiB behind each of a thousand closed windows do not prevent new streams, ${memory}`, async (t) => {
    const server = await startServer(t, (app) => {
      app.get('/greet', { websocket: true }, (socket) => { socket.send(Buffer.alloc(100 * KIB)) })
      addEcho(app)
    }, options)
    const client = await server.client(NO_WINDOW)
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
}

await t.test('bufferedAmount decreases with each slice that is sent', async (t) => {
  const server = await startServer(t, addRoutes)
  const client = await server.client({ windowUpdates: false })
  client.connect(1, '/stall')
  await client.response(1)
  const [socket] = server.sockets
  socket!.send(Buffer.alloc(MIB))
  const amounts = [socket!.bufferedAmount]
  for (let slices = 0; slices < 4; slices++) {
    client.windowUpdate(0, 128 * KIB)
    client.windowUpdate(1, 128 * KIB)
    await client.roundTrip()
    amounts.push(socket!.bufferedAmount)
  }
  t.equal(amounts[0], MIB + 10)
  t.ok(amounts.at(-1)! <= MIB - 3 * 128 * KIB, `${amounts}`)
  t.strictSame(amounts, [...amounts].sort((one, other) => other - one))
})

// Idle sessions

await t.test('http2SessionTimeout ends a session only after its last socket has closed', async (t) => {
  const server = await startServer(t, addRoutes, { server: { http2SessionTimeout: 300 } })
  const client = await server.client()
  await openEcho(client, 1)
  await openEcho(client, 3)
  client.data(1, wsClose(1000), true)
  await client.untilEnd(1)
  await sleep(700)
  t.notOk(client.trace(0).includes('GOAWAY NO_ERROR'))
  await expectEcho(client, 3)
  client.data(3, wsClose(1000), true)
  await client.closed
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
  await server.sessionsClosed()
})
