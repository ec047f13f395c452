/** Much data one way, and what becomes of a socket while another has much. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { TRANSPORTS } from './sides.js'

const KiB = 1024
const MiB = 1024 * KiB

const { h1, h2 } = TRANSPORTS
const NODE = { h1: { ...h1, transport: 'node-h1' }, h2: { ...h2, transport: 'node-h2' } }

const UP = { path: '/sink', bytes: 64 * KiB, depth: Infinity, read: readRate }
const DOWN = { path: `/source?bytes=${64 * KiB}`, bytes: 64 * KiB, depth: 0, read: readRate }
const LATENCY = { path: '/echo', bytes: 64, depth: 1, read: readRoundTrip }

const ROUND_TRIPS = [0, 10, 50]

export const flows = [
  ...ROUND_TRIPS.map((rtt) => flow(`upload/rtt${rtt}`, `64 KiB messages up, round trip ${rtt} ms`, UP, { rtt })),
  ...ROUND_TRIPS.map((rtt) => flow(`download/rtt${rtt}`, `64 KiB messages down, round trip ${rtt} ms`, DOWN, { rtt })),
  flow('ramp/rtt50', 'until an upload has half of its rate, round trip 50 ms', { ...UP, read: readRampUp }, { rtt: 50 }),

  flow('node/echo', '64 B echo, with our own client', LATENCY, { sides: NODE }),
  // Not endless: while the kernel takes all at once, Node would write, and read no answer.
  flow('node/upload', '64 KiB messages up, 16 ahead, with our own client', { ...UP, depth: 16 }, { sides: NODE }),

  beside('stalled/echo', '64 B echo, alone and beside 64 sockets that the server does not read', LATENCY, h2, stall(64)),
  beside('stalled/upload', 'upload, alone and beside 64 sockets that the server does not read', UP, h2, stall(64)),

  // Over HTTP/1.1 each has its own connection: what is lost there is lost to the processes, not to the transport.
  ...[h1, h2].flatMap((side) => [
    beside(`bulk/download-${side.transport}`, `64 B echo, alone and beside a download of 4 MiB messages, ${side.label}`,
      LATENCY, side, download(4 * MiB)),
    beside(`bulk/upload-${side.transport}`, `64 B echo, alone and beside an upload of 4 MiB messages, ${side.label}`,
      LATENCY, side, upload(4 * MiB))
  ])
]

/**
 * Messages of `bytes` go to `path` for a while, `depth` of them ahead of their answers, and `read` makes numbers of the
 * times at which they were answered.
 */
function flow (name, title, load, options = {}) {
  return {
    name,
    title,
    rounds: 3,
    sides: TRANSPORTS,
    ...options,
    open: async (side, context) => ({
      measure: () => measure(side, context, { ...load, rtt: options.rtt }),
      close () {}
    })
  }
}

function beside (name, title, load, side, siblings) {
  const sides = { alone: { ...side, label: 'alone' }, beside: { ...side, label: 'beside', siblings } }
  return flow(name, title, load, { sides, of: ['beside', 'alone'] })
}

async function measure (side, { lab, isSecure, pace }, { path, bytes, depth, read, rtt }) {
  const server = await lab.server(side, isSecure)
  const port = await lab.proxy(server.ports[side.transport.replace('node-', '')], rtt)
  const [client] = createClients(1, side.transport, { ports: { [side.transport]: port } }, isSecure)
  const times = { warmUp: pace.warmUp, end: pace.warmUp + pace.steady }

  async function answer () {
    await side.siblings?.(client)
    const socket = await client.open(path, bytes)
    const begin = performance.now()
    const answers = []
    socket.onmessage = () => {
      answers.push(performance.now() - begin)
      socket.send(Math.min(depth, 1))
    }
    socket.send(depth)
    await sleep(times.end)
    return answers
  }

  try {
    const answers = await Promise.race([answer(), client.failed])
    if (answers.length === 0) throw new Error('the server answered nothing')
    return read(answers, { bytes, ...times })
  } finally {
    client.close()
    // A connection that is cut has garbage and queues that the next should not pay for.
    await sleep(100)
  }
}

/** MB/s of what was answered after the warm-up. */
function readRate (answers, { bytes, warmUp, end }) {
  const count = answers.filter((time) => time > warmUp && time <= end).length
  return { throughput: count * bytes / (end - warmUp) / 1000 }
}

/** The ms until 100 ms bring half of what they bring once the rate is steady. */
function readRampUp (answers, { warmUp, end }) {
  const steady = answers.filter((time) => time > warmUp && time <= end).length / (end - warmUp)
  const enough = Math.max(1, Math.floor(steady * 100 / 2))
  return { time: answers.find((time, index) => index + 1 >= enough && time - answers[index + 1 - enough] <= 100) }
}

/** The µs between an answer and the next, of messages that wait for each other. */
function readRoundTrip (answers, { warmUp }) {
  const steady = answers.filter((time) => time > warmUp)
  const gaps = steady.slice(1).map((time, index) => time - steady[index]).sort((a, b) => a - b)
  return { p50: gaps[gaps.length >> 1] * 1000, p99: gaps[Math.floor(gaps.length * 0.99)] * 1000 }
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

/** Opens a socket that always has something to send. */
function upload (bytes) {
  return async (client) => {
    const socket = await client.open('/sink', bytes)
    await new Promise((resolve) => {
      socket.onmessage = resolve
      socket.send(Infinity)
    })
  }
}
