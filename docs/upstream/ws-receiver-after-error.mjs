/**
 * Clients that end a ws server with a few frames. Needs ws and nothing else:
 *
 *   node ws-receiver-after-error.mjs
 */
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { constants, deflateRawSync } from 'node:zlib'
import { WebSocketServer } from 'ws'

const TEXT = 0x81
const COMPRESSED = 0x40

/** A masked frame, whose mask is zero. */
function frame (first, payload) {
  const length = payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255]
  return Buffer.concat([Buffer.from([first, ...length, 0, 0, 0, 0]), payload])
}

// It takes some milliseconds to inflate. What arrives in the meantime is queued in the Receiver, which is a Writable.
const slow = deflateRawSync(Buffer.alloc(16 * 1024 * 1024), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)

const first = frame(TEXT | COMPRESSED, slow)
const late = frame(TEXT, Buffer.from('late'))
const notUtf8 = frame(TEXT, Buffer.from([0xff]))
const notMasked = Buffer.from([TEXT, 0])

const scenarios = {
  'text that is not UTF-8': [first, notUtf8, late, late],
  'a frame without a mask': [first, notMasked, late],
  'a frame without a mask, then a compressed message, then the client closes the connection': [first, notMasked, first]
}

console.log(`ws ${createRequire(import.meta.url)('ws/package.json').version}, Node.js ${process.version}`)

for (const [name, frames] of Object.entries(scenarios)) {
  console.log(`\n${name}:`)
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  const done = new Promise((resolve) => {
    // Without a listener this ends the process.
    process.once('uncaughtException', ({ message }) => { console.log(`  uncaught: ${message}`); resolve() })
    server.on('connection', (socket) => {
      socket.on('message', (data) => console.log(`  message: ${data.length > 10 ? `${data.length} bytes` : data}`))
      socket.on('error', (error) => console.log(`  error: ${error.message}`))
      socket.on('close', (code) => { console.log(`  close: ${code}`); resolve() })
    })
  })
  await new Promise((resolve) => { server.once('listening', resolve) })

  const client = connect({ port: server.address().port, host: '127.0.0.1', noDelay: true })
  client.write([
    'GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Extensions: permessage-deflate', '', ''
  ].join('\r\n'))
  await new Promise((resolve) => { client.once('data', resolve) })
  client.resume()
  for (const each of frames) {
    client.write(each)
    // Each frame is a read of its own.
    await turn()
    await turn()
  }
  client.destroy()
  await done
  await sleep(200)
  process.removeAllListeners('uncaughtException')
  for (const socket of server.clients) socket.removeAllListeners()
  await new Promise((resolve) => { server.close(resolve) })
}
