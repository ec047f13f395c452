/**
 * Memory of users that have a session each, as clients of a server without a proxy in front of it have.
 *
 * `memory/page-…`: many pages, each of a browser of its own, which have fetched something and then open 1 or 6 sockets.
 * `rss` and `heap` are the memory that each socket adds: over HTTP/2 a stream of the page's connection, over HTTP/1.1 a
 * connection. They are measured when the server has pages already, because the heap of a process grows by tens of
 * megabytes with its first thousands of sockets, of either transport. `pageRss` is the memory of a page with the connection
 * that it was fetched on. A session of HTTP/2 needs more than a connection of HTTP/1.1, and a server closes the latter when
 * it has been idle for its keep-alive timeout.
 *
 * `memory/10k-sessions-of-one`: 10,000 users who have one socket each and fetch nothing, such as devices and services.
 * Nothing is shared, so this is where HTTP/2 costs most. `idle/10000` has as many sockets on ten sessions.
 */
import { ClientGroup } from '../clients/group.js'
import { measureMemoryPerSocket, requireFiles } from '../memory.js'
import { openMany } from './open-many.js'
import { TRANSPORTS } from './variants.js'

/** Clients that connect at the same time. */
const BATCH = 50

const { h1, h2 } = TRANSPORTS

export const memories = [
  page({ before: 1500, clients: 500, sockets: 1 }),
  page({ before: 1500, clients: 500, sockets: 6 }),
  {
    name: 'memory/10k-sessions-of-one',
    title: '10,000 users with one socket each, over HTTP/2 on a session each',
    variants: TRANSPORTS,
    rounds: 1,
    warmsUp: false,
    isLong: true,
    open: opening({ before: 1, clients: 10_000, sockets: 1, fetches: false })
  }
]

function page ({ before, clients, sockets }) {
  return {
    name: `memory/page-${sockets}`,
    title: `${clients} pages with ${sockets === 1 ? 'one socket' : `${sockets} sockets`} each, on a server with ${before.toLocaleString('en')} of them`,
    rounds: 3,
    variants: { h1: { ...h1, resumesTls: true }, h2 },
    warmsUp: false,
    open: opening({ before, clients, sockets, fetches: true })
  }
}

function opening (options) {
  return async (variant, context) => {
    const { scale } = context.durations
    const scaled = { ...options, before: Math.ceil(options.before * scale), clients: options.clients * scale }
    return { measure: () => measure(variant, context, scaled), close () {} }
  }
}

/**
 * Starts a server for each round, because a process does not return all memory of the sockets that it has closed.
 *
 * @param options `clients`: number of clients to measure; `before`: of those that the server has before, at least one,
 * because a server allocates some memory once; `fetches`: whether clients fetch something before they open sockets
 */
async function measure (variant, { processes, isSecure }, { before, clients: count, sockets, fetches }) {
  requireFiles((before + count) * (fetches ? sockets + 1 : sockets))
  const server = await processes.startServer(variant, isSecure)
  const group = new ClientGroup(variant, server.ports, isSecure)
  const total = count * sockets

  /** Creates clients. They fetch something, or open their sockets. */
  function connect (count) {
    return group.add(count, BATCH, async (client) => {
      await (fetches ? client.get('/') : openMany(client, sockets))
      return client
    })
  }

  async function openSockets (clients) {
    for (let index = 0; index < clients.length; index += BATCH) {
      await Promise.all(clients.slice(index, index + BATCH).map((client) => openMany(client, sockets)))
    }
  }

  async function measureSockets (open) {
    let cpu
    const { rss, heap } = await measureMemoryPerSocket(server, total, async () => {
      const cpuBefore = await server.cpu()
      await open()
      cpu = await server.cpu() - cpuBefore
    })
    return { rss, heap, cpu: cpu / total }
  }

  async function run () {
    const first = await connect(before)
    if (!fetches) return measureSockets(() => connect(count))

    await openSockets(first)
    const { rss } = await server.memory()
    const pages = await connect(count)
    const measured = await measureSockets(() => openSockets(pages))
    return { ...measured, pageRss: ((await server.memory()).rss - rss) / count }
  }

  try {
    return await Promise.race([run(), group.failed])
  } finally {
    group.close()
    server.stop()
  }
}
