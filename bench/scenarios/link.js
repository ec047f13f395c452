/**
 * Links with a rate and a round-trip time: is the link full? A user sees the time of large messages: files, images,
 * snapshots of a document. Measured are uploads, downloads, and both at once, in each case with one socket and with
 * eight for each direction. Over HTTP/2 the sockets are streams of one session, and so share one TCP connection. Over
 * HTTP/1.1 each has a connection of its own.
 *
 * `share` is the part of the link's rate that is payload, in both directions together: 1 is a link that carries nothing
 * else. `ramp` is the time until a socket first transfers 90 % of its steady rate for a round trip, in round trips. The
 * first of them are those of TCP's slow start, which the link simulates (bench/link.js), so HTTP/1.1 shows what TCP
 * takes, and HTTP/2 in addition the growth of its windows.
 *
 * One connection has at most 4 MiB in flight, as by default on Linux. At 1 Gbit/s and 50 ms that is two thirds of what
 * the link can carry, whichever protocol is used: eight connections fill that link, and one does not. "Tuned" is the
 * same link between hosts whose kernels allow 16 MiB.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { TRANSPORTS } from './variants.js'

const KiB = 1024

// Round trips after which windows have grown, and those of the shortest measurement.
const WARM_UP = 30
const STEADY = 10

const MANY = 8
const FULL_RATE = 0.9

const LINKS = [
  { name: '300mbit-rtt50', rate: 300, rtt: 50 },
  { name: '1gbit-rtt50', rate: 1000, rtt: 50 },
  { name: '1gbit-rtt50-tuned', rate: 1000, rtt: 50, window: 16, directions: ['upload'] },
  { name: '100mbit-rtt20', rate: 100, rtt: 20 },
  { name: '100mbit-rtt50', rate: 100, rtt: 50 },
  { name: '1gbit-rtt20', rate: 1000, rtt: 20 }
]

const DIRECTIONS = {
  upload: { title: 'upload', transfers: [upload] },
  download: { title: 'download', transfers: [download] },
  both: { title: 'upload and download at once', transfers: [upload, download] }
}

const { h1, h2 } = TRANSPORTS

export const links = LINKS.flatMap(({ name, directions = Object.keys(DIRECTIONS), ...link }) => (
  directions.map((direction) => ({
    name: `link/${name}-${direction}`,
    title: `${DIRECTIONS[direction].title}, ${describe(link)}`,
    rounds: 3,
    isLong: link.rate !== 300,
    variants: {
      h1: { ...h1, label: 'HTTP/1.1, one socket', sockets: 1 },
      h2: { ...h2, label: 'HTTP/2, one socket', sockets: 1 },
      'h1-many': { ...h1, label: `HTTP/1.1, ${MANY} sockets`, sockets: MANY },
      'h2-many': { ...h2, label: `HTTP/2, ${MANY} sockets`, sockets: MANY }
    },
    open: async (variant, context) => ({
      measure: () => measure(variant, context, { ...link, transfers: DIRECTIONS[direction].transfers }),
      close () {}
    })
  }))
))

function describe ({ rate, rtt, window }) {
  return `${rate} Mbit/s, round trip ${rtt} ms${window === undefined ? '' : `, tuned for ${window} MiB in flight`}`
}

async function measure ({ sockets, ...variant }, context, { rate, rtt, window, transfers }) {
  const { processes, isSecure, durations } = context
  const { transport } = variant
  const server = await processes.sharedServer(variant, isSecure)
  const proxy = await processes.delayProxy(server.ports[transport], rtt, { rate, ...window && { window } })
  const [client] = createClients(1, variant, { [transport]: proxy.port }, isSecure)
  // At least 15 messages pass in a round trip, so that the time of full rate can be seen.
  const bytes = (rate < 300 ? 16 : 64) * KiB
  const warmUp = WARM_UP * rtt
  const end = warmUp + Math.max(STEADY * rtt, durations.steady / 2)

  async function exchange () {
    const streams = transfers.flatMap((open) => Array.from({ length: sockets }, () => open(client, bytes)))
    const received = await Promise.all(streams)
    const begin = performance.now()
    await sleep(end)
    const isSteady = (time) => time > begin + warmUp && time <= begin + end
    return received.map(({ times, openedAt }) => ({ times, openedAt, count: times.filter(isSteady).length }))
  }

  try {
    const received = await Promise.race([exchange(), client.failed])
    return summarize(received, { bytes, rtt, duration: end - warmUp, bytesPerMs: transfers.length * rate * 125 })
  } finally {
    client.close()
    // Lets the server free the connection, and the proxy deliver what is on its way, before the next measurement.
    await sleep(100 + rtt)
  }
}

function summarize (received, { bytes, rtt, duration, bytesPerMs }) {
  if (received.some(({ count }) => count === 0)) throw new Error('a socket transferred nothing')
  const rate = received.reduce((sum, { count }) => sum + count, 0) / duration
  const metrics = { share: rate * bytes / bytesPerMs, throughput: rate * bytes / 1000 }
  return received.length > 1 ? metrics : { ...metrics, ramp: countRampUp(received[0], rate, rtt) }
}

/** Returns the round trips after which a socket first had nearly its steady rate, in messages per ms, for a round trip. */
function countRampUp ({ times, openedAt }, steadyRate, rtt) {
  const count = Math.max(1, Math.floor(FULL_RATE * steadyRate * rtt))
  const index = times.findIndex((time, index) => index >= count && time - times[index - count] <= rtt)
  return (times[index] - openedAt) / rtt
}

/** Opens a socket on which the client sends continuously. Returns the times at which the server had a message. */
async function upload (client, bytes) {
  const socket = await client.open('/sink', bytes)
  const received = record(socket)
  socket.send(Infinity)
  return received
}

/** Opens a socket on which the server sends continuously. Returns the times at which messages arrived. */
async function download (client, bytes) {
  return record(await client.open(`/source?bytes=${bytes}`))
}

function record (socket) {
  const times = []
  socket.onmessage = () => { times.push(performance.now()) }
  return { times, openedAt: performance.now() }
}
