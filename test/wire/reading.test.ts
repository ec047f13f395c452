import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { WebSocket } from 'ws'
import { createLoopback } from '../../lib/inject/loopback.ts'
import { FrameClient } from '../helpers/h2-frames.ts'
import { BINARY, TEXT, wsFrame, wsText } from '../helpers/ws-frames.ts'
import { addEcho, hearEcho, openEcho, serve } from './server.ts'

const INVALID_UTF8 = Buffer.of(0x61, 0xff)

await t.test('a socket that is paused for each message reads on, and opens its window', async (t) => {
  const wire = await serve(t, (app) => {
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
  const client = await wire.client()
  client.connect(1, '/steps')
  await client.response(1)
  for (let count = 1; count <= 20; count++) {
    client.data(1, wsFrame(BINARY, Buffer.alloc(10_000)))
    await client.untilSaid(1, `Text ${count}`)
  }
  await client.settled()
  t.ok(client.increments(1) > 100_000, 'the client may send on')
})

await t.test('pause() holds back the messages that came in the same DATA frame', async (t) => {
  const wire = await serve(t, (app) => {
    app.get('/steps', { websocket: true }, (socket) => {
      socket.on('message', (data) => {
        socket.send(`got ${data}`)
        socket.pause()
      })
    })
  })
  const client = await wire.client()
  client.connect(1, '/steps')
  await client.response(1)
  client.data(1, Buffer.concat([wsText('one'), wsText('two'), wsText('three')]))
  await client.untilSaid(1, 'Text got one')
  await client.settled()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Text got one'])
  wire.sockets[0]!.resume()
  await client.untilSaid(1, 'Text got two')
  await client.settled()
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Text got one', 'Text got two'])
  wire.sockets[0]!.terminate()
  await wire.emptied()
})

await t.test('what comes ahead of its stream, over a connection that is not Node\'s own, is the beginning', async (t) => {
  const wire = await serve(t, addEcho)
  const proxy = createServer((connection) => {
    const [ours, theirs] = createLoopback()
    wire.app.server.emit('connection', theirs)
    connection.pipe(ours).pipe(connection)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const client = await FrameClient.open((proxy.address() as AddressInfo).port)
  t.teardown(() => { client.destroy(); proxy.close() })
  await client.settled()

  const early = wsText('early bird')
  for (let cut = 1; cut < early.length; cut++) {
    const id = 2 * cut - 1
    client.together(() => {
      client.connect(id, '/echo')
      client.data(id, early.subarray(0, cut))
    })
    await client.response(id)
    client.data(id, early.subarray(cut))
    await client.untilSaid(id, 'Text early bird')
    await hearEcho(client, id, 'and on')
  }
})

await t.test('after text that is not UTF-8 nothing is delivered, in the same frame, segment, or later', async (t) => {
  const bad = wsFrame(TEXT, INVALID_UTF8)
  const good = wsText('good')
  for (const pieces of [[Buffer.concat([bad, good])], [bad, good]]) {
    const wire = await serve(t, addEcho)
    const client = await wire.client()
    await openEcho(client, 1)
    client.together(() => { for (const piece of pieces) client.data(1, piece) })
    await client.untilEnd(1)
    client.data(1, good, true)
    await wire.emptied()
    t.strictSame(client.wsTrace(1), ['HEADERS', 'Text still here', 'Close 1007', 'END_STREAM'])
    t.strictSame(wire.events[0], ['error WS_ERR_INVALID_UTF8', 'close 1007'])
  }
})

await t.test('messages, however they are cut, keep their order', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  const texts = Array.from({ length: 30 }, (_, index) => `message ${index}`)
  const bytes = Buffer.concat(texts.map(wsText))
  client.together(() => {
    for (let at = 0, size = 1; at < bytes.length; at += size++) client.data(1, bytes.subarray(at, at + size))
  })
  await client.untilSaid(1, 'Text message 29')
  t.strictSame(client.wsTrace(1).slice(2), texts.map((text) => `Text ${text}`))
})

await t.test('messages of any size, however their DATA frames are cut, keep their order', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  const sizes = [20_000, 5, 300, 9000, 0, 6000, 126]
  const bytes = Buffer.concat(sizes.map((size) => wsFrame(BINARY, Buffer.alloc(size, 7))))
  client.together(() => {
    for (let at = 0; at < bytes.length; at += 7000) client.data(1, bytes.subarray(at, at + 7000))
  })
  await client.untilSaid(1, 'Binary 126')
  t.strictSame(client.wsTrace(1).slice(2), sizes.map((size) => `Binary ${size}`.trim()))
})

await t.test('a message of which half has come when its socket is paused is heard when it reads on', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  const [socket] = wire.sockets as [WebSocket]
  const frame = wsFrame(TEXT, 'x'.repeat(24_000))
  client.data(1, frame.subarray(0, 10_000))
  await client.settled()
  socket.pause()
  client.data(1, frame.subarray(10_000))
  await client.settled()
  t.equal(client.wsTrace(1).length, 2)
  socket.resume()
  await client.untilSaid(1, 'Text 24000')
  await hearEcho(client, 1, 'and on')
})

await t.test('a message of which the end never comes is not heard', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  client.data(1, wsText('unfinished').subarray(0, 12))
  await client.settled()
  client.data(1, Buffer.alloc(0), true)
  await wire.emptied()
  t.strictSame(client.wsTrace(1).slice(2), ['END_STREAM'])
  t.strictSame(wire.events[0], ['close 1006'])
})

for (const [method, seen] of [['terminate', 'close 1006'], ['close', 'close 1005']] as const) {
  await t.test(`${method}() for a message: what came with the next frames is heard as ws has it`, async (t) => {
    const heard: string[] = []
    const wire = await serve(t, (app) => {
      app.get('/end', { websocket: true }, (socket) => {
        socket.on('message', (data) => {
          heard.push(String(data))
          socket[method]()
        })
      })
    })
    const client = await wire.client()
    client.connect(1, '/end')
    await client.response(1)
    client.together(() => {
      for (const each of ['one', 'two', 'three']) client.data(1, wsText(each))
      client.data(1, wsFrame(8), true)
    })
    await wire.emptied()
    t.strictSame(wire.events[0], [seen])
    t.strictSame(heard, method === 'close' ? ['one', 'two', 'three'] : ['one'])
  })
}
