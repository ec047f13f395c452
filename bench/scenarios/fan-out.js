/** Fan-out: the time until a message that a server sends to all of its sockets has arrived on the last of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { quantile } from '../quantile.js'
import { referenceVariants } from '../references/index.js'
import { openMany } from './open-many.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const KiB = 1024

const { h1, h2 } = TRANSPORTS
const { bun } = referenceVariants()
const OVER_HTTP2 = {
  h2: { ...h2, by: 'publish', label: 'publish(), HTTP/2' },
  'loop-h2': { ...h2, by: 'loop', label: 'loop of send(), HTTP/2' },
  raw: { ...OTHER_SERVERS.raw, label: 'loop of write() over Http2Streams' }
}
const OVER_BOTH = {
  h1: { ...h1, by: 'publish', label: 'publish(), HTTP/1.1' },
  'loop-h1': { ...h1, by: 'loop', label: 'loop of send(), HTTP/1.1' },
  'fastify-websocket': { ...OTHER_SERVERS['fastify-websocket'], by: 'loop' },
  ...bun && { bun: { ...bun, label: 'Bun.serve, publish(), HTTP/1.1' } },
  ...OVER_HTTP2
}

/** A tenth of the sockets stops reading before the first message. */
const SLOW = 0.1
/** Small enough for the slow sockets to use it up. */
const SLOW_WINDOW = 64 * KiB

export const fanOuts = [
  fanOut('fan-out/1000', { variants: OVER_BOTH }),
  fanOut('fan-out/1000-clear', { variants: OVER_BOTH, isSecure: false }),
  fanOut('fan-out/1000-1k', { variants: OVER_BOTH, bytes: KiB }),
  fanOut('fan-out/1000-16k', { variants: OVER_BOTH, bytes: 16 * KiB }),
  fanOut('fan-out/1000-on-ten', { variants: OVER_HTTP2, sessions: 10, compare: ['h2', 'raw'] }),
  besideSlow('fan-out/slow-h1', OVER_BOTH.h1),
  besideSlow('fan-out/slow-h2', OVER_BOTH.h2),
  // The variants are opened in turns, because 10,000 connections of each would exceed the limits of a process.
  fanOut('fan-out/10000', { variants: OVER_BOTH, count: 10_000, opensInTurns: true }),
  fanOut('fan-out/10000-on-ten', {
    variants: OVER_HTTP2, count: 10_000, sessions: 10, opensInTurns: true, compare: ['h2', 'raw']
  })
]

function fanOut (name, { bytes = 64, count = 1000, sessions = 1, opensInTurns = false, ...scenario }) {
  const size = bytes < KiB ? `${bytes} B` : `${bytes / KiB} KiB`
  const distribution = sessions === 1 ? 'one session' : `${sessions} sessions`
  const open = (variant, context) => (
    openFanOut(variant, context, { bytes, count: count * context.durations.scale, sessions })
  )
  return {
    name,
    title: `one message of ${size} to ${count.toLocaleString('en')} sockets, over HTTP/2 on ${distribution}`,
    ...scenario,
    ...opensInTurns ? { rounds: 1, isLong: true, open: opening(open) } : { open }
  }
}

/** Returns a scenario in which the same sockets receive a message alone, and beside others that do not read. */
function besideSlow (name, variant) {
  const options = { ...variant, window: SLOW_WINDOW }
  return {
    ...fanOut(name, { bytes: 16 * KiB }),
    title: `one message of 16 KiB to 900 sockets, beside 100 that read and beside 100 that do not, ${variant.label}`,
    variants: {
      alone: { ...options, label: 'beside 100 that read', slow: 0 },
      beside: { ...options, label: 'beside 100 that do not read', slow: SLOW }
    },
    compare: ['beside', 'alone']
  }
}

/** Returns a function that opens a variant for each measurement, and closes it again. */
function opening (open) {
  return async (variant, context) => ({
    close () {},
    async measure () {
      const opened = await open(variant, context)
      try {
        await opened.measure()
        return await opened.measure()
      } finally {
        opened.close()
      }
    }
  })
}

async function openFanOut (variant, { processes, isSecure, durations }, { bytes, count, sessions }) {
  // The server sends to all sockets that it has, so other scenarios must not use it.
  const server = await processes.startServer(limitStreams(variant, count / sessions), isSecure)
  const clients = createClients(variant.transport === 'h1' ? 1 : sessions, variant, server.ports, isSecure)
  const failed = Promise.race(clients.map((client) => client.failed))
  const slow = count * (variant.slow ?? 0)
  // The fast sockets of both variants are the same, as are their number and their place among all sockets.
  const awaited = variant.slow === undefined ? count : count * (1 - SLOW)
  let remaining = 0
  let finish

  async function openSockets () {
    const sockets = []
    for (const client of clients) {
      const path = `/fan-out?bytes=${bytes}&by=${variant.by}`
      sockets.push(...await openMany(client, count / clients.length, path))
    }
    for (const socket of sockets.slice(0, slow)) socket.stopReading()
    const fast = sockets.slice(count - awaited)
    for (const socket of fast) socket.onmessage = () => { if (--remaining === 0) finish() }
    return fast
  }

  const sockets = await Promise.race([openSockets(), failed])

  async function run () {
    const before = await server.cpu()
    const times = []
    for (const end = performance.now() + durations.slice; performance.now() < end;) times.push(await fanOut())
    const cpu = await server.cpu() - before
    await sleep(20)
    return { time: quantile(times, 0.5), cpu: cpu / times.length / count }
  }

  /** Resolves to the ms until every socket has received the message. */
  async function fanOut () {
    const begin = performance.now()
    remaining = sockets.length
    const finished = new Promise((resolve) => { finish = resolve })
    sockets[0].send(1)
    await finished
    return performance.now() - begin
  }

  return {
    measure: () => Promise.race([run(), failed]),
    close () {
      for (const client of clients) client.close()
      server.stop()
    }
  }
}

/** Returns a variant that allows as many streams on a session as a scenario needs. The plugin's default is 1,024. */
function limitStreams (variant, streams) {
  return streams > 1000 ? { ...variant, pluginOptions: { maxConcurrentStreams: streams } } : variant
}
