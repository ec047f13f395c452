import { connect } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'
import { lastAdmission } from '../helpers/admission.ts'
import { addEcho, openEcho } from '../helpers/echo.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import { upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitUntil } from '../helpers/waiting.ts'

/** A refusal: RST_STREAM NO_ERROR asks the client to stop sending (RFC 9113 section 8.1). */
const REFUSED = ['HEADERS END_STREAM', 'RST_STREAM NO_ERROR']

/** Adds /waiting, whose hook never answers. */
function addWaiting (app: FastifyInstance): void {
  addEcho(app)
  app.get('/waiting', { websocket: true, preValidation: () => {} }, () => {})
}

function connectWaiting (client: FrameClient, first: number, count: number): void {
  client.batch(() => {
    for (let each = 0; each < count; each++) client.connect(first + 2 * each, '/waiting')
  })
}

async function waitForPending (count: number): Promise<void> {
  await waitUntil(() => lastAdmission().pending === count, `${count} pending handshakes`)
}

await t.test('with maxSockets open a CONNECT is refused with 503 and Retry-After on its stream alone', async (t) => {
  const server = await startServer(t, addEcho, { plugin: { maxSockets: 1 } })
  const client = await server.client()
  await openEcho(client, 1)
  client.connect(3, '/echo')
  t.strictSame(await client.untilReset(3), REFUSED)
  const { date, 'retry-after': retryAfter, ...response } = await client.response(3)
  t.strictSame(response, { ':status': '503' })
  t.match(retryAfter, /^\d+$/)
  client.rst(1)
  await server.socketsClosed()
  await openEcho(client, 5)
})

await t.test('over HTTP/1.1 the refusal has a Content-Length of 0, and ends the connection', async (t) => {
  const former = lastAdmission()
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket, { maxPendingHandshakes: 1, shutdownTimeout: 50 })
  addWaiting(app)
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  const first = connect(port, '127.0.0.1')
  t.teardown(() => first.destroy())
  first.write(upgradeRequest('/waiting'))
  await waitUntil(() => lastAdmission() !== former && lastAdmission().pending === 1, 'a pending handshake')
  const second = connect(port, '127.0.0.1')
  second.write(upgradeRequest('/waiting'))
  const [head, body] = (await readAll(second)).split('\r\n\r\n') as [string, string]
  const [status, ...fields] = head.toLowerCase().split('\r\n')
  t.equal(status, 'http/1.1 503 service unavailable')
  t.match(fields.filter((field) => !field.startsWith('date')).sort(), ['connection: close', 'content-length: 0', /^retry-after: \d+$/])
  t.equal(body, '')
})

await t.test('by default one session may have 1024 handshakes pending, as many as its streams', async (t) => {
  const server = await startServer(t, addWaiting)
  const client = await server.client()
  connectWaiting(client, 1, 1024)
  await waitForPending(1024)
  await client.roundTrip()
  t.equal(server.app.websocketServer.stats().handshakes.refused.max_pending_handshakes, 0)
})

await t.test('a session with a quarter of maxPendingHandshakes unanswered is refused more, and another one is served', async (t) => {
  const server = await startServer(t, addWaiting, { plugin: { maxPendingHandshakes: 8 } })
  const [client, other] = [await server.client(), await server.client()]
  connectWaiting(client, 1, 3)
  t.strictSame(await client.untilReset(5), REFUSED)
  t.match(await client.response(5), { ':status': '503' })
  await openEcho(other, 1)
  client.rst(1)
  await waitForPending(1)
  await openEcho(client, 7)
})

await t.test('all sessions together may have maxPendingHandshakes unanswered', async (t) => {
  const server = await startServer(t, addWaiting, { plugin: { maxPendingHandshakes: 4 } })
  const clients = await Promise.all(Array.from({ length: 5 }, async () => await server.client()))
  for (const client of clients.slice(1)) client.connect(1, '/waiting')
  await waitForPending(4)
  clients[0]!.connect(1, '/echo')
  t.match(await clients[0]!.response(1), { ':status': '503' })
  clients[1]!.resetConnection()
  await waitForPending(3)
  await openEcho(clients[0]!, 3)
})

const ABORTS: Record<string, (client: FrameClient) => void> = {
  RST_STREAM: (client) => { client.rst(1) },
  'END_STREAM and RST_STREAM': (client) => { client.batch(() => { client.end(1); client.rst(1) }) },
  'the end of its connection': (client) => { client.endConnection() },
  'a reset of its connection': (client) => { client.resetConnection() },
  'a connection error': (client) => { client.windowUpdate(0, 0) }
}

for (const [abort, send] of Object.entries(ABORTS)) {
  await t.test(`a handshake is no longer pending after ${abort}`, async (t) => {
    const server = await startServer(t, addWaiting, { plugin: { maxPendingHandshakes: 1 } })
    const client = await server.client()
    client.connect(1, '/waiting')
    await waitForPending(1)
    send(client)
    await waitForPending(0)
    await openEcho(await server.client(), 1)
  })
}

await t.test('requests that are not valid handshakes, and plain requests, are not counted', async (t) => {
  const server = await startServer(t, (app) => {
    addWaiting(app)
    app.get('/page', () => {})
  }, { plugin: { maxPendingHandshakes: 1 } })
  const client = await server.client()
  client.get(1, '/page')
  client.connect(3, '/waiting', { ':protocol': 'connect-udp' })
  client.connect(5, '/waiting', { 'sec-websocket-version': '8' })
  t.match(await client.response(5), { ':status': '400' })
  await openEcho(client, 7)
  client.connect(9, '/waiting')
  await waitForPending(1)
  t.equal(server.app.websocketServer.stats().handshakes.refused.max_pending_handshakes, 0)
})
