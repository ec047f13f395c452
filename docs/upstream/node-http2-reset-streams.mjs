/**
 * An HTTP/2 session that refuses all new streams, because earlier ones were reset with data left to send:
 *
 *   node node-http2-reset-streams.mjs
 */
import { once } from 'node:events'
import http2 from 'node:http2'

const SIZE = 128 * 1024

const server = http2.createServer()
server.on('stream', (stream) => {
  stream.on('error', () => {})
  stream.respond()
  stream.write(Buffer.alloc(SIZE))
})
await once(server.listen(0, '127.0.0.1'), 'listening')

// With a window of 0 the server can send response heads, and no data.
const client = http2.connect(`http://127.0.0.1:${server.address().port}`, { settings: { initialWindowSize: 0 } })

/** Sends a request, and returns the code of its reset, or 0 if it was answered. */
async function request () {
  const stream = client.request()
  stream.on('error', () => {})
  await Promise.race([once(stream, 'response'), new Promise((resolve) => { stream.once('close', resolve) })])
  const code = stream.rstCode
  if (!stream.closed) {
    const closed = new Promise((resolve) => { stream.once('close', resolve) })
    stream.close(http2.constants.NGHTTP2_CANCEL)
    await closed
  }
  return code
}

let resets = 0
while (resets < 1000 && await request() === 0) resets++

console.log(`Node.js ${process.version}`)
if (resets === 1000) {
  console.log('a session serves new streams after 1000 resets')
} else {
  const lost = (resets * SIZE / 1e6).toFixed(1)
  console.log(`refused after ${resets} resets of streams that had ${SIZE} bytes left to send: ${lost} MB`)
  await new Promise((resolve) => { setTimeout(resolve, 2000) })
  console.log(`two seconds later, with no open stream: ${await request() === 0 ? 'served' : 'refused'}`)
}
client.destroy()
server.close()
