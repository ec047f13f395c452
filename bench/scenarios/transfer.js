/**
 * Transfers: the rate of uploads and downloads, and the effect of busy or stalled sockets on others of the session.
 *
 * `bulk/link-…` is a user who chats while a file is downloaded, over HTTP/2 on the same session. A message that is sent
 * every 10 ms is echoed, and `wait50` and `wait99` are what its latency exceeds the round trip by: the time for which
 * the message waits behind the download, in the server, in its kernel and in the queue of the link. The kernel alone
 * accepts up to 4 MiB, which take 335 ms at 100 Mbit/s. Over HTTP/1.1 the download has a connection of its own, and
 * both wait in the queue of the link. `throughput` is that of the download: a low latency at its expense would be no
 * gain.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { quantile } from '../quantile.js'
import { TRANSPORTS } from './variants.js'

const KiB = 1024
const MiB = 1024 * KiB

const { h1, h2 } = TRANSPORTS
const PACKAGE_CLIENT = { h1: { ...h1, usesPackageClient: true }, h2: { ...h2, usesPackageClient: true } }

const UPLOAD = { path: '/sink', bytes: 64 * KiB, inFlight: Infinity, summarize: summarizeRate }
const DOWNLOAD = { path: `/source?bytes=${64 * KiB}`, bytes: 64 * KiB, inFlight: 0, summarize: summarizeRate }
const ECHO = { path: '/echo', bytes: 64, inFlight: 1, summarize: summarizeLatency }

const ROUND_TRIPS = [0, 10, 50]

const ECHO_INTERVAL = 10

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
  ]),

  onLink({ rate: 100, rtt: 20 }),
  onLink({ rate: 300, rtt: 50 })
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

/** Returns a scenario that measures an echo beside a download, on a link with a rate. */
function onLink ({ rate, rtt }) {
  return {
    name: `bulk/link-${rate}mbit-rtt${rtt}`,
    title: `64 B echo beside a download of 4 MiB messages, ${rate} Mbit/s, round trip ${rtt} ms`,
    rounds: 3,
    variants: {
      alone: { ...h2, label: 'HTTP/2, alone' },
      h1: { ...h1, openOthers: download(4 * MiB) },
      h2: { ...h2, openOthers: download(4 * MiB) }
    },
    open: async (variant, context) => ({ measure: () => measureOnLink(variant, context, { rate, rtt }), close () {} })
  }
}

async function measureOnLink ({ openOthers, ...variant }, { processes, isSecure, durations }, { rate, rtt }) {
  const { transport } = variant
  const server = await processes.sharedServer(variant, isSecure)
  const proxy = await processes.delayProxy(server.ports[transport], rtt, { rate })
  const [client] = createClients(1, variant, { [transport]: proxy.port }, isSecure)
  let timer

  async function exchange () {
    const socket = await client.open('/echo', 64)
    await openOthers?.(client)
    await sleep(durations.warmUp)

    const sentAt = []
    const latencies = []
    const before = await proxy.counts()
    await new Promise((resolve) => {
      const end = performance.now() + durations.steady
      socket.onmessage = () => {
        latencies.push(performance.now() - sentAt[latencies.length])
        if (performance.now() > end) resolve()
      }
      timer = setInterval(() => {
        sentAt.push(performance.now())
        socket.send(1)
      }, ECHO_INTERVAL)
    })
    const after = await proxy.counts()
    const [p50, p99] = percentiles(latencies)
    const rate = (after.bytes - before.bytes) / (performance.now() - sentAt[0]) / 1000
    return { wait50: p50 - rtt * 1000, wait99: p99 - rtt * 1000, ...openOthers && { throughput: rate } }
  }

  try {
    return await Promise.race([exchange(), client.failed])
  } finally {
    clearInterval(timer)
    client.close()
    await sleep(100 + rtt)
  }
}

/** Returns the median and the 99th percentile in µs. */
function percentiles (times) {
  return [0.5, 0.99].map((part) => quantile(times, part) * 1000)
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
  const [p50, p99] = percentiles(steady.slice(1).map((time, index) => time - steady[index]))
  return { p50, p99 }
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
