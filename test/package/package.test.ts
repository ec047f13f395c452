import { readFile, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import t from 'tap'
import { createProject, root, run } from './project.ts'

t.setTimeout(600_000)
const { directory: project, installed } = await createProject(t)

void t.test('the package contains the built files and those that npm adds', async (t) => {
  const sources = ['index.ts', ...await listSources('lib'), ...await listSources('types')]
  const built = sources.flatMap((source) => ['js', 'd.ts'].map((ext) => `dist/${source.replace(/ts$/, ext)}`))
  t.same(await listFiles(installed), [...built, 'LICENSE', 'README.md', 'package.json'].sort())
})

void t.test('import of the package: it serves both HTTP versions', async () => {
  await run(process.execPath, ['import.mjs'], { cwd: project })
})

void t.test('require() of the package: it has all named exports and serves both HTTP versions', async () => {
  await run(process.execPath, ['require.cjs'], { cwd: project })
})

void t.test('require() of the package: websocket routes that were added too early are reported at ready', async () => {
  await run(process.execPath, ['late-routes.cjs'], { cwd: project })
})

void t.test('npx fastify-websocket-h2: the command runs from the installed package', async (t) => {
  const { version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  t.same((await npx('--version')).stdout, `${version}\n`)
  t.match(await npx('probe', 'ws://127.0.0.1:1'), { code: 5, stdout: /Nothing listens on port 1/ })
})

/** Runs the command of the package, even if it fails. `npm rebuild` links it, as an installation does. */
async function npx (...parameters: string[]): Promise<{ code?: number, stdout: string }> {
  await run('npm', ['rebuild', '--ignore-scripts', '--offline', 'fastify-websocket-h2'], { cwd: project })
  const args = ['--no', '--offline', 'fastify-websocket-h2', ...parameters]
  return await run('npx', args, { cwd: project }).catch((error) => error)
}

/** Returns the sources in a directory that are built: all but the type tests. */
async function listSources (directory: string): Promise<string[]> {
  const files = await listFiles(join(root, directory))
  return files.filter((file) => !file.endsWith('.tst.ts')).map((file) => `${directory}/${file}`)
}

async function listFiles (directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')).sort()
}
