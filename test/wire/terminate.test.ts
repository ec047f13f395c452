import t from 'tap'
import { expectEcho, openEcho } from '../helpers/echo.ts'
import { NO_WINDOW } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { wsText } from '../helpers/ws-frames.ts'
import { closing, openSocket } from './open-socket.ts'

const LARGE = Buffer.alloc(MIB)

await t.test('terminate() sends one RST_STREAM CANCEL', async (t) => {
  const opened = await openSocket(t)
  opened.socket.terminate()
  t.strictSame(await closing(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() in the same tick as send() sends one RST_STREAM CANCEL, with or without the message', async (t) => {
  const opened = await openSocket(t)
  opened.socket.send('last words')
  opened.socket.terminate()
  const [received, events] = await closing(opened)
  t.strictSame(received.filter((frame) => frame !== 'Text last words'), ['HEADERS', 'RST_STREAM CANCEL'])
  t.equal(received.at(-1), 'RST_STREAM CANCEL')
  t.strictSame(events, ['close 1006'])
})

await t.test('terminate() with 1 MiB behind a closed window sends one RST_STREAM CANCEL', async (t) => {
  const opened = await openSocket(t, {}, NO_WINDOW)
  opened.socket.send(LARGE)
  await opened.client.roundTrip()
  opened.socket.terminate()
  t.strictSame(await closing(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() after a Close without an answer sends one RST_STREAM CANCEL', async (t) => {
  const opened = await openSocket(t)
  opened.socket.close(4001)
  await opened.client.untilReceived(1, 'Close 4001')
  opened.socket.terminate()
  t.strictSame(await closing(opened), [['HEADERS', 'Close 4001', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() called twice, and close() after it, send one RST_STREAM, and \'close\' is emitted once', async (t) => {
  const opened = await openSocket(t)
  opened.socket.terminate()
  opened.socket.terminate()
  opened.socket.close()
  t.strictSame(await closing(opened), [['HEADERS', 'RST_STREAM CANCEL'], ['close 1006']])
})

await t.test('terminate() in the handler sends one RST_STREAM CANCEL, also if that comes before the 200', async (t) => {
  const server = await startServer(t, (app) => {
    app.get('/terminates', { websocket: true }, (socket) => { socket.terminate() })
  })
  const client = await server.client()
  client.connect(1, '/terminates')
  const [received, events] = await closing({ server, client })
  t.strictSame(received.filter((frame) => frame !== 'HEADERS'), ['RST_STREAM CANCEL'])
  t.strictSame(events, ['close 1006'])
})

await t.test('terminate() in a \'message\' listener, with more messages in the same read, sends one RST_STREAM CANCEL', async (t) => {
  const opened = await openSocket(t)
  const { server, client, socket } = opened
  await openEcho(client, 3)
  socket.on('message', () => { socket.terminate() })
  client.batch(() => {
    for (let count = 0; count < 10; count++) client.data(1, wsText('again'))
    client.data(3, wsText('last'))
  })
  await client.untilReset(1)
  await client.untilReceived(3, 'Text last')
  await expectEcho(client, 3)
  t.strictSame(client.wsTrace(1).filter((frame) => frame !== 'Text again'), ['HEADERS', 'RST_STREAM CANCEL'])
  t.strictSame(server.events, [['close 1006'], []])
})

await t.test('terminate() does not affect the sockets of other streams', async (t) => {
  const { server, client, socket } = await openSocket(t)
  await openEcho(client, 3)
  socket.terminate()
  await client.untilReset(1)
  await expectEcho(client, 3, 'and I?')
  t.strictSame(server.events, [['close 1006'], []])
})
