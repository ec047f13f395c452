import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)

const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
const consumer = fileURLToPath(new URL('consumer', import.meta.url))

/** The supported versions of TypeScript, and the packages that contain them. */
const COMPILERS = { 5.9: 'typescript-5.9', '6.0': 'typescript', '7.0': 'typescript-7.0' }

const temporary = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-'))
const project = join(temporary, 'project')
const installed = join(project, 'node_modules', 'fastify-websocket-h2')

// Each version of TypeScript also checks the declarations of all dependencies.
t.setTimeout(600_000)
t.teardown(() => rm(temporary, { recursive: true, force: true }))

await pack()
await install()

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

for (const [version, compiler] of Object.entries(COMPILERS)) {
  void t.test(`TypeScript ${version} compiles an ES module and a CommonJS module that use the package`, async (t) => {
    t.match(await compile(compiler, '--version'), `Version ${version}.`)
    t.equal(await compile(compiler, '-p', '.'), '')
  })
}

/** Returns the output of a compiler, even if it fails. Its `bin` has no extension, which tap's loader needs. */
async function compile (compiler: string, ...parameters: string[]): Promise<string> {
  const program = join(modules, compiler, 'lib', 'tsc.js')
  const { stdout, stderr } = await run(process.execPath, [program, ...parameters], { cwd: project })
    .catch((error) => error)
  return stdout + stderr
}

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

/** Builds and packs a copy of the project: other tests may use dist at the same time. */
async function pack (): Promise<void> {
  const copy = join(temporary, 'copy')
  const skipped = ['.cache', '.git', '.tap', 'dist', 'node_modules']
  await cp(root, copy, { recursive: true, filter: (path) => !skipped.includes(basename(path)) })
  await symlink(modules, join(copy, 'node_modules'), 'junction')
  await run('npm', ['pack', '--pack-destination', temporary], { cwd: copy })
}

/** Installs the package into a project in which it can import only its dependencies. */
async function install (): Promise<void> {
  const [tarball = ''] = (await readdir(temporary)).filter((name) => name.endsWith('.tgz'))
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(temporary, tarball), '-C', installed, '--strip-components', '1'])
  await cp(consumer, project, { recursive: true })
  for (const name of ['usage.mts', 'usage.cts']) await cp(join(consumer, 'usage.ts'), join(project, name))

  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  for (const name of ['@types/node', ...Object.keys({ ...dependencies, ...peerDependencies })]) {
    const link = join(project, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(modules, name), link, 'junction')
  }
}

async function listFiles (directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')).sort()
}
