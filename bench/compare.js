/**
 * Benchmark of the working tree against another revision of the package, over HTTP/1.1 and HTTP/2.
 *
 *   npm run bench:compare -- REVISION [--quick] [--server-node PATH] [scenario ...]
 *
 * The revision is built in .cache/compare, with the dependencies of the working tree, and measured with this benchmark.
 * Only scenarios whose variants are the two transports can be compared; without any names, DEFAULT_SCENARIOS run.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FULL, QUICK } from './durations.js'
import { withProcesses } from './processes.js'
import { formatScenario } from './report.js'
import { runScenario } from './rounds.js'
import { scenarios } from './scenarios/index.js'

const ROOT = resolve(import.meta.dirname, '..')
const DEFAULT_SCENARIOS = [
  'echo/64b-one-x1', 'load/64b-64-on-one-x1', 'load/64b-one-x16', 'load/64k-one-x4', 'handshake', 'idle/1000'
]

const { values: options, positionals: [revision, ...names] } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, 'server-node': { type: 'string' } }
})

if (revision === undefined) {
  console.error('name a revision to compare with: npm run bench:compare -- HEAD~1')
  process.exit(2)
}

await withProcesses({ node: options['server-node'] }, main)

async function main (processes) {
  const packageRoot = build(revision)
  const selected = (names.length > 0 ? names : DEFAULT_SCENARIOS).flatMap((start) => (
    scenarios.filter(({ name, variants }) => name.startsWith(start) && variants.h2 !== undefined)
  ))
  for (const scenario of selected) {
    for (const transport of ['h1', 'h2']) {
      const variant = scenario.variants[transport]
      const variants = {
        current: { ...variant, label: `${variant.label}, working tree` },
        baseline: { ...variant, label: `${variant.label}, ${revision}`, packageRoot }
      }
      const comparison = { ...scenario, variants, compare: ['current', 'baseline'] }
      const result = await runScenario(comparison, processes, options.quick ? QUICK : FULL)
      console.log(`${formatScenario(result)}\n`)
    }
  }
}

/** Builds the package of a revision, unless an earlier run has. Returns its directory. */
function build (revision) {
  const parsed = execFileSync('git', ['rev-parse', '--short', `${revision}^{commit}`], { cwd: ROOT, encoding: 'utf8' })
  const commit = parsed.trim()
  const directory = join(ROOT, '.cache/compare', commit)
  if (existsSync(join(directory, 'dist'))) return directory

  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: Infinity })
  execFileSync('tar', ['-x', '-C', directory], { input: archive })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: directory, stdio: 'inherit' })
  return directory
}
