/**
 * Thousands of sockets that come, talk, stall, break off and leave, in every way there is, over HTTP/1.1 and HTTP/2:
 * in the end the server is as it was in the beginning.
 *
 *   npm run soak [-- --minutes 1] [-- --seed 1]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connect as connectSocket } from '../../dist/lib/client.js'

/** What a heap of some megabytes may differ by from one look at it to the next. */
const TOLERANCE = 2 * 1024 * 1024
const AT_ONCE = 50

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: String(Date.now() % 1e6) } }
})
let seed = Number(options.seed)
console.log(`seed ${seed}`)

const server = fork(new URL('server.js', import.meta.url), { execArgv: ['--expose-gc'] })
const [{ port }] = await once(server, 'message')

const MASKED_TEXT = Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('text')])
const MASKED_CLOSE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8])
const UNMASKED = Buffer.from([0x81, 0x01, 0x61])
const HALF = MASKED_TEXT.subarray(0, 7)
const LARGE = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]), Buffer.alloc(256 * 1024)])
const PATHS = ['/echo', '/iterate', '/late', '/pause', '/flood', '/file', '/cut', '/fail', '/slow']

/** What a client does on a stream of HTTP/2 once it has asked for a socket. */
const STREAM_ENDS = {
  close: async (stream) => { await answered(stream); stream.resume().end(MASKED_CLOSE) },
  'close and wait': async (stream) => { await answered(stream); stream.resume().write(MASKED_CLOSE) },
  'talk and close': async (stream) => {
    for (let count = 0; count < 10; count++) stream.write(MASKED_TEXT)
    await answered(stream)
    await sleep(pick(50))
    stream.resume().end(MASKED_CLOSE)
  },
  'send much and reset': async (stream) => { stream.write(LARGE); await sleep(pick(50)); reset(stream) },
  'reset at once': async (stream) => reset(stream),
  'reset in a message': async (stream) => { await answered(stream); stream.write(HALF, () => reset(stream)) },
  'break the protocol': async (stream) => { await answered(stream); stream.resume().write(UNMASKED) },
  'read nothing': async (stream) => { await answered(stream); await sleep(pick(100)); reset(stream) },
  'read slowly': async (stream) => {
    await answered(stream)
    for (let count = 0; count < 10; count++) {
      await sleep(10)
      stream.read()
    }
    reset(stream)
  },
  'end without a Close': async (stream) => { await answered(stream); stream.resume().end() },
  'leave it to the session': async (stream) => { await answered(stream) }
}

/** What a client does with a WebSocket over HTTP/1.1, or with one over HTTP/2 that has a session of its own. */
const SOCKET_ENDS = {
  close: async (socket) => { await opened(socket); socket.close(1000) },
  'talk and close': async (socket) => { await opened(socket); socket.send('text'); await sleep(pick(50)); socket.close(1000) },
  terminate: async (socket) => { await opened(socket); socket.send(LARGE); await sleep(pick(50)); socket.terminate() },
  'terminate at once': async (socket) => { await sleep(pick(20)); socket.terminate() },
  'read slowly': async (socket) => {
    await opened(socket)
    for (let count = 0; count < 5; count++) {
      socket.pause()
      await sleep(20)
      socket.resume()
      await sleep(1)
    }
    socket.terminate()
  },
  'read nothing': async (socket) => { await opened(socket); socket.pause(); await sleep(pick(100)); socket.terminate() },
  'break the protocol': async (socket) => { await opened(socket); socket.send('x', { mask: false }) }
}

let count = 0
await soakFor(Number(options.minutes) * 15_000)
const before = await report()
console.log('after a warm-up', before, `${count} sockets`)
await soakFor(Number(options.minutes) * 45_000)
const after = await report()
console.log('after all of it', after, `${count} sockets`)
server.disconnect()

const checks = {
  'nothing is open': after.connections + after.streams + after.sockets === 0,
  'no file is left open': after.files <= before.files,
  'no timer or handle is left': after.resources <= before.resources,
  'the heap is what it was': after.heap - before.heap < TOLERANCE,
  'so are the buffers': after.buffers - before.buffers < TOLERANCE
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
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': one(PATHS), 'sec-websocket-version': '13'
    }, { endStream: false })
    stream.on('error', () => {})
    await one(Object.values(STREAM_ENDS))(stream).catch(() => {})
    count++
  }))
  await sleep(pick(100))
  if (pick(2) === 0) session.destroy()
  else session.close(() => session.destroy())
  const timer = setTimeout(() => session.destroy(), 1000)
  await once(session, 'close')
  clearTimeout(timer)
}

async function soakSockets () {
  await Promise.all(Array.from({ length: AT_ONCE / 5 }, async () => {
    const socket = connectSocket(`wss://127.0.0.1:${port}${one(PATHS)}`, { http: one(['1.1', '2']), rejectUnauthorized: false })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    await one(Object.values(SOCKET_ENDS))(socket).catch(() => {})
    const timer = setTimeout(() => socket.terminate(), 1000)
    await closed
    clearTimeout(timer)
    count++
  }))
}

async function report () {
  server.send('report')
  const [counts] = await once(server, 'message')
  return counts
}

async function answered (stream) {
  await once(stream, 'response', { signal: AbortSignal.timeout(1000) })
}

async function opened (socket) {
  await once(socket, 'open', { signal: AbortSignal.timeout(1000) })
}

function reset (stream) {
  stream.close(constants.NGHTTP2_CANCEL)
}

function one (list) {
  return list[pick(list.length)]
}

/** The next of a row of numbers that depends on the seed alone: below `limit`. */
function pick (limit) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed >>> 8) % limit
}
