import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import t from 'tap'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { H2C, start } from '../helpers/transports.ts'

const SOCKETS = 16
const MESSAGE_SIZE = 8 * MIB

// Before Node 26 a session that waits to write does not read. With connection windows of 16 MiB on both ends, the
// kernel's buffers are full in both directions, both ends wait to write, and neither reads: the test would not end.
void t.test('sockets that all echo more than the kernel buffers do not block each other', async (t) => {
  const { open, origin } = await start(t, H2C, addEcho)
  await open('/echo')
  const session = connect(origin, { maxSessionMemory: 1000, settings: { initialWindowSize: 16 * MIB } })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  session.setLocalWindowSize(16 * MIB)
  await once(session, 'remoteSettings')

  const lengths = await Promise.all(Array.from({ length: SOCKETS }, () => countEchoedBytes(session)))
  t.ok(lengths.every((length) => length > 3 * MESSAGE_SIZE))
})

/** Sends three messages, and returns the number of bytes that come back. */
async function countEchoedBytes (session: ClientHttp2Session): Promise<number> {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', 'sec-websocket-version': '13'
  }, { endStream: false })
  const head = Buffer.alloc(14)
  head.writeUInt16BE(0x82ff)
  head.writeUInt32BE(MESSAGE_SIZE, 6)
  for (let count = 0; count < 3; count++) stream.write(Buffer.concat([head, Buffer.alloc(MESSAGE_SIZE)]))

  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > 3 * MESSAGE_SIZE) break
  }
  return length
}
