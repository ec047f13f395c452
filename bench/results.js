/** What goes into bench/results. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { drawCharts } from './charts.js'
import { toTable } from './report.js'

const require = createRequire(import.meta.url)
const LIBRARIES = ['fastify', 'ws', '@fastify/websocket', 'autocannon']

/** A report that has no results yet: where, when and with what they are taken. */
export async function describe (lab, pace) {
  const server = await lab.server({ subject: 'plugin' }, true)
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
    pace,
    results: []
  }
}

export async function write (report, directory) {
  const files = new Map([
    ['results.json', `${JSON.stringify(report)}\n`],
    ['results.md', toTable(report)],
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
