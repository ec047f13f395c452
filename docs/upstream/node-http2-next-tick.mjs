/**
 * The tick that Node schedules for each write to an HTTP/2 stream, and its CPU:
 *
 *   node node-http2-next-tick.mjs
 */
import { once } from 'node:events'
import http2 from 'node:http2'

const STREAMS = 64
const ROUNDS = 15
const TURNS = 200
const MESSAGE = Buffer.alloc(66)

// With trailers to come, a write cannot be the last one, and Node 24 and later skip the check.
const VARIANTS = ['default', 'waitForTrailers']

const opened = []
const server = http2.createServer()
server.on('stream', (stream, { ':path': path }) => {
  stream.on('error', () => {})
  stream.respond({}, { waitForTrailers: path === '/waitForTrailers' })
  opened.push({ stream, path: path.slice(1) })
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const client = http2.connect(`http://127.0.0.1:${server.address().port}`)

for (const name of VARIANTS) {
  for (let count = 0; count < STREAMS; count++) client.request({ ':path': `/${name}` }, { endStream: false }).resume()
}
while (opened.length < 2 * STREAMS) await once(server, 'stream')

/** Writes a message to all streams of a variant, as often as `turns` says. Returns the CPU of each write, in µs. */
async function run (name, turns) {
  const streams = opened.filter(({ path }) => path === name).map(({ stream }) => stream)
  const begin = process.cpuUsage()
  for (let count = 0; count < turns; count++) {
    let left = STREAMS
    await new Promise((resolve) => {
      const done = () => { if (--left === 0) resolve() }
      for (const stream of streams) stream.write(MESSAGE, done)
    })
  }
  const { user, system } = process.cpuUsage(begin)
  return (user + system) / turns / STREAMS
}

/** Returns the calls of `process.nextTick()` for each write, including those of Writable and of the client. */
async function countTicks (name) {
  const { nextTick } = process
  let ticks = 0
  process.nextTick = (...parameters) => {
    ticks++
    nextTick(...parameters)
  }
  await run(name, TURNS)
  process.nextTick = nextTick
  return (ticks / TURNS / STREAMS).toFixed(2)
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const times = { default: [], waitForTrailers: [] }
for (let round = -1; round < ROUNDS; round++) {
  for (const name of VARIANTS) {
    const time = await run(name, TURNS)
    if (round >= 0) times[name].push(time)
  }
}

console.log(`Node.js ${process.version}: CPU of a write and of its receipt, ${STREAMS} streams`)
for (const name of VARIANTS) {
  console.log(`${name}: ${median(times[name]).toFixed(2)} µs, ${await countTicks(name)} ticks`)
}
process.exit()
