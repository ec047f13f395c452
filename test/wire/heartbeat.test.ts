import t from 'tap'
import { openSocket } from './open-socket.ts'

await t.test('heartbeat resets the stream of an unresponsive socket, and keeps a session that answers PING', async (t) => {
  const { client, server } = await openSocket(t, { plugin: { heartbeat: 300 } })
  t.strictSame(await client.untilReset(1), ['HEADERS', 'DATA', 'RST_STREAM CANCEL'])
  t.strictSame(server.events[0], ['close 1006'])
  client.connect(3, '/echo')
  await client.response(3)
})

await t.test('heartbeat destroys a session that does not answer PING', async (t) => {
  const { client, server } = await openSocket(t, { plugin: { heartbeat: 300 } })
  client.answersPings = false
  await client.closed
  t.strictSame(client.trace(1), ['HEADERS', 'DATA', 'RST_STREAM CANCEL'])
  await server.socketsClosed()
})
