import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import t from 'tap'
import { H2C, start } from '../helpers/transports.ts'

const MEGABYTE = 1024 * 1024
const SOCKETS = 16
const EACH = 8 * MEGABYTE

// Before Node 26 a session that waits to write does not read. With a connection window of 16 MiB on both ends, all that
// the kernel's buffers hold is on its way, both ends wait, and neither reads: this test then never ends.
void t.test('sockets that all echo more than the kernel buffers come to an end', async (t) => {
  const { open, origin } = await start(t, H2C, (app) => {
    app.get('/echo', { websocket: true }, (socket) => { socket.on('message', (data) => socket.send(data)) })
  })
  await open('/echo')
  const session = connect(origin, { maxSessionMemory: 1000, settings: { initialWindowSize: 16 * MEGABYTE } })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  session.setLocalWindowSize(16 * MEGABYTE)
  await once(session, 'remoteSettings')

  const lengths = await Promise.all(Array.from({ length: SOCKETS }, () => echo(session)))
  t.ok(lengths.every((length) => length > 3 * EACH))
})

/** Sends three messages, each as a whole, and counts the bytes that come back. */
async function echo (session: ClientHttp2Session): Promise<number> {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', 'sec-websocket-version': '13'
  }, { endStream: false })
  const head = Buffer.alloc(14)
  head.writeUInt16BE(0x82ff)
  head.writeUInt32BE(EACH, 6)
  for (let count = 0; count < 3; count++) stream.write(Buffer.concat([head, Buffer.alloc(EACH)]))

  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > 3 * EACH) break
  }
  return length
}
