/** Plain GET requests over HTTP/1.1, measured with autocannon: the cost of the plugin for other requests. */
import autocannon from 'autocannon'
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'

const CONNECTIONS = 10
const WITHOUT = { label: 'without the plugin', server: 'fastify' }
const WITH = { label: 'with the plugin', server: 'plugin' }

export const gets = [
  scenario('plugin', 'GET, without and with the plugin', {
    without: WITHOUT,
    with: WITH
  }, ['with', 'without']),
  scenario('idle-sockets', 'GET, alone and beside 1,000 idle sockets', {
    alone: WITH,
    'beside-h1': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/1.1', idleTransport: 'h1' },
    'beside-h2': { ...WITH, label: 'beside 1,000 idle sockets, HTTP/2', idleTransport: 'h2' }
  }, ['beside-h2', 'alone'])
]

function scenario (name, title, variants, compare) {
  return {
    name: `get/${name}`, title, tool: 'autocannon', isSecure: false, rounds: 11, variants, compare, open: openGet
  }
}

async function openGet (variant, context) {
  return { measure: () => measure(variant, context), close () {} }
}

/**
 * Starts a server for each round: how V8 optimizes the same code makes a difference of a fifth between processes, which
 * is more than the difference between the variants.
 */
async function measure (variant, { processes, isSecure, durations }) {
  const { idleTransport: transport } = variant
  const server = await processes.startServer(variant, isSecure)
  const clients = transport === undefined ? [] : createClients(1, { transport }, server.ports, isSecure)
  const failed = clients.map((client) => client.failed)

  async function run () {
    for (const client of clients) await openMany(client, 1000)
    // Warms up until V8 has optimized most of the code.
    await get(server, 4 * durations.slice)
    const before = await server.cpu()
    const requests = await get(server, durations.slice)
    return { requests: requests / durations.slice * 1000, cpu: (await server.cpu() - before) / requests }
  }

  try {
    return await Promise.race([run(), ...failed])
  } finally {
    for (const client of clients) client.close()
    server.stop()
  }
}

/** Returns the number of requests that the server answers within a duration. */
async function get (server, milliseconds) {
  const { requests, errors, non2xx } = await autocannon({
    url: `http://127.0.0.1:${server.ports.h1}/`,
    connections: CONNECTIONS,
    duration: milliseconds / 1000,
    sampleInt: milliseconds / 10
  })
  if (requests.total === 0 || errors > 0 || non2xx > 0) throw new Error(`${requests.total} responses, ${errors} errors`)
  return requests.total
}
