import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export const run = promisify(execFile)

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const modules = join(root, 'node_modules')
const consumer = fileURLToPath(new URL('consumer', import.meta.url))

/** A project in which the package is installed. */
export interface Project {
  directory: string
  /** The directory of the installed package. */
  installed: string
}

/** Packs the package, and installs it into a project, which is removed after the test. */
export async function createProject (t: Test): Promise<Project> {
  const temporary = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-'))
  t.teardown(() => rm(temporary, { recursive: true, force: true }))
  await pack(temporary)
  return await install(temporary)
}

/** Builds and packs a copy of the project: other tests may use dist at the same time. */
async function pack (temporary: string): Promise<void> {
  const copy = join(temporary, 'copy')
  const skipped = ['.cache', '.git', '.tap', 'dist', 'node_modules']
  await cp(root, copy, { recursive: true, filter: (path) => !skipped.includes(basename(path)) })
  await symlink(modules, join(copy, 'node_modules'), 'junction')
  await run('npm', ['pack', '--pack-destination', temporary], { cwd: copy })
}

/** Installs the package into a project in which it can import only its dependencies. */
async function install (temporary: string): Promise<Project> {
  const directory = join(temporary, 'project')
  const installed = join(directory, 'node_modules', 'fastify-websocket-h2')
  const [tarball = ''] = (await readdir(temporary)).filter((name) => name.endsWith('.tgz'))
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(temporary, tarball), '-C', installed, '--strip-components', '1'])
  await cp(consumer, directory, { recursive: true })
  for (const name of ['usage.mts', 'usage.cts']) await cp(join(consumer, 'usage.ts'), join(directory, name))
  await cp(join(consumer, 'declared-topics', 'topics.mts'), join(directory, 'declared-topics', 'topics.cts'))

  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  for (const name of ['@types/node', ...Object.keys({ ...dependencies, ...peerDependencies })]) {
    const link = join(directory, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(modules, name), link, 'junction')
  }
  return { directory, installed }
}
