import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import t from 'tap'
import { pages } from '../docs/pages.ts'
import { createProject, root, run } from './project.ts'

t.setTimeout(600_000)
const { directory: project, installed } = await createProject(t)
const files = await listFiles(installed)
/** Files that README.md links to, and that are not in the package: npm shows those of the repository. */
const REPOSITORY_FILES = ['docs/demo.png', 'CONTRIBUTING.md']

void t.test('the package contains the built files, the documentation and those that npm adds', async (t) => {
  const sources = ['index.ts', ...await listSources('lib'), ...await listSources('types')]
  const built = sources.flatMap((source) => ['js', 'd.ts'].map((ext) => `dist/${source.replace(/ts$/, ext)}`))
  const documentation = ['CHANGELOG.md', ...pages.map(({ path }) => path)]
  t.same(files, [...built, ...documentation, 'LICENSE', 'package.json'].sort())
})

void t.test('no file of the package names a source map, which is not in it', async (t) => {
  for (const file of files) {
    if (file.startsWith('dist/')) t.notMatch(await readInstalled(file), /^\/\/# sourceMappingURL=/m, file)
  }
})

void t.test('the pages of docs that errors and types name are in the package', async (t) => {
  const texts = await Promise.all(files.filter((file) => file.startsWith('dist/')).map(readInstalled))
  const named = new Set(texts.flatMap((text) => text.match(/\bdocs\/[\w/-]+\.md/g) ?? []))
  t.ok(named.size > 5)
  t.same([...named].filter((page) => !files.includes(page) && !page.startsWith('docs/upstream/')), [])
})

void t.test('relative links of README.md lead to the package, or to the repository that npm resolves them with', async (t) => {
  const { repository } = JSON.parse(await readInstalled('package.json'))
  t.match(repository, { type: 'git', url: /^git\+https:\/\/github\.com\/[\w-]+\/[\w-]+\.git$/, directory: undefined })
  const links = pages.find(({ path }) => path === 'README.md')!.links.filter((link) => !/^(?:https:|#)/.test(link))
  const paths = links.map((link) => link.split('#')[0]!)
  t.ok(paths.length > 20)
  t.same(paths.filter((path) => !existsSync(join(root, path)) || /^[./]/.test(path)), [], 'files of the repository')
  t.same(paths.filter((path) => /^(?:docs\/|[A-Z]+\.md$)/.test(path) && !files.includes(path)), REPOSITORY_FILES)
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

async function readInstalled (file: string): Promise<string> {
  return await readFile(join(installed, file), 'utf8')
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
