import { setTimeout as sleep } from 'node:timers/promises'

const KiB = 1024
const MiB = 1024 * KiB

const TRANSPORTS = { h1: { transport: 'h1' }, h2: { transport: 'h2' } }
const NODE_TRANSPORTS = { h1: { transport: 'node-h1' }, h2: { transport: 'node-h2' } }
const STALLED = { alone: { transport: 'h2' }, stalled: { transport: 'h2', siblings: stall(64) } }

const UPLOAD = { path: '/sink', bytes: 64 * KiB, depth: Infinity, read: rate, unit: 'MB/s', sides: TRANSPORTS }
const LATENCY = { path: '/echo', bytes: 64, depth: 1, read: roundTrip, unit: 'µs' }

/**
 * What is measured: messages of `bytes` go to `path` for a while, `depth` of them ahead of their answers, and `read`
 * makes a number of the times at which they were answered. A scenario has two sides; its result is the second in terms
 * of the first.
 */
export const scenarios = [
  ...[0, 10, 50].map((rtt) => (
    { ...UPLOAD, name: `upload/rtt${rtt}`, what: `64 KiB messages up, round trip ${rtt} ms`, rtt }
  )),
  { ...UPLOAD, name: 'ramp/rtt50', what: 'time until half of the steady rate', rtt: 50, read: rampUp, unit: 'ms' },

  ...[64 * KiB, MiB].flatMap((bytes) => [1, 4].map((depth) => ({
    name: `echo/${bytes / KiB}k-x${depth}`,
    what: `${bytes / KiB} KiB messages, ${depth} in flight`,
    path: '/echo',
    bytes,
    depth,
    read: rate,
    unit: 'MB/s',
    sides: TRANSPORTS
  }))),

  { ...LATENCY, name: 'node/echo', what: '64 B echo, with our client', sides: NODE_TRANSPORTS },
  // Not endless: while the kernel takes all at once, Node would write, and read no answer.
  { ...UPLOAD, name: 'node/upload', what: '64 KiB messages up, 16 ahead, with our client', depth: 16, sides: NODE_TRANSPORTS },

  { ...LATENCY, name: 'stalled/echo', what: '64 B echo, 64 stalled siblings', sides: STALLED },
  { ...UPLOAD, name: 'stalled/upload', what: '64 KiB messages up, 64 stalled siblings', sides: STALLED },

  // Over HTTP/1.1 each has its own connection: what is lost there is lost to the processes, not to the transport.
  ...['h1', 'h2'].map((transport) => ({
    ...LATENCY,
    name: `bulk/${transport}`,
    what: `64 B echo over ${transport}, a sibling downloads`,
    sides: { idle: { transport }, busy: { transport, siblings: download(4 * MiB) } }
  }))
]

/** MB/s of what was answered after the warm-up. */
function rate (answers, { bytes, warmUp, end }) {
  const count = answers.filter((time) => time > warmUp && time <= end).length
  return count * bytes / (end - warmUp) / 1000
}

/** The ms until 100 ms bring half of what they bring once the rate is steady. */
function rampUp (answers, { warmUp, end }) {
  const steady = answers.filter((time) => time > warmUp && time <= end).length / (end - warmUp)
  const enough = Math.max(1, Math.floor(steady * 100 / 2))
  return answers.find((time, index) => index + 1 >= enough && time - answers[index + 1 - enough] <= 100)
}

/** The median µs between an answer and the next, of messages that wait for each other. */
function roundTrip (answers, { warmUp }) {
  const steady = answers.filter((time) => time > warmUp)
  const gaps = steady.slice(1).map((time, index) => time - steady[index]).sort((a, b) => a - b)
  return gaps[gaps.length >> 1] * 1000
}

/** Opens sockets that the server does not read from, and sends each as much as its window takes. */
function stall (count) {
  return async (client) => {
    const sockets = await Promise.all(Array.from({ length: count }, () => client.open('/stall', 64 * KiB)))
    for (const socket of sockets) socket.send(Infinity)

    const sent = () => sockets.reduce((sum, socket) => sum + socket.sent, 0)
    for (let before = -1; sent() > before;) {
      before = sent()
      await sleep(300)
    }
  }
}

/** Opens a socket that has something to receive at any time. */
function download (bytes) {
  return async (client) => {
    const socket = await client.open(`/source?bytes=${bytes}`)
    await new Promise((resolve) => { socket.onmessage = resolve })
  }
}
