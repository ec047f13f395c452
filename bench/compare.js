/**
 * Two revisions of the plugin, each on both transports, in turns:
 *
 *   npm run bench:compare -- REVISION [--quick] [--server-node PATH] [scenario ...]
 *
 * The revision is built in .cache/compare, with the dependencies of the working tree. Only scenarios that have the two
 * transports for sides can be compared.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { withLab } from './lab.js'
import { FULL, QUICK } from './pace.js'
import { printScenario } from './report.js'
import { run } from './rounds.js'
import { scenarios } from './scenarios/index.js'

const ROOT = resolve(import.meta.dirname, '..')
const DEFAULT = [
  'echo/64b-one-x1', 'load/64b-64-on-one-x1', 'load/64b-one-x16', 'load/64k-one-x4', 'handshake', 'idle/1000'
]

const { values: options, positionals: [revision, ...wanted] } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, 'server-node': { type: 'string' } }
})

if (revision === undefined) {
  console.error('say which revision: npm run bench:compare -- HEAD~1')
  process.exit(2)
}

await withLab({ node: options['server-node'] }, main)

async function main (lab) {
  const plugin = build(revision)
  const chosen = (wanted.length > 0 ? wanted : DEFAULT).flatMap((start) => (
    scenarios.filter(({ name, sides }) => name.startsWith(start) && sides.h2 !== undefined)
  ))
  for (const scenario of chosen) {
    for (const transport of ['h1', 'h2']) {
      const side = scenario.sides[transport]
      const sides = {
        now: { ...side, label: `${side.label}, now` }, then: { ...side, label: `${side.label}, ${revision}`, plugin }
      }
      const result = await run({ ...scenario, sides, of: ['now', 'then'] }, lab, options.quick ? QUICK : FULL)
      console.log(`${printScenario(result)}\n`)
    }
  }
}

/** Returns the built plugin of a revision. */
function build (revision) {
  const parsed = execFileSync('git', ['rev-parse', '--short', `${revision}^{commit}`], { cwd: ROOT, encoding: 'utf8' })
  const commit = parsed.trim()
  const directory = join(ROOT, '.cache/compare', commit)
  const plugin = join(directory, 'dist/index.js')
  if (existsSync(plugin)) return plugin

  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: Infinity })
  execFileSync('tar', ['-x', '-C', directory], { input: archive })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: directory, stdio: 'inherit' })
  return plugin
}
