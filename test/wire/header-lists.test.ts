import { once } from 'node:events'
import { maxHeaderSize } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { sizeOfHeaderList } from '../../lib/http2/header-list.ts'
import { LOST_LIMIT } from '../../lib/http2/send-budget.ts'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { NO_WINDOW, SETTINGS_MAX_HEADER_LIST_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { INFO, captureLogs } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { wsText } from '../helpers/ws-frames.ts'

/** The reset of a header list that is too large. While Node writes, nghttp2 sends its own, with another code. */
const TOO_LARGE = /^RST_STREAM (ENHANCE_YOUR_CALM|INTERNAL_ERROR)$/

/** Sends a handshake for /echo whose header list has a size. */
function connectWithHeaders (client: FrameClient, streamId: number, size: number): void {
  const rest = size - sizeOfHeaderList(client.connectFields('/echo', { cookie: '' }).flat())
  client.connect(streamId, '/echo', { cookie: 'x'.repeat(rest) })
}

await t.test('header lists up to the limit of HTTP/1.1 open a socket, and larger ones are reset', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  t.equal(client.serverSettings[SETTINGS_MAX_HEADER_LIST_SIZE], maxHeaderSize)
  connectWithHeaders(client, 1, maxHeaderSize)
  await expectEcho(client, 1)
  connectWithHeaders(client, 3, maxHeaderSize + 1)
  t.match(await client.untilReset(3), [TOO_LARGE])
  await expectEcho(client, 1)
})

await t.test('a larger header list of a client that does not acknowledge SETTINGS is answered with 431', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client({ acknowledges: false })
  connectWithHeaders(client, 1, maxHeaderSize + 1)
  t.match(await client.response(1), { ':status': '431' })
  t.strictSame(await client.untilReset(1), ['HEADERS END_STREAM', 'RST_STREAM NO_ERROR'])
  await server.socketsClosed()
  connectWithHeaders(client, 3, maxHeaderSize)
  await expectEcho(client, 3)
})

await t.test('maxHeaderListSize of Fastify\'s http.settings precedes the limit of HTTP/1.1', async (t) => {
  const limit = 2 * maxHeaderSize
  const server = await startServer(t, addEcho, { server: { http: { settings: { maxHeaderListSize: limit } } } })
  for (const acknowledges of [true, false]) {
    const client = await server.client({ acknowledges })
    t.equal(client.serverSettings[SETTINGS_MAX_HEADER_LIST_SIZE], limit)
    connectWithHeaders(client, 1, limit)
    await expectEcho(client, 1)
    connectWithHeaders(client, 3, limit + 1)
    t.match((await client.untilReset(3))[0], acknowledges ? TOO_LARGE : 'HEADERS END_STREAM')
  }
})

await t.test('without a websocket route the server has no limit of header lists that it did not have', async (t) => {
  const server = await startServer(t)
  t.strictSame((await server.client()).serverSettings, {})
})

await t.test('behind a proxy, 1024 clients with 8 KB of cookies and a token of 2 KB each open sockets on one session', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  const streamIds = Array.from({ length: 1024 }, (_, index) => 2 * index + 1)
  for (const streamId of streamIds) {
    client.connect(streamId, '/echo', {
      cookie: [`a=${streamId}`, 'x'.repeat(4 * KIB), 'y'.repeat(4 * KIB)], authorization: `Bearer ${'z'.repeat(2 * KIB)}`
    })
    client.data(streamId, wsText(`client ${streamId}`))
    if (streamId % 64 === 1) await client.roundTrip()
  }
  for (const streamId of streamIds) await client.untilReceived(streamId, `Text client ${streamId}`)
  t.equal(server.sockets.length, 1024)
  t.strictSame(server.warnings, [])
})

await t.test('a maxSessionMemory too small for maxConcurrentStreams is reported once, when the server starts', async (t) => {
  const server = await startServer(t, (app) => {
    addEcho(app)
    app.get('/other', { websocket: true }, () => {})
  }, { host: 'localhost', server: { http: { maxSessionMemory: 10 } } })
  t.match(server.warnings, [{ msg: /set "maxSessionMemory: 188" in the options "http" or "https" of Fastify/ }])
  t.equal(server.warnings.length, 1)
  const withoutSocketsOverH2 = await startServer(t, addEcho, {
    plugin: { advertise: false }, server: { http: { maxSessionMemory: 10 } }
  })
  t.strictSame(withoutSocketsOverH2.warnings, [])
})

function addPush (app: FastifyInstance): void {
  addEcho(app)
  app.get('/push', { websocket: true }, (socket) => { socket.send(Buffer.alloc(MIB)) })
}

await t.test('a session whose streams are reset with much left to send receives GOAWAY before Node refuses its streams', async (t) => {
  const { logger, logs } = captureLogs('info')
  const server = await startServer(t, addPush, { server: { logger } })
  const client = await server.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  const resets = Math.ceil((LOST_LIMIT + 1) / (128 * KIB))
  for (let reset = 0; reset < resets; reset++) {
    const streamId = 3 + 2 * reset
    client.connect(streamId, '/push')
    await client.response(streamId)
    const stream = [...server.streams].at(-1)!
    client.rst(streamId)
    await once(stream, 'close')
  }
  const goaway = await client.waitForFrame(({ type }) => type === 'GOAWAY')
  t.equal(goaway.payload.readUInt32BE(4), 0, 'NO_ERROR')
  t.match(logs.filter(({ msg }) => msg.startsWith('an HTTP/2 session accepts no more streams')), [{ level: INFO }])
  client.windowUpdate(1, 65_535)
  await expectEcho(client, 1)
  await openEcho(await server.client(), 1)
})
