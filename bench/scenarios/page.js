/**
 * Pages: a client that has fetched something, and then opens 64 sockets, at a distance. Over HTTP/2 the sockets are
 * streams of the connection that the page was fetched on. Over HTTP/1.1 each has a connection of its own, which resumes
 * the TLS session of the first.
 *
 * "At once" is the policy of a client without limits, such as a Node.js service: one round trip over HTTP/2, three over
 * HTTP/1.1, with TLS 1.3. "In turn" is that of RFC 6455 section 4.1 (2), for connections to one host: a socket is opened
 * when the one before it is open. Browsers are between the two. Chromium applies the rule to connections only, and delays
 * sockets of both transports while many are pending. Firefox applies the rule to both transports.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { TRANSPORTS } from './variants.js'

const SOCKETS = 64
const ROUND_TRIP = 50

const { h1, h2 } = TRANSPORTS
const H1 = { ...h1, resumesTls: true }

export const pages = [{
  name: `page/rtt${ROUND_TRIP}`,
  title: `a page with ${SOCKETS} sockets, round trip ${ROUND_TRIP} ms`,
  variants: {
    h1: { ...H1, label: 'HTTP/1.1, at once', open: openAtOnce },
    h2: { ...h2, label: 'HTTP/2, at once', open: openAtOnce },
    'h1-in-turn': { ...H1, label: 'HTTP/1.1, in turn', open: openInTurn },
    'h2-in-turn': { ...h2, label: 'HTTP/2, in turn', open: openInTurn }
  },
  open: async (variant, context) => ({ measure: () => measure(variant, context), close () {} })
}]

async function measure ({ open, ...variant }, { processes, isSecure }) {
  const { transport } = variant
  const server = await processes.sharedServer(variant, isSecure)
  const proxy = await processes.delayProxy(server.ports[transport], ROUND_TRIP)
  const [client] = createClients(1, variant, { [transport]: proxy.port }, isSecure)

  async function run () {
    const before = await proxy.counts()
    await client.get('/')
    const cpuBefore = await server.cpu()
    const times = await open(client)
    const cpu = await server.cpu() - cpuBefore
    const after = await proxy.counts()
    return {
      first: times[0],
      last: times.at(-1),
      connections: after.connections - before.connections,
      wire: after.bytes - before.bytes,
      cpu: cpu / SOCKETS
    }
  }

  try {
    return await Promise.race([run(), client.failed])
  } finally {
    client.close()
    // Lets the server free the sockets, and the proxy deliver what is on its way, before the next variant is measured.
    await sleep(200)
  }
}

/** Resolves to the ms after which each socket is open. */
async function openAtOnce (client) {
  const begin = performance.now()
  const times = []
  await Promise.all(Array.from({ length: SOCKETS }, async () => {
    await client.open('/echo')
    times.push(performance.now() - begin)
  }))
  return times
}

/** Resolves to the ms after which each socket is open. */
async function openInTurn (client) {
  const begin = performance.now()
  const times = []
  while (times.length < SOCKETS) {
    await client.open('/echo')
    times.push(performance.now() - begin)
  }
  return times
}
