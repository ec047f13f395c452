import { readFileSync } from 'node:fs'
import t from 'tap'
import { list } from '../docs/pages.ts'

interface Manifest {
  private?: boolean
  type?: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

interface Lock {
  packages: Record<string, { resolved?: string }>
}

const root = new URL('../../', import.meta.url)
/** Folders with packages that only some scripts need, which test/helpers/install-packages.js installs. */
const FOLDERS = ['bench', 'test/ecosystem', 'test/interop/agents', 'test/package/tools']
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const readJson = <T>(path: string): T => JSON.parse(read(path)) as T
const readLock = (folder: string): Lock => readJson(`${folder}/package-lock.json`)

const sources = ['bench', 'examples', 'lib', 'test'].flatMap((folder) => ['.js', '.ts'].flatMap((ext) => list(folder, ext)))

const { dependencies, devDependencies } = readJson<Manifest>('package.json')
const direct = Object.keys({ ...dependencies, ...devDependencies })

void t.test('the lock files name no registry, so that npm uses the configured one', async (t) => {
  for (const folder of ['.', ...FOLDERS]) {
    const { packages } = readLock(folder)
    t.ok(Object.keys(packages).length > 1, folder)
    t.same(Object.keys(packages).filter((path) => packages[path]!.resolved !== undefined), [], folder)
  }
})

for (const folder of FOLDERS) {
  void t.test(`${folder}: its packages are not those of the root, so that each of those has one instance`, async (t) => {
    const installed = Object.keys(readLock(folder).packages)
      .filter((path) => path.lastIndexOf('node_modules/') === 0).map((path) => path.slice('node_modules/'.length))
    const { private: isPrivate, type, devDependencies } = readJson<Manifest>(`${folder}/package.json`)
    t.same(installed.sort(), Object.keys(devDependencies!).sort(), 'only direct dependencies, the others below them')
    t.same(installed.filter((name) => direct.includes(name)), [])
    t.same([isPrivate, type], [true, 'module'])
  })

  void t.test(`${folder}: only its own files import its packages, so that \`npm test\` does not need them`, async (t) => {
    const names = Object.keys(readJson<Manifest>(`${folder}/package.json`).devDependencies!)
    const imports = new RegExp(`\\b(?:from|import|require\\(|import\\() ?'(?:${names.join('|')})[/']`)
    const others = sources.filter((path) => !path.startsWith(`${folder}/`))
    t.ok(others.length > 100)
    t.same(others.filter((path) => imports.test(read(path))), [])
  })

  void t.test(`${folder}: npm has the settings of the root, and installs no peer dependencies`, async (t) => {
    t.equal(read(`${folder}/.npmrc`), `${read('.npmrc')}install-strategy=shallow\nlegacy-peer-deps=true\n`)
  })
}
