/**
 * Benchmark of WebSockets over HTTP/2 against WebSockets over HTTP/1.1, on the same server of this plugin.
 *
 *   npm run bench -- [--quick] [--out DIRECTORY] [--server-node PATH] [--profiles DIRECTORY] [--tables] [scenario ...]
 *
 * A scenario is selected by its name or by the beginning of its name. `gains` selects those of the chart in README.md,
 * and writes to bench/results/node-MAJOR-gains by default. Without any name, all scenarios run, which takes about a
 * quarter of an hour.
 *
 * --quick        measures briefly, for a first impression; do not publish these numbers
 * --out          writes the results to this directory, as JSON, as Markdown tables and as charts; a run of all
 *                scenarios without --quick writes to bench/results by default
 * --server-node  runs the servers with this node binary
 * --profiles     writes a CPU profile of each server to this directory
 * --tables       prints autocannon's own tables too
 */
import { parseArgs } from 'node:util'
import { FULL, QUICK } from './durations.js'
import { gainScenarios } from './gains.js'
import { withProcesses } from './processes.js'
import { formatScenario } from './report.js'
import { createReport, writeReport } from './results.js'
import { runScenario } from './rounds.js'
import { scenarios } from './scenarios/index.js'
import { checkTargets } from './targets.js'

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    tables: { type: 'boolean' },
    out: { type: 'string' },
    profiles: { type: 'string' },
    'server-node': { type: 'string' }
  }
})

const durations = options.quick ? QUICK : FULL
await withProcesses({ node: options['server-node'], profiles: options.profiles }, main)

async function main (processes) {
  const selected = selectScenarios()
  const report = await createReport(processes, durations)
  const [, major] = report.versions.server.match(/^v(\d+)/)
  console.log(`server ${report.versions.server}, ${report.machine.cpu}; median (min..max) of rounds\n`)

  for (const scenario of selected) {
    const { tables, ...result } = await runScenario(scenario, processes, durations)
    report.results.push({ ...result, targets: checkTargets(result, Number(major)) })
    console.log(`${formatScenario(report.results.at(-1))}\n`)
    if (options.tables) for (const [variant, table] of Object.entries(tables)) console.log(`${variant}:\n${table}`)
  }

  const out = options.out ?? defaultDirectory(major)
  if (out !== undefined) console.log(`written: ${(await writeReport(report, out)).join(', ')}`)
}

function selectScenarios () {
  if (names.length === 0) return scenarios.filter(({ isLong }) => !(isLong && options.quick))
  return [...new Set(names.flatMap(findScenarios))]
}

/** Returns the directory in bench/results of a run whose results are published. */
function defaultDirectory (major) {
  const suffix = new Map([['', ''], ['gains', '-gains']]).get(names.join(' '))
  return options.quick || suffix === undefined ? undefined : `bench/results/node-${major}${suffix}`
}

function findScenarios (wanted) {
  if (wanted === 'gains') return scenarios.filter(({ name }) => gainScenarios.includes(name))
  const exact = scenarios.filter(({ name }) => name === wanted)
  const found = exact.length > 0 ? exact : scenarios.filter(({ name }) => name.startsWith(wanted))
  if (found.length > 0) return found
  throw new Error(`no scenario is named ${wanted}; choose from:\n  ${scenarios.map(({ name }) => name).join('\n  ')}`)
}
