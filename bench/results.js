/**
 * Creates the report of a benchmark, and writes it as bench/results holds it.
 *
 * The names in results.json stay as they are, so that results of different dates can be compared: `pace` holds the
 * durations, `sides` the variants by name, `of` the two variants whose ratio is in `ratios`, and `secure` is false
 * without TLS.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { drawCharts } from './charts.js'
import { formatReport } from './report.js'

const require = createRequire(import.meta.url)
const LIBRARIES = ['fastify', 'ws', '@fastify/websocket', 'autocannon']

/** Returns a report without results: date, machine, versions and durations. */
export async function createReport (processes, durations) {
  const server = await processes.sharedServer({ server: 'plugin' }, true)
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0].model.replace(/\s+/g, ' '), cores: cpus().length, memory: totalmem(), os: `${type()} ${release()}`
    },
    versions: {
      server: server.version,
      client: process.version,
      openssl: process.versions.openssl,
      ...Object.fromEntries(LIBRARIES.map((name) => [name, versionOf(`${name}/package.json`)])),
      plugin: `${versionOf('../package.json')} (${revision()})`
    },
    pace: durations,
    results: []
  }
}

/** Writes a report to a directory, as JSON, Markdown and SVG. Returns the paths of the files. */
export async function writeReport (report, directory) {
  const files = new Map([
    ['results.json', `${JSON.stringify(report)}\n`],
    ['results.md', formatReport(report)],
    ...await drawCharts(report)
  ])
  mkdirSync(directory, { recursive: true })
  for (const [name, content] of files) writeFileSync(join(directory, name), content)
  return [...files.keys()].map((name) => join(directory, name))
}

function versionOf (path) {
  return JSON.parse(readFileSync(require.resolve(path))).version
}

function revision () {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
}
