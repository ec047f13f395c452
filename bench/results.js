/**
 * Creates the report of a benchmark, and writes and reads it as bench/results holds it.
 *
 * `runs` has the date, machine, versions and durations (`pace`) of each run, and `results` the results of scenarios,
 * each with the index of its `run`. A result has the variants by name as `sides`, the two that it compares as `of`,
 * their ratios, round by round, as `ratios`, and `secure` is false without TLS. These names stay as they are, so that
 * results of different dates can be compared.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { chartNames, drawCharts } from './charts.js'
import { formatReport } from './report.js'

const require = createRequire(import.meta.url)
const LIBRARIES = ['fastify', 'ws', '@fastify/websocket', 'autocannon']

/**
 * Returns a report without results, of a run that begins now.
 *
 * @param options `node`: the binary that runs the servers; `profiles`: whether they write CPU profiles, which slows them
 */
export function createReport ({ node = process.execPath, profiles = false, durations }) {
  const server = JSON.parse(execFileSync(node, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8' }))
  return {
    runs: [{
      date: new Date().toISOString().slice(0, 10),
      machine: {
        cpu: cpus()[0].model.replace(/\s+/g, ' '), cores: cpus().length, memory: totalmem(), os: `${type()} ${release()}`
      },
      versions: {
        server: `v${server.node}`,
        client: process.version,
        openssl: server.openssl,
        ...Object.fromEntries(LIBRARIES.map((name) => [name, versionOf(`${name}/package.json`)])),
        plugin: `${versionOf('../package.json')} (${revision()})`
      },
      pace: durations,
      ...profiles && { profiles }
    }],
    results: []
  }
}

/**
 * Returns the results of two reports. Where both have a scenario, its result is that of the later report.
 *
 * @param order names of scenarios, in the order of their results; those of other scenarios come last
 */
export function mergeReports (earlier, later, order) {
  const replaced = new Set(later.results.map(({ name }) => name))
  const kept = earlier.results.filter(({ name }) => !replaced.has(name))
  const places = new Map(order.map((name, index) => [name, index]))
  const placeOf = ({ result }) => places.get(result.name) ?? places.size
  const all = [
    ...kept.map((result) => ({ result, run: JSON.stringify(earlier.runs[result.run]) })),
    ...later.results.map((result) => ({ result, run: JSON.stringify(later.runs[result.run]) }))
  ]
  const used = new Set(all.map(({ run }) => run))
  const runs = [...earlier.runs, ...later.runs].map((run) => JSON.stringify(run)).filter((run) => used.delete(run))
  return {
    runs: runs.map((run) => JSON.parse(run)),
    results: all.sort((a, b) => placeOf(a) - placeOf(b)).map(({ result, run }) => ({ ...result, run: runs.indexOf(run) }))
  }
}

/** Returns the report in a directory, or undefined. */
export function readReport (directory) {
  const path = join(directory, 'results.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Writes a report to a directory, as JSON, Markdown and SVG. Returns the paths of the files. */
export async function writeReport (report, directory) {
  const files = await renderReport(report)
  mkdirSync(directory, { recursive: true })
  for (const name of chartNames) if (!files.has(name)) rmSync(join(directory, name), { force: true })
  for (const [name, content] of files) writeFileSync(join(directory, name), content)
  return [...files.keys()].map((name) => join(directory, name))
}

/** Returns the content of the files of a report, by their names. The same report always has the same files. */
export async function renderReport (report) {
  return new Map([
    ['results.json', stringify(report)],
    ['results.md', formatReport(report)],
    ...await drawCharts(report)
  ])
}

/** Writes each run and each result as a line, so that a comparison of two files shows the scenarios that differ. */
function stringify ({ runs, results }) {
  const [runLines, resultLines] = [runs, results].map((items) => items.map((item) => JSON.stringify(item)).join(',\n'))
  return `{"runs":[\n${runLines}\n],"results":[\n${resultLines}\n]}\n`
}

function versionOf (path) {
  return JSON.parse(readFileSync(require.resolve(path))).version
}

function revision () {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
}
