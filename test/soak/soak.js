/**
 * The soak test: opens thousands of sockets over HTTP/1.1 and HTTP/2 that send, stall, close and abort in many ways, and
 * checks that the server has no leaks.
 *
 *   npm run soak [-- --minutes 1] [-- --seed 1]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connect as connectSocket } from 'fastify-websocket-h2/client'
import { killOnExit, waitForMessage } from '../helpers/child-processes.js'

/** Growth in bytes that may occur without a leak, in a heap of some megabytes. */
const TOLERANCE = 2 * 1024 * 1024
const CONCURRENT_STREAMS = 50

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: String(Date.now() % 1e6) } }
})
let seed = Number(options.seed)
console.log(`seed ${seed}`)

const server = killOnExit(fork(new URL('server.js', import.meta.url), { execArgv: ['--expose-gc'] }))
const { port } = await waitForMessage(server, 'the server')

const MASKED_TEXT = Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('text')])
const MASKED_CLOSE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8])
const UNMASKED = Buffer.from([0x81, 0x01, 0x61])
const HALF_A_FRAME = MASKED_TEXT.subarray(0, 7)
const LARGE = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]), Buffer.alloc(256 * 1024)])
const PATHS = ['/echo', '/iterate', '/slow-handler', '/pause', '/flood', '/file', '/terminate', '/fail', '/slow-hook']

/** Behaviours of an HTTP/2 client on its stream after the request. */
const STREAM_BEHAVIOURS = {
  close: async (stream) => { await waitForResponse(stream); stream.resume().end(MASKED_CLOSE) },
  'close and wait': async (stream) => { await waitForResponse(stream); stream.resume().write(MASKED_CLOSE) },
  'send and close': async (stream) => {
    for (let count = 0; count < 10; count++) stream.write(MASKED_TEXT)
    await waitForResponse(stream)
    await sleep(random(50))
    stream.resume().end(MASKED_CLOSE)
  },
  'send a large message and reset': async (stream) => { stream.write(LARGE); await sleep(random(50)); reset(stream) },
  'reset immediately': async (stream) => reset(stream),
  'reset within a message': async (stream) => { await waitForResponse(stream); stream.write(HALF_A_FRAME, () => reset(stream)) },
  'violate the protocol': async (stream) => { await waitForResponse(stream); stream.resume().write(UNMASKED) },
  'read nothing': async (stream) => { await waitForResponse(stream); await sleep(random(100)); reset(stream) },
  'read slowly': async (stream) => {
    await waitForResponse(stream)
    for (let count = 0; count < 10; count++) {
      await sleep(10)
      stream.read()
    }
    reset(stream)
  },
  'end without a Close frame': async (stream) => { await waitForResponse(stream); stream.resume().end() },
  'stay open until the session ends': async (stream) => { await waitForResponse(stream) }
}

/** Behaviours of a client with a WebSocket that has its own connection, over either HTTP version. */
const SOCKET_BEHAVIOURS = {
  close: async (socket) => { await waitForOpen(socket); socket.close(1000) },
  'send and close': async (socket) => { await waitForOpen(socket); socket.send('text'); await sleep(random(50)); socket.close(1000) },
  terminate: async (socket) => { await waitForOpen(socket); socket.send(LARGE); await sleep(random(50)); socket.terminate() },
  'terminate during the handshake': async (socket) => { await sleep(random(20)); socket.terminate() },
  'read slowly': async (socket) => {
    await waitForOpen(socket)
    for (let count = 0; count < 5; count++) {
      socket.pause()
      await sleep(20)
      socket.resume()
      await sleep(1)
    }
    socket.terminate()
  },
  'read nothing': async (socket) => { await waitForOpen(socket); socket.pause(); await sleep(random(100)); socket.terminate() },
  'violate the protocol': async (socket) => { await waitForOpen(socket); socket.send('x', { mask: false }) }
}

let count = 0
await soakFor(Number(options.minutes) * 15_000)
const before = await report()
console.log('after the warm-up', before, `${count} sockets`)
await soakFor(Number(options.minutes) * 45_000)
const after = await report()
console.log('at the end', after, `${count} sockets`)
server.disconnect()

const checks = {
  'no connection, stream or socket is open': after.connections + after.streams + after.sockets === 0,
  'open files have not grown': after.files <= before.files,
  'timers and handles have not grown': after.resources <= before.resources,
  'the heap has not grown': after.heap - before.heap < TOLERANCE,
  'buffers have not grown': after.buffers - before.buffers < TOLERANCE
}
const failed = Object.keys(checks).filter((name) => !checks[name])
for (const name of failed) console.log(`not ok: ${name}`)
console.log(`${Object.keys(checks).length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0

async function soakFor (duration) {
  const end = Date.now() + duration
  while (Date.now() < end) await Promise.all([soakSession(), soakSession(), soakSockets()])
}

async function soakSession () {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, maxSessionMemory: 1000 })
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  await Promise.all(Array.from({ length: CONCURRENT_STREAMS }, async () => {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': pickFrom(PATHS), 'sec-websocket-version': '13'
    }, { endStream: false })
    stream.on('error', () => {})
    await pickFrom(Object.values(STREAM_BEHAVIOURS))(stream).catch(() => {})
    count++
  }))
  await sleep(random(100))
  if (random(2) === 0) session.destroy()
  else session.close(() => session.destroy())
  const timer = setTimeout(() => session.destroy(), 1000)
  await once(session, 'close')
  clearTimeout(timer)
}

async function soakSockets () {
  await Promise.all(Array.from({ length: CONCURRENT_STREAMS / 5 }, async () => {
    const socket = connectSocket(`wss://127.0.0.1:${port}${pickFrom(PATHS)}`, { http: pickFrom(['1.1', '2']), rejectUnauthorized: false })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    await pickFrom(Object.values(SOCKET_BEHAVIOURS))(socket).catch(() => {})
    const timer = setTimeout(() => socket.terminate(), 1000)
    await closed
    clearTimeout(timer)
    count++
  }))
}

async function report () {
  server.send('report')
  return waitForMessage(server, 'the server')
}

async function waitForResponse (stream) {
  await once(stream, 'response', { signal: AbortSignal.timeout(1000) })
}

async function waitForOpen (socket) {
  await once(socket, 'open', { signal: AbortSignal.timeout(1000) })
}

function reset (stream) {
  stream.close(constants.NGHTTP2_CANCEL)
}

function pickFrom (list) {
  return list[random(list.length)]
}

/** Returns the next pseudo-random integer below `limit`. The sequence depends only on the seed. */
function random (limit) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed >>> 8) % limit
}
