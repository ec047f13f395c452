/**
 * What sockets over HTTP/2 cost and give beside sockets over HTTP/1.1, on the same server and through the same path.
 *
 *   npm run bench -- [--quick] [--out DIRECTORY] [--server-node PATH] [--profiles DIRECTORY] [--tables] [scenario ...]
 *
 * A scenario goes by its name, or by how its name begins; without any, all are run, which takes a quarter of an hour.
 * `--quick` is for a look, not for numbers to show. `--out` has the results written as JSON, as tables and as charts; a
 * whole run that is not quick writes to bench/results by itself. `--server-node` has another node binary run the servers.
 * `--profiles` has each of them leave a CPU profile. `--tables` shows what autocannon prints.
 */
import { parseArgs } from 'node:util'
import { withLab } from './lab.js'
import { FULL, QUICK } from './pace.js'
import { printScenario } from './report.js'
import { describe, write } from './results.js'
import { run } from './rounds.js'
import { scenarios } from './scenarios/index.js'
import { judge } from './targets.js'

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    tables: { type: 'boolean' },
    out: { type: 'string' },
    profiles: { type: 'string' },
    'server-node': { type: 'string' }
  }
})

const pace = options.quick ? QUICK : FULL
await withLab({ node: options['server-node'], profiles: options.profiles }, main)

async function main (lab) {
  const chosen = choose()
  const report = await describe(lab, pace)
  const [, major] = report.versions.server.match(/^v(\d+)/)
  console.log(`server ${report.versions.server}, ${report.machine.cpu}; median (min..max) of rounds\n`)

  for (const scenario of chosen) {
    const { tables, ...result } = await run(scenario, lab, pace)
    report.results.push({ ...result, targets: judge(result, Number(major)) })
    console.log(`${printScenario(report.results.at(-1))}\n`)
    if (options.tables) for (const [side, table] of Object.entries(tables)) console.log(`${side}:\n${table}`)
  }

  const out = options.out ?? (wanted.length === 0 && !options.quick ? `bench/results/node-${major}` : undefined)
  if (out !== undefined) console.log(`written: ${(await write(report, out)).join(', ')}`)
}

function choose () {
  if (wanted.length === 0) return scenarios.filter(({ isLong }) => !(isLong && options.quick))
  return [...new Set(wanted.flatMap(find))]
}

function find (wanted) {
  const exact = scenarios.filter(({ name }) => name === wanted)
  const found = exact.length > 0 ? exact : scenarios.filter(({ name }) => name.startsWith(wanted))
  if (found.length > 0) return found
  throw new Error(`no scenario ${wanted}; there are:\n  ${scenarios.map(({ name }) => name).join('\n  ')}`)
}
