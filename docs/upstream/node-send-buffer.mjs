/**
 * The time that a small message waits behind data that the kernel has accepted, and that the peer has not read:
 *
 *   node node-send-buffer.mjs
 *
 * A server sends as much as the connection accepts. The client reads RATE bytes a second. Both use Node's defaults.
 */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const RATE = 50e6
const CHUNK = Buffer.alloc(64 * 1024)
const TICK = 2

/** Reads RATE bytes a second. Calls back with each chunk. */
async function readSlowly (socket, onChunk) {
  let left = 0
  let last = performance.now()
  socket.pause()
  while (!socket.destroyed) {
    await sleep(TICK)
    const now = performance.now()
    left = Math.min(left + (now - last) / 1000 * RATE, RATE / 20)
    last = now
    for (let chunk; left > 0 && (chunk = socket.read()) !== null; left -= chunk.length) onChunk(chunk)
  }
}

/** Sends as long as `mayWrite(unread)` allows: `unread` are the bytes that were written and not read by the client. */
async function measure (title, mayWrite) {
  let written = 0
  let read = 0
  let inNode = 0
  let rounds = 0
  let unreadSum = 0
  const server = net.createServer({ noDelay: true }, async (socket) => {
    socket.on('error', () => {})
    while (!socket.destroyed) {
      // A window of the application: the client acknowledges in its own process here, and by PINGs elsewhere.
      if (!mayWrite(written - read)) {
        await sleep(1)
        continue
      }
      written += CHUNK.length
      if (!socket.write(CHUNK)) await once(socket, 'drain').catch(() => {})
      else await sleep(0)
      inNode = socket.writableLength
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = net.connect(server.address().port, '127.0.0.1')
  socket.on('error', () => {})
  readSlowly(socket, ({ length }) => { read += length })
  await sleep(1500)

  const began = performance.now()
  const start = read
  for (; rounds < 100; rounds++) {
    unreadSum += written - read
    await sleep(10)
  }
  const rate = (read - start) / (performance.now() - began) * 1000
  const unread = unreadSum / rounds
  console.log(`${title}: ${(unread / 1e6).toFixed(2)} MB wait, ${(inNode / 1e6).toFixed(2)} MB of them in socket.writableLength; ` +
    `${(rate / 1e6).toFixed(0)} MB/s, so that a message waits ${(unread / rate * 1000).toFixed(1)} ms`)
  socket.destroy()
  server.close()
}

console.log(`Node.js ${process.version}`)
console.log(`methods of a socket for its buffers: ${findSetters().join(', ') || 'none'}`)
await measure("the kernel's buffers as they are", () => true)
await measure('at most 256 KiB unread', (unread) => unread < 256 * 1024)
process.exit()

function findSetters () {
  const names = ['setSendBufferSize', 'setRecvBufferSize', 'setNotSentLowAt']
  return names.filter((name) => typeof net.Socket.prototype[name] === 'function')
}
