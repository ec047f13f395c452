/**
 * How sockets over HTTP/2 fare beside sockets over HTTP/1.1, on the same server and through the same path.
 * `npm run build` first, then:
 *
 *   node bench/flow.js [--quick] [--json FILE] [--server-node PATH] [scenario ...]
 *
 * A scenario goes by its name, or by how its name begins; without any, all are run, in about ten minutes. `--quick` is
 * for a look, not for numbers to show. `--server-node` has another node binary run the server.
 *
 * Absolute numbers say as much about the machine as about the code, so what counts is the ratio: the two sides take
 * turns, round by round, and each round has a ratio of its own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { H1Client } from './h1-client.js'
import { H2Client } from './h2-client.js'
import { NodeH1Client, NodeH2Client } from './node-client.js'
import { scenarios } from './scenarios.js'

const CLIENTS = { h1: H1Client, h2: H2Client, 'node-h1': NodeH1Client, 'node-h2': NodeH2Client }

const FULL = { rounds: 5, warmUp: 1000, steady: 2000 }
const QUICK = { rounds: 3, warmUp: 500, steady: 700 }

const children = []
const proxies = new Map()

try {
  await main()
} catch (error) {
  console.error(`\n${error.message}`)
  process.exitCode = 1
} finally {
  for (const child of children) child.kill()
}

async function main () {
  const { values: options, positionals: wanted } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, 'server-node': { type: 'string' } }
  })
  const chosen = choose(wanted)
  const pace = options.quick ? QUICK : FULL
  const server = await start('server.js', [], { execPath: options['server-node'] ?? process.execPath })
  const results = []

  console.log(`server ${server.version}, client ${process.version}; median (min..max) of ${pace.rounds} rounds\n`)
  for (const scenario of chosen) {
    const result = await run(scenario, await route(server.port, scenario.rtt), pace)
    results.push(result)
    print(scenario, result)
  }
  if (options.json !== undefined) {
    const report = { server: server.version, client: process.version, ...pace, results }
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  }
}

function choose (wanted) {
  const unknown = wanted.find((start) => !scenarios.some(({ name }) => name.startsWith(start)))
  if (unknown !== undefined) {
    throw new Error(`no scenario ${unknown}; there are:\n  ${scenarios.map(({ name }) => name).join('\n  ')}`)
  }
  return scenarios.filter(({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)))
}

/** Runs a script in a process of its own, and returns what it says once it listens. */
async function start (script, args, options) {
  const child = fork(new URL(script, import.meta.url), args, options)
  children.push(child)
  const exited = once(child, 'exit').then(([code]) => { throw new Error(`${script} exited with ${code}`) })
  const [ready] = await Promise.race([once(child, 'message'), exited])
  return ready
}

async function route (port, rtt) {
  if (!rtt) return port
  if (!proxies.has(rtt)) proxies.set(rtt, await start('delay-proxy.js', [port, rtt]))
  return proxies.get(rtt).port
}

async function run (scenario, port, { rounds, warmUp, steady }) {
  const [first, second] = Object.keys(scenario.sides)
  const taken = { [first]: [], [second]: [], ratio: [] }

  // Round 0 has the code compiled, on either side, and does not count.
  for (let round = 0; round <= rounds; round++) {
    const values = {}
    for (const side of [first, second]) {
      values[side] = await measure(scenario, scenario.sides[side], port, { warmUp, end: warmUp + steady })
      // A closed session has garbage and queues that the next one should not pay for.
      await sleep(100)
    }
    if (round === 0) continue
    for (const side of [first, second]) taken[side].push(values[side])
    taken.ratio.push(values[second] / values[first])
  }
  return { name: scenario.name, unit: scenario.unit, ...mapValues(taken, summarize) }
}

async function measure (scenario, { transport, siblings }, port, times) {
  const { name, path, bytes, depth, read } = scenario
  const client = new CLIENTS[transport](port)

  async function answer () {
    await siblings?.(client)
    const socket = await client.open(path, bytes)
    const begin = performance.now()
    const answers = []
    socket.onmessage = () => {
      answers.push(performance.now() - begin)
      socket.send(1)
    }
    socket.send(depth)
    await sleep(times.end)
    return answers
  }

  try {
    const value = read(await Promise.race([answer(), client.failed]), { bytes, ...times })
    if (!(value > 0)) throw new Error('the server answered nothing')
    return value
  } catch (error) {
    throw new Error(`${name} over ${transport}: ${error.message}`, { cause: error })
  } finally {
    client.close()
  }
}

function summarize (values) {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1], min: sorted[0], max: sorted.at(-1), values }
}

function mapValues (object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}

function print ({ name, what, unit, sides }, result) {
  console.log(`${name} (${what})`)
  for (const side of Object.keys(sides)) console.log(`  ${side.padEnd(14)}${format(result[side])} ${unit}`)
  console.log(`  ${Object.keys(sides).reverse().join(' / ').padEnd(14)}${format(result.ratio)}\n`)
}

function format ({ median, min, max }) {
  return `${short(median).padStart(8)}  (${short(min)}..${short(max)})`.padEnd(30)
}

function short (number) {
  return number >= 100 ? number.toFixed(0) : number.toPrecision(3)
}
