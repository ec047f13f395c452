/** Transfers: the rate of uploads and downloads, and the effect of busy or stalled sockets on others of the session. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { TRANSPORTS } from './variants.js'

const KiB = 1024
const MiB = 1024 * KiB

const { h1, h2 } = TRANSPORTS
const PACKAGE_CLIENT = { h1: { ...h1, usesPackageClient: true }, h2: { ...h2, usesPackageClient: true } }

const UPLOAD = { path: '/sink', bytes: 64 * KiB, inFlight: Infinity, summarize: summarizeRate }
const DOWNLOAD = { path: `/source?bytes=${64 * KiB}`, bytes: 64 * KiB, inFlight: 0, summarize: summarizeRate }
const ECHO = { path: '/echo', bytes: 64, inFlight: 1, summarize: summarizeLatency }

const ROUND_TRIPS = [0, 10, 50]

export const transfers = [
  ...ROUND_TRIPS.map((rtt) => (
    transfer(`upload/rtt${rtt}`, `64 KiB messages up, round trip ${rtt} ms`, UPLOAD, { rtt })
  )),
  ...ROUND_TRIPS.map((rtt) => (
    transfer(`download/rtt${rtt}`, `64 KiB messages down, round trip ${rtt} ms`, DOWNLOAD, { rtt })
  )),
  transfer('ramp/rtt50', 'time to half of the upload rate, round trip 50 ms', {
    ...UPLOAD, summarize: summarizeRampUp
  }, { rtt: 50 }),

  transfer('node/echo', '64 B echo, with connect()', ECHO, { variants: PACKAGE_CLIENT }),
  // With Infinity in flight, Node would write as long as the kernel takes the data, and read no replies.
  transfer('node/upload', '64 KiB messages up, 16 in flight, with connect()', {
    ...UPLOAD, inFlight: 16
  }, { variants: PACKAGE_CLIENT }),

  beside('stalled/echo', '64 B echo, alone and beside 64 sockets that the server does not read',
    ECHO, h2, stalledSockets(64)),
  beside('stalled/upload', 'upload, alone and beside 64 sockets that the server does not read',
    UPLOAD, h2, stalledSockets(64)),

  // Over HTTP/1.1 each socket has its own connection, so the loss there is due to the processes, not the transport.
  ...[h1, h2].flatMap((variant) => [
    beside(`bulk/download-${variant.transport}`,
      `64 B echo, alone and beside a download of 4 MiB messages, ${variant.label}`, ECHO, variant, download(4 * MiB)),
    beside(`bulk/upload-${variant.transport}`,
      `64 B echo, alone and beside an upload of 4 MiB messages, ${variant.label}`, ECHO, variant, upload(4 * MiB))
  ])
]

/**
 * Returns a scenario that sends messages of `bytes` to `path`, with `inFlight` of them unanswered at a time.
 * `summarize` computes the metrics from the times at which replies arrive.
 */
function transfer (name, title, load, options = {}) {
  return {
    name,
    title,
    rounds: 3,
    variants: TRANSPORTS,
    ...options,
    open: async (variant, context) => ({
      measure: () => measure(variant, context, { ...load, rtt: options.rtt }),
      close () {}
    })
  }
}

/** Returns a scenario that compares a transfer with itself beside other sockets of the same client. */
function beside (name, title, load, variant, openOthers) {
  const variants = { alone: { ...variant, label: 'alone' }, beside: { ...variant, label: 'beside', openOthers } }
  return transfer(name, title, load, { variants, compare: ['beside', 'alone'] })
}

async function measure (variant, { processes, isSecure, durations }, { path, bytes, inFlight, summarize, rtt }) {
  const { transport } = variant
  const server = await processes.sharedServer(variant, isSecure)
  const port = await processes.delayedPort(server.ports[transport], rtt)
  const [client] = createClients(1, variant, { [transport]: port }, isSecure)
  const { warmUp, steady } = durations
  const end = warmUp + steady

  async function exchange () {
    await variant.openOthers?.(client)
    const socket = await client.open(path, bytes)
    const begin = performance.now()
    const replyTimes = []
    socket.onmessage = () => {
      replyTimes.push(performance.now() - begin)
      socket.send(Math.min(inFlight, 1))
    }
    socket.send(inFlight)
    await sleep(end)
    return replyTimes
  }

  try {
    const replyTimes = await Promise.race([exchange(), client.failed])
    if (replyTimes.length === 0) throw new Error('the server sent no replies')
    return summarize(replyTimes, { bytes, warmUp, end })
  } finally {
    client.close()
    // Lets the server free the memory and queues of the connection before the next variant is measured.
    await sleep(100)
  }
}

/** Returns the MB/s that were transferred after the warm-up. */
function summarizeRate (replyTimes, { bytes, warmUp, end }) {
  const count = replyTimes.filter((time) => time > warmUp && time <= end).length
  return { throughput: count * bytes / (end - warmUp) / 1000 }
}

/** Returns the ms until the rate over 100 ms first reaches half of the steady rate. */
function summarizeRampUp (replyTimes, { warmUp, end }) {
  const steadyRate = replyTimes.filter((time) => time > warmUp && time <= end).length / (end - warmUp)
  const count = Math.max(1, Math.floor(steadyRate * 100 / 2))
  return { time: replyTimes.find((time, index) => index + 1 >= count && time - replyTimes[index + 1 - count] <= 100) }
}

/** Returns percentiles of the latency in µs: with one message in flight, the time between a reply and the next. */
function summarizeLatency (replyTimes, { warmUp }) {
  const steady = replyTimes.filter((time) => time > warmUp)
  const gaps = steady.slice(1).map((time, index) => time - steady[index]).sort((a, b) => a - b)
  return { p50: gaps[gaps.length >> 1] * 1000, p99: gaps[Math.floor(gaps.length * 0.99)] * 1000 }
}

/** Returns a function that opens sockets which the server does not read, and uses up their windows. */
function stalledSockets (count) {
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

/** Returns a function that opens a socket on which the server sends continuously. */
function download (bytes) {
  return async (client) => {
    const socket = await client.open(`/source?bytes=${bytes}`)
    await new Promise((resolve) => { socket.onmessage = resolve })
  }
}

/** Returns a function that opens a socket on which the client sends continuously. */
function upload (bytes) {
  return async (client) => {
    const socket = await client.open('/sink', bytes)
    await new Promise((resolve) => {
      socket.onmessage = resolve
      socket.send(Infinity)
    })
  }
}
