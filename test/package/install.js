/**
 * Packs the package, installs it with Fastify from the registry in an empty folder, as a user does, and runs the
 * programs of test/package/consumer and the command there. `npm run build` comes first.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAMS = ['import.mjs', 'require.cjs', 'late-routes.cjs']
// npm is a shell script on Windows.
const shell = process.platform === 'win32'

const directory = mkdtempSync(join(tmpdir(), 'fastify-websocket-h2-install-'))
try {
  const { version, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  npm(ROOT, 'pack', '--silent', '--ignore-scripts', '--pack-destination', directory)
  npm(directory, 'init', '--yes', '--silent')
  npm(directory, 'install', '--silent', `fastify@${peerDependencies.fastify}`, `./fastify-websocket-h2-${version}.tgz`)
  cpSync(join(ROOT, 'test', 'package', 'consumer'), directory, { recursive: true })
  for (const program of PROGRAMS) execFileSync(process.execPath, [program], { cwd: directory, stdio: 'inherit' })
  const command = execFileSync('npx', ['--no', '--', 'fastify-websocket-h2', '--version'], { cwd: directory, shell })
  assert.equal(String(command), `${version}\n`)
  console.log(`fastify-websocket-h2 ${version} is installed and runs on Node ${process.version}`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function npm (cwd, ...parameters) {
  execFileSync('npm', parameters, { cwd, shell, stdio: ['ignore', 'ignore', 'inherit'] })
}
