/**
 * The receive window of one stream, set in the only way that Node has, which is to change those of all streams:
 *
 *   node node-http2-stream-window.mjs
 *
 * One stream of a session uploads over a round trip of 50 ms. A hundred others have a reader that has stopped.
 */
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const RTT = 50
const OTHERS = 100
const SMALL = 64 * 1024
const LARGE = 1024 * 1024
const CHUNK = Buffer.alloc(16 * 1024)

const MiB = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`

/** Forwards to a port. Each chunk takes half of the round trip. */
async function listenWithDelay (target) {
  const proxy = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1')
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (chunk) => setTimeout(() => to.write(chunk), RTT / 2))
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  return proxy
}

/** Writes as much as the windows allow. */
async function upload (stream) {
  stream.on('error', () => {})
  while (!stream.destroyed) {
    if (!stream.write(CHUNK)) await once(stream, 'drain').catch(() => {})
  }
}

/** Measures the rate of one upload, and the unread bytes of the others, with windows of a size for all streams. */
async function measure (windowSize) {
  const server = http2.createServer()
  const stalled = []
  let session
  let received = 0
  server.on('session', (opened) => {
    session = opened
    session.setLocalWindowSize(4 * LARGE)
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.respond()
    if (headers[':path'] === '/read') stream.on('data', ({ length }) => { received += length })
    else stalled.push(stream.pause())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy = await listenWithDelay(server.address().port)
  const client = http2.connect(`http://127.0.0.1:${proxy.address().port}`)
  client.on('error', () => {})

  const open = async (path) => {
    const stream = client.request({ ':method': 'POST', ':path': path })
    await once(stream, 'response')
    return stream
  }
  const reading = await open('/read')
  const others = await Promise.all(Array.from({ length: OTHERS }, () => open('/stall')))
  // What is wanted is the window of the stream of "reading" alone.
  if (windowSize !== SMALL) session.settings({ initialWindowSize: windowSize })
  await sleep(4 * RTT)

  for (const stream of others) upload(stream)
  await sleep(20 * RTT)
  upload(reading)
  await sleep(10 * RTT)
  const before = received
  const began = performance.now()
  await sleep(40 * RTT)
  const rate = (received - before) / (performance.now() - began) * 1000
  const unread = stalled.reduce((sum, { readableLength }) => sum + readableLength, 0)
  console.log(`windows of ${MiB(windowSize)}: one upload has ${MiB(rate)}/s; ${OTHERS} streams without a reader hold ${MiB(unread)}`)
  client.destroy()
  proxy.close()
  server.close()
}

console.log(`Node.js ${process.version}, round trip of ${RTT} ms`)
await measure(SMALL)
await measure(LARGE)
console.log(`methods of a stream that set its window: ${findSetters().join(', ') || 'none'}`)
process.exit()

function findSetters () {
  const names = ['setLocalWindowSize', 'setWindowSize', 'setReceiveWindow']
  return names.filter((name) => typeof http2.Http2Stream?.prototype[name] === 'function')
}
