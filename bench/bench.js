/**
 * Benchmark of WebSockets over HTTP/2 against WebSockets over HTTP/1.1, on the same server of this plugin.
 *
 *   npm run bench -- [--quick | --smoke] [--out DIRECTORY] [--update] [--server-node PATH] [--profiles DIRECTORY]
 *                    [--tables] [scenario ...]
 *   npm run bench -- --render DIRECTORY ...
 *
 * A scenario is selected by its name or by the beginning of its name. `gains` selects those of the chart in README.md.
 * Without any name, all scenarios run, which takes about a quarter of an hour.
 *
 * --quick        measures briefly, for a first impression; do not publish these numbers
 * --smoke        runs the first scenario of each group for an instant: only shows that it works
 * --out          writes the results to this directory, as JSON, as Markdown tables and as charts; a run of all
 *                scenarios without --quick, and one with --update, write to bench/results/node-MAJOR by default
 * --update       keeps the results of other scenarios in the directory, with the date and the versions of their run
 * --server-node  runs the servers with this node binary
 * --profiles     writes a CPU profile of each server to this directory
 * --tables       prints autocannon's own tables too
 * --render       runs nothing: writes the tables and charts of directories again, from their results.json
 *
 * If a scenario fails, or a variant of it has no answers or lacks a metric, nothing is written, and the exit code is 1.
 */
import { parseArgs } from 'node:util'
import { FULL, QUICK, SMOKE } from './durations.js'
import { readReport, writeReport } from './results.js'
import { runBenchmark } from './run.js'
import { scenarios } from './scenarios/index.js'
import { selectScenarios, selectSmoke } from './selection.js'

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    smoke: { type: 'boolean' },
    tables: { type: 'boolean' },
    out: { type: 'string' },
    update: { type: 'boolean' },
    profiles: { type: 'string' },
    'server-node': { type: 'string' },
    render: { type: 'string', multiple: true }
  }
})

if (options.render !== undefined) await render([...options.render, ...names])
else await run()

async function run () {
  const durations = options.smoke ? SMOKE : options.quick ? QUICK : FULL
  const selected = options.smoke && names.length === 0 ? selectSmoke() : selectScenarios(names, { isQuick: durations !== FULL })
  const isPublished = durations === FULL && (names.length === 0 || options.update)
  await runBenchmark(selected, {
    durations,
    node: options['server-node'],
    profiles: options.profiles,
    tables: options.tables,
    directoryFor: (major) => options.out ?? (isPublished ? `bench/results/node-${major}` : undefined),
    update: options.update && scenarios.map(({ name }) => name)
  })
}

async function render (directories) {
  for (const directory of directories) {
    const report = readReport(directory)
    if (report === undefined) throw new Error(`${directory} has no results.json`)
    console.log(`written: ${(await writeReport(report, directory)).join(', ')}`)
  }
}
