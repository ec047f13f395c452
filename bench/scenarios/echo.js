/** Echoes: the latency of a message, and the number of messages that a server can echo per second. */
import { setTimeout as sleep } from 'node:timers/promises'
import { runAutocannon } from '../clients/autocannon.js'
import { createClients } from '../clients/index.js'
import { generateLoad } from '../clients/load-generator.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const KiB = 1024
const SIZES = { '64b': 64, '1k': KiB, '16k': 16 * KiB, '64k': 64 * KiB, '1m': KiB * KiB }

/** Distributions of sockets over HTTP/2 sessions. Over HTTP/1.1 each socket has a connection of its own. */
const DISTRIBUTIONS = {
  one: { sessions: 1, socketsEach: 1, title: 'one socket' },
  'ten-on-one': { sessions: 1, socketsEach: 10, title: '10 sockets on one session' },
  '64-on-one': { sessions: 1, socketsEach: 64, title: '64 sockets on one session' },
  'ten-of-one': { sessions: 10, socketsEach: 1, title: '10 sockets on a session each' }
}

/** Measures latency too. */
const AUTOCANNON = {
  group: 'echo', tool: 'autocannon, with a WebSocket in place of each connection', exchange: exchangeWithAutocannon
}

/** Measures rates only, at a cost so low that the server is the bottleneck. */
export const LOAD_GENERATOR = {
  group: 'load', tool: 'a load generator that is faster than the server', exchange: generateLoad
}

const ECHOES = [
  ...Object.keys(DISTRIBUTIONS).flatMap((sockets) => [
    echo(AUTOCANNON, '64b', sockets, 1), echo(AUTOCANNON, '64b', sockets, 16)
  ]),
  ...['1k', '16k', '64k', '1m'].flatMap((size) => [echo(AUTOCANNON, size, 'one', 1), echo(AUTOCANNON, size, 'one', 4)]),
  ...Object.keys(DISTRIBUTIONS).flatMap((sockets) => [
    echo(LOAD_GENERATOR, '64b', sockets, 1), echo(LOAD_GENERATOR, '64b', sockets, 16)
  ]),
  ...['64k', '1m'].map((size) => echo(LOAD_GENERATOR, size, 'one', 4))
]

/** Scenarios that also run without TLS. */
const ALSO_WITHOUT_TLS = ['echo/64b-one-x1', 'echo/64k-one-x4', 'load/64b-64-on-one-x1', 'load/64k-one-x4']

/** Scenarios that also measure other servers. */
const WITH_OTHER_SERVERS = [
  'echo/64b-one-x1', 'load/64b-one-x1', 'load/64b-one-x16', 'load/64b-64-on-one-x1', 'load/64b-64-on-one-x16',
  'load/64k-one-x4'
]

export const echoes = [
  ...ECHOES.map((scenario) => (
    WITH_OTHER_SERVERS.includes(scenario.name)
      ? { ...scenario, variants: { ...TRANSPORTS, ...OTHER_SERVERS } }
      : scenario
  )),
  ...ECHOES.filter(({ name }) => ALSO_WITHOUT_TLS.includes(name)).map((scenario) => (
    { ...scenario, name: `${scenario.name}-clear`, isSecure: false }
  ))
]

export function echo ({ group, tool, exchange }, size, sockets, inFlight) {
  const { title, ...distribution } = DISTRIBUTIONS[sockets]
  const bytes = SIZES[size]
  return {
    name: `${group}/${size}-${sockets}-x${inFlight}`,
    title: `${bytes < KiB ? `${bytes} B` : `${bytes / KiB} KiB`} echo, ${title}, ${inFlight} in flight`,
    tool,
    variants: TRANSPORTS,
    open: (variant, context) => openEcho(variant, context, { ...distribution, bytes, inFlight, exchange })
  }
}

/** Opens the sockets once for all rounds, so that the rounds of a variant are alike. */
async function openEcho (variant, context, { sessions, socketsEach, bytes, inFlight, exchange }) {
  const { processes, isSecure, durations } = context
  const server = await processes.sharedServer(variant, isSecure)
  const clients = createClients(sessions, variant, server.ports, isSecure)
  const failed = Promise.race(clients.map((client) => client.failed))
  const opening = clients.flatMap((client) => Array.from({ length: socketsEach }, () => client.open('/echo', bytes)))
  const sockets = await Promise.race([Promise.all(opening), failed])

  async function run () {
    const before = await server.cpu()
    const { replies, seconds, ...rest } = await exchange(sockets, { inFlight, seconds: durations.slice / 1000 })
    const cpu = await server.cpu() - before
    if (replies === 0) throw new Error('the server sent no replies')
    // Lets the server finish its work before the next variant is measured.
    await sleep(20)
    return { ...rest, rate: replies / seconds, throughput: replies * bytes / seconds / 1e6, cpu: cpu / replies }
  }

  return {
    measure: () => Promise.race([run(), failed]),
    close: () => { for (const client of clients) client.close() }
  }
}

async function exchangeWithAutocannon (sockets, options) {
  const { percentiles, ...result } = await runAutocannon(sockets, options)
  return { ...result, p50: percentiles[50], p99: percentiles[99], p999: percentiles[99.9] }
}
