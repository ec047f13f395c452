import t from 'tap'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import { ERROR_CODES, NO_WINDOW } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { wsClose, wsText } from '../helpers/ws-frames.ts'
import { closing, openSocket } from './open-socket.ts'
import type { Opened } from './open-socket.ts'

const LARGE = Buffer.alloc(MIB)

// RST_STREAM

await t.test('RST_STREAM with any code is reported once as 1006, on its stream only', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const code of ERROR_CODES) {
    streamId += 2
    await openEcho(client, streamId)
    client.rst(streamId, code)
    await expectEcho(client, 1, `after ${code}`)
  }
  client.rst(1)
  await closing({ server, client })
  t.strictSame(server.events, [...ERROR_CODES, 'CANCEL'].map(() => ['close 1006']))
})

for (const code of ['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR'] as const) {
  await t.test(`RST_STREAM ${code} while 1 MiB waits behind a closed window is reported once as 1006, and the stream is freed`, async (t) => {
    const opened = await openSocket(t, {}, NO_WINDOW)
    opened.socket.send(LARGE)
    await opened.client.roundTrip()
    opened.client.rst(1, code)
    t.strictSame(await closing(opened), [['HEADERS'], ['close 1006']])
  })

  await t.test(`a message, a Close and RST_STREAM ${code} in one segment emit one 'close', and the stream is freed`, async (t) => {
    const opened = await openSocket(t)
    const { server, client } = opened
    client.batch(() => {
      client.data(1, Buffer.concat([wsText('hello'), wsClose(1000)]))
      client.rst(1, code)
    })
    await closing(opened)
    t.equal(server.events[0]!.length, 1)
    t.match(server.events[0]![0], /^close (1000|1006)$/)
  })

  await t.test(`RST_STREAM ${code} on a paused socket with unread data is reported once as 1006, and the stream is freed`, async (t) => {
    const opened = await openSocket(t)
    const { client, socket } = opened
    socket.pause()
    client.data(1, wsText('unread'))
    await client.roundTrip()
    client.rst(1, code)
    await client.roundTrip()
    t.strictSame((await closing(opened))[1], ['close 1006'])
  })
}

await t.test('END_STREAM followed immediately by RST_STREAM is reported once as 1006, and the stream is freed', async (t) => {
  const opened = await openSocket(t)
  opened.client.batch(() => {
    opened.client.end(1)
    opened.client.rst(1, 'NO_ERROR')
  })
  t.strictSame((await closing(opened))[1], ['close 1006'])
})

// The connection

const goaways: Array<[sender: string, goaway: (opened: Opened) => unknown]> = [
  ['the client', ({ client }) => client.goaway()],
  ['the server', ({ client, server }) => {
    for (const session of server.sessions) session.close()
    return client.waitForFrame(({ type }) => type === 'GOAWAY')
  }]
]

for (const [sender, goaway] of goaways) {
  await t.test(`GOAWAY of ${sender} keeps the sockets open, and the connection ends with the last one`, async (t) => {
    const opened = await openSocket(t)
    const { server, client } = opened
    await openEcho(client, 3)
    await goaway(opened)
    await client.roundTrip()
    await expectEcho(client, 1)
    await expectEcho(client, 3)
    for (const streamId of [1, 3]) client.data(streamId, wsClose(1000), true)
    await client.closed
    await server.sessionsClosed()
    t.strictSame(server.events, [['close 1000'], ['close 1000']])
  })
}

await t.test('a destroyed session is reported once as 1006 on each of its sockets', async (t) => {
  const { server, client } = await openSocket(t)
  await openEcho(client, 3)
  const other = await server.client()
  await openEcho(other, 1)
  const [session] = server.sessions
  session!.destroy()
  await client.closed
  await expectEcho(other, 1)
  t.strictSame(server.events, [['close 1006'], ['close 1006'], []])
})

interface Loss {
  loss: string
  lose: (client: FrameClient) => void
  skip?: string | false
}

// Node 20 sends GOAWAY and then does not close the session: no event is emitted, even after the connection has ended.
const skip = process.version.startsWith('v20.') && 'Node 20 leaves the session open'

const losses: Loss[] = [
  { loss: 'GOAWAY PROTOCOL_ERROR', lose: (client) => client.goaway('PROTOCOL_ERROR') },
  { loss: 'the end of the connection', lose: (client) => client.endConnection() },
  { loss: 'a reset of the connection', lose: (client) => client.resetConnection() },
  { loss: 'DATA on the connection itself', lose: (client) => client.data(0, Buffer.from('lost')), skip },
  { loss: 'a PING that is too short', lose: (client) => client.ping(Buffer.alloc(7)), skip },
  { loss: 'a window larger than 2^31 - 1', lose: (client) => client.windowUpdate(0, 2 ** 31 - 1), skip }
]

for (const tls of [false, true]) {
  for (const { loss, lose, skip = false } of losses) {
    const title = `over ${tls ? 'TLS' : 'TCP'} ${loss} is reported once as 1006 on each socket`
    await t.test(title, { skip }, async (t) => {
      const { server, client } = await openSocket(t, { tls })
      await openEcho(client, 3)
      await openEcho(client, 5)
      lose(client)
      await server.sessionsClosed()
      t.strictSame(server.events, [['close 1006'], ['close 1006'], ['close 1006']])
      await openEcho(await server.client(), 1)
    })
  }
}
