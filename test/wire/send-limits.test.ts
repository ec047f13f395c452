import t from 'tap'
import { addEcho, openEcho } from '../helpers/echo.ts'
import { NO_WINDOW } from '../helpers/h2-frames.ts'
import { referencedBytes } from '../helpers/memory.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import { PING, wsFrame } from '../helpers/ws-frames.ts'

await t.test('fifty clients that do not read cost no more memory than sendLimit allows', async (t) => {
  const server = await startServer(t, addEcho, { plugin: { sendLimit: MIB, slowConsumer: 'drop' } })
  const client = await server.client(NO_WINDOW)
  for (let streamId = 1; streamId < 101; streamId += 2) {
    client.connect(streamId, '/echo')
    await client.response(streamId)
  }

  const before = await referencedBytes()
  const rss = process.memoryUsage().rss
  for (let round = 0; round < 256; round++) {
    for (const socket of server.sockets) socket.send(Buffer.alloc(64 * KIB, round))
  }
  const waiting = server.sockets.map(({ bufferedAmount }) => bufferedAmount)
  t.ok(waiting.every((amount) => amount > MIB / 2 && amount < 1.1 * MIB), `${waiting}`)
  // 800 MiB were sent.
  const grown = process.memoryUsage().rss - rss
  t.ok(grown < 400 * MIB, `${grown} bytes, garbage included`)
  const held = await referencedBytes() - before
  t.ok(held < 50 * 1.2 * MIB, `${held} bytes are held`)
  await openEcho(await server.client(), 1)
})

await t.test('a client that pings and does not read is terminated, and no other client', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  const other = await server.client()
  await openEcho(other, 1)
  for (let count = 0; count < 100; count++) client.data(1, wsFrame(PING, 'x'.repeat(100)))
  await client.untilReset(1)
  await openEcho(other, 3)
  t.strictSame(server.events, [['close 1006'], [], []])
})
