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

/** The versions of TypeScript that the declarations are for, and the packages that have them. */
const COMPILERS = { 5.9: 'typescript-5.9', '6.0': 'typescript', '7.0': 'typescript-7.0' }

const temporary = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-'))
const project = join(temporary, 'project')
const installed = join(project, 'node_modules', 'fastify-websocket-h2')

// Each version of TypeScript compiles the declarations of every dependency, too.
t.setTimeout(600_000)
t.teardown(() => rm(temporary, { recursive: true, force: true }))

await pack()
await install()

void t.test('the package has the built files, and what npm adds', async (t) => {
  const sources = ['index.ts', ...await listSources('lib'), ...await listSources('types')]
  const built = sources.flatMap((source) => ['js', 'd.ts'].map((ext) => `dist/${source.replace(/ts$/, ext)}`))
  t.same(await listFiles(installed), [...built, 'LICENSE', 'README.md', 'package.json'].sort())
})

void t.test('it is imported, and serves both HTTP versions', async () => {
  await run(process.execPath, ['import.mjs'], { cwd: project })
})

void t.test('it is required, under each of its names, and serves both HTTP versions', async () => {
  await run(process.execPath, ['require.cjs'], { cwd: project })
})

for (const [version, compiler] of Object.entries(COMPILERS)) {
  void t.test(`it is used from TypeScript ${version}, as ES module and as CommonJS`, async (t) => {
    t.match(await compile(compiler, '--version'), `Version ${version}.`)
    t.equal(await compile(compiler, '-p', '.'), '')
  })
}

/** What a compiler tells, whether it fails or not. Its `bin` has no extension, which tap's loader wants of a module. */
async function compile (compiler: string, ...parameters: string[]): Promise<string> {
  const program = join(modules, compiler, 'lib', 'tsc.js')
  const { stdout, stderr } = await run(process.execPath, [program, ...parameters], { cwd: project })
    .catch((error) => error)
  return stdout + stderr
}

/** What is built of a directory: all but the tests of types. */
async function listSources (directory: string): Promise<string[]> {
  const names = await readdir(join(root, directory))
  return names.filter((name) => !name.endsWith('.tst.ts')).map((name) => `${directory}/${name}`)
}

/** Builds in a copy: other tests may be at work on dist at the same time. */
async function pack (): Promise<void> {
  const copy = join(temporary, 'copy')
  const skipped = ['.cache', '.git', '.tap', 'dist', 'node_modules']
  await cp(root, copy, { recursive: true, filter: (path) => !skipped.includes(basename(path)) })
  await symlink(modules, join(copy, 'node_modules'), 'junction')
  await run('npm', ['pack', '--pack-destination', temporary], { cwd: copy })
}

/** Unpacks the package where it sees no module but those that it depends on. */
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
