/**
 * Pages: a client that has fetched something, and then opens sockets, at a distance. Over HTTP/2 the sockets are streams
 * of the connection that the page was fetched on. Over HTTP/1.1 each has a connection of its own, which resumes the TLS
 * session of the first.
 *
 * `page/rtt50` is the page of an extreme: 64 sockets. The others have 1 or 6, as the pages of most applications do, and
 * 0, 20 or 50 ms to the server: the same machine, the same region, another one. These pages send a message on each socket
 * as soon as it is open, and can show something when the server has answered it. That takes two round trips
 * over HTTP/2, four over HTTP/1.1 with TLS 1.3. (A server that sends first saves one on both.)
 *
 * "At once" is the policy of a client without limits, such as a Node.js service: one round trip to an open socket over
 * HTTP/2, three over HTTP/1.1. "In turn" is that of RFC 6455 section 4.1 (2), for connections to one host: a socket is
 * opened when the one before it is open. Browsers are between the two. Chromium applies the rule to connections only, and
 * delays sockets of both transports while many are pending. Firefox applies the rule to both transports.
 *
 * `memory/page-…` has the memory of such pages.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { quantile } from '../quantile.js'
import { TRANSPORTS } from './variants.js'

const MESSAGE_BYTES = 64

/** Time of a slice, in ms, for which one page is measured. A full round has ten pages, a quick one five. */
const SLICE_OF_PAGE = 50

const { h1, h2 } = TRANSPORTS
const AT_ONCE = { h1: { ...h1, resumesTls: true }, h2 }
const BOTH_POLICIES = {
  h1: { ...AT_ONCE.h1, label: 'HTTP/1.1, at once' },
  h2: { ...AT_ONCE.h2, label: 'HTTP/2, at once' },
  'h1-in-turn': { ...AT_ONCE.h1, label: 'HTTP/1.1, in turn', inTurn: true },
  'h2-in-turn': { ...AT_ONCE.h2, label: 'HTTP/2, in turn', inTurn: true }
}

export const pages = [
  {
    name: 'page/rtt50',
    title: 'a page with 64 sockets, round trip 50 ms',
    variants: BOTH_POLICIES,
    open: openPages({ sockets: 64, roundTrip: 50, countPages: () => 1 })
  },
  ...[0, 20, 50].flatMap((roundTrip) => [1, 6].map((sockets) => ({
    name: `page/rtt${roundTrip}-${sockets}`,
    title: `a page with ${sockets === 1 ? 'one socket' : `${sockets} sockets`}, round trip ${roundTrip} ms`,
    variants: sockets === 1 ? AT_ONCE : BOTH_POLICIES,
    open: openPages({
      sockets, roundTrip, bytes: MESSAGE_BYTES, countPages: ({ slice }) => Math.ceil(slice / SLICE_OF_PAGE)
    })
  })))
]

/** @param options `bytes`: size of the first message of each socket. Without it, a page only opens its sockets. */
function openPages (options) {
  return async (variant, context) => ({ measure: () => measure(variant, context, options), close () {} })
}

async function measure ({ inTurn, ...variant }, { processes, isSecure, durations }, options) {
  const { sockets, roundTrip, bytes, countPages } = options
  const { transport } = variant
  const server = await processes.sharedServer(variant, isSecure)
  const proxy = await processes.delayProxy(server.ports[transport], roundTrip)
  const ports = { [transport]: proxy.port }

  async function run (clients) {
    const idle = await proxy.counts()
    await Promise.all(clients.map((client) => client.get('/')))
    await settle()
    const fetched = await proxy.counts()
    const cpuBefore = await server.cpu()
    const times = []
    // One after the other: pages are open in different browsers, which do not wait for each other.
    for (const client of clients) times.push(await openSockets(client, { count: sockets, bytes, inTurn }))
    const cpu = await server.cpu() - cpuBefore
    await settle()
    const after = await proxy.counts()
    return {
      ...mapMedians(times),
      connections: (after.connections - idle.connections) / clients.length,
      wire: (after.bytes - idle.bytes) / clients.length,
      socketWire: (after.bytes - fetched.bytes) / clients.length / sockets,
      cpu: cpu / clients.length / sockets
    }
  }

  /** Waits until the proxy has delivered what is on its way. */
  function settle () {
    return sleep(roundTrip + 20)
  }

  const clients = createClients(countPages(durations), variant, ports, isSecure)
  try {
    return await Promise.race([run(clients), ...clients.map(({ failed }) => failed)])
  } finally {
    for (const client of clients) client.close()
    // Lets the server free the sockets, and the proxy deliver what is on its way, before the next variant is measured.
    await sleep(200)
  }
}

/** Opens the sockets of a page. Returns the ms from the beginning to what the page waits for, by metric. */
async function openSockets (client, { count, bytes, inTurn }) {
  const begin = performance.now()
  const opened = []
  const answered = []

  async function open () {
    const socket = await client.open('/echo', bytes)
    opened.push(performance.now() - begin)
    return socket
  }

  async function exchange (socket) {
    await new Promise((resolve) => {
      socket.onmessage = resolve
      socket.send(1)
    })
    answered.push(performance.now() - begin)
  }

  const isDone = []
  while (isDone.length < count) {
    const opening = open()
    isDone.push(bytes === undefined ? opening : opening.then(exchange))
    if (inTurn) await opening
  }
  await Promise.all(isDone)
  return bytes === undefined
    ? { first: opened[0], last: opened.at(-1) }
    : { answer: answered[0], answers: answered.at(-1) }
}

/** Returns the median of each property of objects that have the same properties. */
function mapMedians (objects) {
  return Object.fromEntries(Object.keys(objects[0]).map((key) => (
    [key, quantile(objects.map((object) => object[key]), 0.5)]
  )))
}
