import t from 'tap'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import { heldBuffers } from '../helpers/memory.ts'
import { PING, wsFrame } from '../helpers/ws-frames.ts'
import { addEcho, openEcho, serve } from './server.ts'

const MEGABYTE = 1024 * 1024

// With it, nothing but heads can be sent to the client.
const NO_WINDOW = { settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 0 } }

await t.test('fifty clients that read nothing cost what sendLimit lets them, whatever is sent', async (t) => {
  const wire = await serve(t, addEcho, { plugin: { sendLimit: MEGABYTE, slowConsumer: 'drop' } })
  const client = await wire.client(NO_WINDOW)
  for (let streamId = 1; streamId < 101; streamId += 2) {
    client.connect(streamId, '/echo')
    await client.response(streamId)
  }

  const before = await heldBuffers()
  const rss = process.memoryUsage().rss
  for (let round = 0; round < 256; round++) {
    for (const socket of wire.sockets) socket.send(Buffer.alloc(64 * 1024, round))
  }
  const waiting = wire.sockets.map(({ bufferedAmount }) => bufferedAmount)
  t.ok(waiting.every((amount) => amount > MEGABYTE / 2 && amount < 1.1 * MEGABYTE), `${waiting}`)
  // 800 MiB were sent.
  const grown = process.memoryUsage().rss - rss
  t.ok(grown < 400 * MEGABYTE, `${grown} bytes, garbage included`)
  const held = await heldBuffers() - before
  t.ok(held < 50 * 1.2 * MEGABYTE, `${held} bytes are held`)
  await openEcho(await wire.client(), 1)
})

await t.test('a client that pings and never reads is cut, and nobody else', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  const other = await wire.client()
  await openEcho(other, 1)
  for (let count = 0; count < 100; count++) client.data(1, wsFrame(PING, 'x'.repeat(100)))
  await client.untilReset(1)
  await openEcho(other, 3)
  t.strictSame(wire.events, [['close 1006'], [], []])
})
