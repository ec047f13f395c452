/** Messages that come back: how long one takes, and how many a server can do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { runAutocannon } from '../clients/autocannon.js'
import { drive } from '../clients/drive.js'
import { createClients } from '../clients/index.js'
import { REFERENCES, TRANSPORTS } from './sides.js'

const KiB = 1024
const SIZES = { '64b': 64, '1k': KiB, '16k': 16 * KiB, '64k': 64 * KiB, '1m': KiB * KiB }

/** How sockets share sessions. Over HTTP/1.1 each has a connection of its own, in any case. */
const SHAPES = {
  one: { sessions: 1, each: 1, title: 'one socket' },
  'ten-on-one': { sessions: 1, each: 10, title: '10 sockets on one session' },
  '64-on-one': { sessions: 1, each: 64, title: '64 sockets on one session' },
  'ten-of-one': { sessions: 10, each: 1, title: '10 sockets on a session each' }
}

const AUTOCANNON = {
  group: 'echo', tool: 'autocannon, with a WebSocket in place of each connection', measure: measureWithAutocannon
}
const BARE = { group: 'load', tool: 'a load generator that is quicker than the server', measure: drive }

const ECHOES = [
  ...Object.keys(SHAPES).flatMap((shape) => [echo(AUTOCANNON, '64b', shape, 1), echo(AUTOCANNON, '64b', shape, 16)]),
  ...['1k', '16k', '64k', '1m'].flatMap((size) => [echo(AUTOCANNON, size, 'one', 1), echo(AUTOCANNON, size, 'one', 4)]),
  ...Object.keys(SHAPES).flatMap((shape) => [echo(BARE, '64b', shape, 1), echo(BARE, '64b', shape, 16)]),
  ...['64k', '1m'].map((size) => echo(BARE, size, 'one', 4))
]

const IN_CLEAR = ['echo/64b-one-x1', 'echo/64k-one-x4', 'load/64b-64-on-one-x1', 'load/64k-one-x4']

/** Those that say what a WebSocket costs beside other ways to have one. */
const COMPARED = [
  'echo/64b-one-x1', 'load/64b-one-x1', 'load/64b-one-x16', 'load/64b-64-on-one-x1', 'load/64b-64-on-one-x16',
  'load/64k-one-x4'
]

export const echoes = [
  ...ECHOES.map((scenario) => (
    COMPARED.includes(scenario.name) ? { ...scenario, sides: { ...TRANSPORTS, ...REFERENCES } } : scenario
  )),
  ...ECHOES.filter(({ name }) => IN_CLEAR.includes(name)).map((scenario) => (
    { ...scenario, name: `${scenario.name}-clear`, isSecure: false }
  ))
]

function echo ({ group, tool, measure }, size, shape, depth) {
  const { title, ...clients } = SHAPES[shape]
  const bytes = SIZES[size]
  return {
    name: `${group}/${size}-${shape}-x${depth}`,
    title: `${bytes < KiB ? `${bytes} B` : `${bytes / KiB} KiB`} echo, ${title}, ${depth} in flight`,
    tool,
    sides: TRANSPORTS,
    open: (side, context) => openEcho(side, context, { ...clients, bytes, depth, measure })
  }
}

/** Connections stay open from round to round, so that all the rounds of a side are alike. */
async function openEcho (side, { lab, isSecure, pace }, { sessions, each, bytes, depth, measure }) {
  const server = await lab.server(side, isSecure)
  const clients = createClients(sessions, side.transport, server, isSecure)
  const failed = Promise.race(clients.map((client) => client.failed))
  const opened = clients.flatMap((client) => Array.from({ length: each }, () => client.open('/echo', bytes)))
  const sockets = await Promise.race([Promise.all(opened), failed])

  async function run () {
    const before = await server.cpu()
    const { answers, seconds, ...rest } = await measure(sockets, { depth, seconds: pace.slice / 1000 })
    const cpu = await server.cpu() - before
    if (answers === 0) throw new Error('the server answered nothing')
    // What is left of a round is not the next side's to pay.
    await sleep(20)
    return { ...rest, rate: answers / seconds, throughput: answers * bytes / seconds / 1e6, cpu: cpu / answers }
  }

  return {
    measure: () => Promise.race([run(), failed]),
    close: () => { for (const client of clients) client.close() }
  }
}

async function measureWithAutocannon (sockets, schedule) {
  const { percentiles, ...result } = await runAutocannon(sockets, schedule)
  return { ...result, p50: percentiles[50], p99: percentiles[99], p999: percentiles[99.9] }
}
