import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { WebSocket } from 'ws'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { FrameClient } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import { BINARY, CLOSE, TEXT, wsFrame, wsText } from '../helpers/ws-frames.ts'

const INVALID_UTF8 = Buffer.of(0x61, 0xff)

await t.test('a socket that pauses and resumes for each message opens its window again', async (t) => {
  const server = await startServer(t, (app) => {
    app.get('/steps', { websocket: true }, (socket) => {
      let count = 0
      socket.on('message', () => {
        socket.pause()
        setImmediate(() => {
          socket.resume()
          socket.send(String(++count))
        })
      })
    })
  })
  const client = await server.client()
  client.connect(1, '/steps')
  await client.response(1)
  for (let count = 1; count <= 20; count++) {
    client.data(1, wsFrame(BINARY, Buffer.alloc(10_000)))
    await client.untilReceived(1, `Text ${count}`)
  }
  await client.roundTrip()
  t.ok(client.increments(1) > 100_000, 'the client can continue to send')
})

await t.test('pause() holds back the messages that arrived in the same DATA frame', async (t) => {
  const server = await startServer(t, (app) => {
    app.get('/steps', { websocket: true }, (socket) => {
      socket.on('message', (data) => {
        socket.send(`got ${data}`)
        socket.pause()
      })
    })
  })
  const client = await server.client()
  client.connect(1, '/steps')
  await client.response(1)
  client.data(1, Buffer.concat([wsText('one'), wsText('two'), wsText('three')]))
  await client.untilReceived(1, 'Text got one')
  await client.roundTrip()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Text got one'])
  server.sockets[0]!.resume()
  await client.untilReceived(1, 'Text got two')
  await client.roundTrip()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Text got one', 'Text got two'])
  server.sockets[0]!.terminate()
  await server.socketsClosed()
})

await t.test('data that a connection other than Node\'s delivers before its stream is not lost', async (t) => {
  const server = await startServer(t, addEcho)
  const proxy = createServer((connection) => {
    const [ours, theirs] = createLoopback()
    server.app.server.emit('connection', theirs)
    connection.pipe(ours).pipe(connection)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const client = await FrameClient.open((proxy.address() as AddressInfo).port)
  t.teardown(() => { client.destroy(); proxy.close() })
  await client.roundTrip()

  const early = wsText('early bird')
  for (let cut = 1; cut < early.length; cut++) {
    const id = 2 * cut - 1
    client.batch(() => {
      client.connect(id, '/echo')
      client.data(id, early.subarray(0, cut))
    })
    await client.response(id)
    client.data(id, early.subarray(cut))
    await client.untilReceived(id, 'Text early bird')
    await expectEcho(client, id, 'resumed')
  }
})

await t.test('no message is emitted after text that is not UTF-8, in the same frame, in the same segment, or later', async (t) => {
  const bad = wsFrame(TEXT, INVALID_UTF8)
  const good = wsText('good')
  for (const pieces of [[Buffer.concat([bad, good])], [bad, good]]) {
    const server = await startServer(t, addEcho)
    const client = await server.client()
    await openEcho(client, 1)
    client.batch(() => { for (const piece of pieces) client.data(1, piece) })
    await client.untilEnd(1)
    client.data(1, good, true)
    await server.socketsClosed()
    t.strictSame(client.wsTrace(1), ['HEADERS', 'Text still here', 'Close 1007', 'END_STREAM'])
    t.strictSame(server.events[0], ['error WS_ERR_INVALID_UTF8', 'close 1007'])
  }
})

await t.test('messages that are split over DATA frames arrive in order', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  const texts = Array.from({ length: 30 }, (_, index) => `message ${index}`)
  const bytes = Buffer.concat(texts.map(wsText))
  client.batch(() => {
    for (let at = 0, size = 1; at < bytes.length; at += size++) client.data(1, bytes.subarray(at, at + size))
  })
  await client.untilReceived(1, 'Text message 29')
  t.strictSame(client.wsTrace(1).slice(2), texts.map((text) => `Text ${text}`))
})

await t.test('messages of different sizes that are split over large DATA frames arrive in order', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  const sizes = [20_000, 5, 300, 9000, 0, 6000, 126]
  const bytes = Buffer.concat(sizes.map((size) => wsFrame(BINARY, Buffer.alloc(size, 7))))
  client.batch(() => {
    for (let at = 0; at < bytes.length; at += 7000) client.data(1, bytes.subarray(at, at + 7000))
  })
  await client.untilReceived(1, 'Binary 126')
  t.strictSame(client.wsTrace(1).slice(2), sizes.map((size) => `Binary ${size}`.trim()))
})

await t.test('a message that is half received when its socket pauses is emitted after resume()', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  const [socket] = server.sockets as [WebSocket]
  const frame = wsFrame(TEXT, 'x'.repeat(24_000))
  client.data(1, frame.subarray(0, 10_000))
  await client.roundTrip()
  socket.pause()
  client.data(1, frame.subarray(10_000))
  await client.roundTrip()
  t.equal(client.wsTrace(1).length, 2)
  socket.resume()
  await client.untilReceived(1, 'Text 24000')
  await expectEcho(client, 1, 'resumed')
})

await t.test('an incomplete message is not emitted', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  client.data(1, wsText('unfinished').subarray(0, 12))
  await client.roundTrip()
  client.data(1, Buffer.alloc(0), true)
  await server.socketsClosed()
  t.strictSame(client.wsTrace(1).slice(2), ['END_STREAM'])
  t.strictSame(server.events[0], ['close 1006'])
})

for (const [method, event] of [['terminate', 'close 1006'], ['close', 'close 1005']] as const) {
  await t.test(`after ${method}() in a 'message' listener, frames that have arrived are emitted as in ws`, async (t) => {
    const emitted: string[] = []
    const server = await startServer(t, (app) => {
      app.get('/end', { websocket: true }, (socket) => {
        socket.on('message', (data) => {
          emitted.push(String(data))
          socket[method]()
        })
      })
    })
    const client = await server.client()
    client.connect(1, '/end')
    await client.response(1)
    client.batch(() => {
      for (const each of ['one', 'two', 'three']) client.data(1, wsText(each))
      client.data(1, wsFrame(CLOSE), true)
    })
    await server.socketsClosed()
    t.strictSame(server.events[0], [event])
    t.strictSame(emitted, method === 'close' ? ['one', 'two', 'three'] : ['one'])
  })
}
