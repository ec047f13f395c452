/** Messages that come back, under the schedule of autocannon. */
import { setTimeout as sleep } from 'node:timers/promises'
import { runAutocannon } from '../clients/autocannon.js'
import { createClients } from '../clients/index.js'
import { REFERENCES, TRANSPORTS } from './sides.js'

const TOOL = 'autocannon, with a WebSocket in place of each connection'

const KiB = 1024
const SIZES = { '64b': 64, '1k': KiB, '16k': 16 * KiB, '64k': 64 * KiB, '1m': KiB * KiB }

/** How sockets share sessions. Over HTTP/1.1 each has a connection of its own, in any case. */
const SHAPES = {
  one: { sessions: 1, each: 1, title: 'one socket' },
  'ten-on-one': { sessions: 1, each: 10, title: '10 sockets, over HTTP/2 on one session' },
  '64-on-one': { sessions: 1, each: 64, title: '64 sockets, over HTTP/2 on one session' },
  'ten-of-one': { sessions: 10, each: 1, title: '10 sockets, over HTTP/2 on a session each' }
}

const SMALL = Object.keys(SHAPES).flatMap((shape) => [echo('64b', shape, 1), echo('64b', shape, 16)])
const LARGE = ['1k', '16k', '64k', '1m'].flatMap((size) => [echo(size, 'one', 1), echo(size, 'one', 4)])

/** Those that say what a WebSocket costs beside other ways to have one. */
const COMPARED = ['echo/64b-one-x1', 'echo/64b-64-on-one-x1', 'echo/64b-one-x16', 'echo/64b-64-on-one-x16', 'echo/64k-one-x4']

export const echoes = [
  ...[...SMALL, ...LARGE].map((scenario) => (
    { ...scenario, sides: COMPARED.includes(scenario.name) ? { ...TRANSPORTS, ...REFERENCES } : TRANSPORTS }
  )),
  ...[echo('64b', 'one', 1), echo('64b', '64-on-one', 1), echo('64k', 'one', 4)].map((scenario) => (
    { ...scenario, name: scenario.name.replace('echo', 'clear'), secure: false, sides: TRANSPORTS }
  ))
]

function echo (size, shape, depth) {
  const { title, ...clients } = SHAPES[shape]
  const bytes = SIZES[size]
  return {
    name: `echo/${size}-${shape}-x${depth}`,
    title: `${bytes < KiB ? `${bytes} B` : `${bytes / KiB} KiB`} echo, ${title}, ${depth} in flight each`,
    tool: TOOL,
    secure: true,
    of: ['h2', 'h1'],
    open: (side, context) => openEcho(side, context, { ...clients, bytes, depth })
  }
}

/** The connections stay open from round to round, so that the rounds of all sides are alike. */
async function openEcho (side, { lab, secure, pace }, { sessions, each, bytes, depth }) {
  const server = await lab.server(side, secure)
  const clients = createClients(sessions, side.transport, server, secure)
  const failed = Promise.race(clients.map((client) => client.failed))

  async function open () {
    return (await Promise.all(clients.flatMap((client) => (
      Array.from({ length: each }, () => client.open('/echo', bytes))
    ))))
  }

  async function measure () {
    const before = await server.cpu()
    const { answers, seconds, percentiles, table } = await runAutocannon(sockets, { depth, seconds: pace.slice / 1000 })
    const cpu = await server.cpu() - before
    // What is left of a round must not be the next side's to pay.
    await sleep(20)
    return {
      p50: percentiles[50],
      p99: percentiles[99],
      p999: percentiles[99.9],
      rate: answers / seconds,
      throughput: answers * bytes / seconds / 1e6,
      cpu: cpu / answers,
      table
    }
  }

  const sockets = await Promise.race([open(), failed])
  return {
    measure: () => Promise.race([measure(), failed]),
    close: () => { for (const client of clients) client.close() }
  }
}
