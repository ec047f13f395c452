import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { addEcho, openEcho } from '../helpers/echo.ts'
import { NO_WINDOW } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { wsClose, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { closing, openSocket } from './open-socket.ts'

const LARGE = Buffer.alloc(MIB)

// The closing handshake

await t.test('a client that closes and then ends its side receives Close and END_STREAM, and no RST_STREAM', async (t) => {
  const opened = await openSocket(t)
  const { client } = opened
  client.data(1, wsClose(4000, 'done'))
  await client.untilEnd(1)
  client.end(1)
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4000 done', 'END_STREAM'], ['close 4000 done']])
})

await t.test('a client that closes and ends its side in one frame receives Close and END_STREAM', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsClose(4000, 'done'), true)
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4000 done', 'END_STREAM'], ['close 4000 done']])
})

await t.test('a client that closes without a code is reported as 1005', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsClose(), true)
  t.strictSame(await closing(opened), [['HEADERS', 'Close', 'END_STREAM'], ['close 1005']])
})

await t.test('close() sends Close, and END_STREAM after the client has answered', async (t) => {
  const opened = await openSocket(t)
  const { client, socket } = opened
  socket.close(4001, 'x')
  await client.untilReceived(1, 'Close 4001 x')
  await client.roundTrip()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 4001 x'])
  client.data(1, wsClose(4001), true)
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4001 x', 'END_STREAM'], ['close 4001']])
})

await t.test('when both sides close at the same time, each sends one Close, and \'close\' is emitted once', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsClose(4002, 'client'))
  opened.socket.close(4001, 'server')
  await opened.client.untilEnd(1)
  opened.client.end(1)
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4001 server', 'END_STREAM'], ['close 4002 client']])
})

await t.test('data after a Close is ignored', async (t) => {
  const opened = await openSocket(t)
  opened.client.batch(() => {
    opened.client.data(1, wsClose(1000))
    opened.client.data(1, wsText('too late'), true)
  })
  t.strictSame(await closing(opened), [['HEADERS', 'Close 1000', 'END_STREAM'], ['close 1000']])
})

// As Firefox, nghttpx and undici 7 do.
await t.test('a client that closes and does not end its side is reset with RST_STREAM NO_ERROR', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsClose(4000, 'done'))
  t.strictSame(await closing(opened), [
    ['HEADERS', 'Close 4000 done', 'END_STREAM', 'RST_STREAM NO_ERROR'], ['close 4000 done']
  ])
})

await t.test('a client that answers a Close and does not end its side is reset with RST_STREAM NO_ERROR', async (t) => {
  const opened = await openSocket(t)
  opened.socket.close(4001, 'x')
  await opened.client.untilReceived(1, 'Close 4001 x')
  opened.client.data(1, wsClose(4001))
  t.strictSame(await closing(opened), [
    ['HEADERS', 'Close 4001 x', 'END_STREAM', 'RST_STREAM NO_ERROR'], ['close 4001']
  ])
})

await t.test('a client that does not answer a Close is reset with RST_STREAM CANCEL after closeTimeout', async (t) => {
  const opened = await openSocket(t, { plugin: { options: { closeTimeout: 300 } } })
  opened.socket.close(4001, 'x')
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4001 x', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('END_STREAM without a Close is answered with END_STREAM and reported as 1006', async (t) => {
  const opened = await openSocket(t)
  opened.client.end(1)
  t.strictSame(await closing(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

await t.test('END_STREAM in the middle of a message is answered with END_STREAM and reported as 1006', async (t) => {
  const opened = await openSocket(t)
  opened.client.data(1, wsText('cut off').subarray(0, 8), true)
  t.strictSame(await closing(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

await t.test('messages that a closed window delays arrive before the Close of close()', async (t) => {
  const opened = await openSocket(t, {}, NO_WINDOW)
  const { client, socket } = opened
  socket.send(LARGE)
  socket.close(1000)
  client.batch(() => {
    client.windowUpdate(0, MIB)
    client.windowUpdate(1, 2 * MIB)
  })
  await client.untilReceived(1, 'Close 1000')
  client.data(1, wsClose(1000), true)
  t.strictSame(await closing(opened), [['HEADERS', `Binary ${MIB}`, 'Close 1000', 'END_STREAM'], ['close 1000']])
})

await t.test('a client that closes while its window is closed receives everything after it has opened the window', async (t) => {
  const opened = await openSocket(t, {}, NO_WINDOW)
  const { client, socket } = opened
  socket.send(LARGE)
  client.data(1, wsClose(1000))
  // Longer than the server waits for the client to end its side. That time starts when the server has ended its own.
  await sleep(600)
  t.strictSame(client.wsTrace(1), ['HEADERS'])
  client.batch(() => {
    client.windowUpdate(0, MIB)
    client.windowUpdate(1, 2 * MIB)
  })
  await client.untilEnd(1)
  client.end(1)
  t.strictSame(await closing(opened), [['HEADERS', `Binary ${MIB}`, 'Close 1000', 'END_STREAM'], ['close 1000']])
})

const partings: Array<[behaviour: string, bytes: Buffer, end: boolean, events: string[]]> = [
  ['closes', wsClose(4000), false, ['close 4000']],
  ['closes and ends its side', wsClose(4000), true, ['close 4000']],
  ['ends its side without a Close', Buffer.alloc(0), true, ['close 1006']],
  ['breaks the protocol', wsFrame(3), false, ['error WS_ERR_INVALID_OPCODE', 'close 1006']],
  ['breaks the protocol and ends its side', wsFrame(3), true, ['error WS_ERR_INVALID_OPCODE', 'close 1006']]
]

for (const [behaviour, bytes, end, events] of partings) {
  await t.test(`a client that ${behaviour} and does not open its window is reset after closeTimeout`, async (t) => {
    const opened = await openSocket(t, { plugin: { options: { closeTimeout: 300 } } }, NO_WINDOW)
    opened.socket.send(LARGE)
    opened.client.data(1, bytes, end)
    t.strictSame(await closing(opened), [['HEADERS', 'RST_STREAM CANCEL'], events])
  })
}

await t.test('a client that ends its side and reads slowly receives everything, even if that takes longer than closeTimeout', async (t) => {
  const serverOptions = { plugin: { options: { closeTimeout: 1500 } } }
  const opened = await openSocket(t, serverOptions, { ...NO_WINDOW, windowUpdates: false })
  const { client, socket } = opened
  socket.send(LARGE)
  client.end(1)
  client.windowUpdate(0, 2 * MIB)
  for (let step = 0; step < 36; step++) {
    await sleep(100)
    client.windowUpdate(1, 30_000)
  }
  t.strictSame(await closing(opened), [['HEADERS', `Binary ${MIB}`, 'END_STREAM'], ['close 1006']])
})

await t.test('trailers end the side of the client', async (t) => {
  const opened = await openSocket(t)
  opened.client.headers(1, [['x-trailer', 'bye']], true)
  t.strictSame(await closing(opened), [['HEADERS', 'END_STREAM'], ['close 1006']])
})

// app.close()

await t.test('app.close() sends Close 1001 to each socket, then GOAWAY, and ends the connections', async (t) => {
  const { server, client } = await openSocket(t)
  await openEcho(client, 3)
  const other = await server.client()
  await openEcho(other, 1)

  const closing = server.app.close()
  for (const [each, streamId] of [[client, 1], [client, 3], [other, 1]] as const) {
    await each.untilReceived(streamId, 'Close 1001')
    each.data(streamId, wsClose(1001), true)
  }
  await Promise.all([closing, client.closed, other.closed])
  for (const each of [client, other]) {
    t.equal(each.trace(0).at(-1), 'GOAWAY NO_ERROR')
    t.strictSame(each.wsTrace(1).slice(-2), ['Close 1001', 'END_STREAM'])
  }
  await server.sessionsClosed()
  t.strictSame(server.events, [['close 1001'], ['close 1001'], ['close 1001']])
})

await t.test('app.close() resets a client that does not answer with RST_STREAM CANCEL after closeTimeout', async (t) => {
  const { server, client } = await openSocket(t, { plugin: { options: { closeTimeout: 300 } } })
  const closing = server.app.close()
  await Promise.all([closing, client.closed])
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 1001', 'RST_STREAM CANCEL'])
  await server.sessionsClosed()
  t.strictSame(server.events, [['close 1006']])
})

await t.test('app.close() ends connections that have no socket', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await Promise.all([server.app.close(), client.closed])
  await server.sessionsClosed()
  t.equal(client.trace(0).at(-1), 'GOAWAY NO_ERROR')
})

// Handlers that fail

const failures: Array<[behaviour: string, fail: () => void | Promise<void>]> = [
  ['throws', () => { throw new Error('boom') }],
  ['rejects', async () => { throw new Error('boom') }]
]

for (const [behaviour, fail] of failures) {
  await t.test(`a handler that ${behaviour} closes its socket with 1011`, async (t) => {
    const server = await startServer(t, (app: FastifyInstance) => { app.get('/fails', { websocket: true }, fail) })
    const client = await server.client()
    client.connect(1, '/fails')
    await client.untilReceived(1, 'Close 1011')
    client.data(1, wsClose(1011), true)
    t.strictSame(await closing({ server, client }), [['HEADERS', 'Close 1011', 'END_STREAM'], ['close 1011']])
  })
}

await t.test('with allowSynchronousEvents: false a Close with END_STREAM, behind several messages, is answered', async (t) => {
  const server = await startServer(t, addEcho, { plugin: { options: { allowSynchronousEvents: false } } })
  const client = await server.client()
  client.connect(1, '/echo')
  await client.response(1)
  client.batch(() => {
    for (const text of ['one', 'two', 'three']) client.data(1, wsText(text))
    client.data(1, wsClose(4000, 'left'), true)
  })
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Text one', 'Text two', 'Text three', 'Close 4000 left', 'END_STREAM'])
  await server.socketsClosed()
  t.strictSame(server.events[0], ['close 4000 left'])
})
