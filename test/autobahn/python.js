import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, readdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { run } from '../helpers/children.js'
import { MissingTool } from '../helpers/missing-tool.js'

const execute = promisify(execFile)

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url))
const NO_PYTHON = `The Autobahn Testsuite runs on Python 2.7 alone, and there is none here. Install one,
for instance with "pyenv install 2.7.18", or name one: PYTHON2=/path/to/python2.7 npm run autobahn`

/** Finds a Python 2.7, and installs the suite into `directory` where it is not there yet. Gives the interpreter. */
export async function preparePython (directory) {
  const python = await findPython()
  const installed = join(directory, 'requirements.txt')
  const requirements = await readFile(REQUIREMENTS, 'utf8')
  if (await readFile(installed, 'utf8').catch(() => '') === requirements) return python

  console.log(`# installing the Autobahn Testsuite with ${python}`)
  await rm(directory, { recursive: true, force: true })
  const install = ['--disable-pip-version-check', 'install', '--quiet', '--target', directory, '-r', REQUIREMENTS]
  const code = await run(python, ['-m', 'pip', ...install], { stdio: 'inherit' })
  if (code !== 0) throw new MissingTool(`${python} could not install the suite: that takes pip and a C compiler`)
  // The last thing to come tells that all of it came.
  await copyFile(REQUIREMENTS, installed)
  return python
}

async function findPython () {
  for (const candidate of await listCandidates()) {
    if (await isPython27(candidate)) return candidate
  }
  throw new MissingTool(NO_PYTHON)
}

async function listCandidates () {
  const { PYTHON2 } = process.env
  return PYTHON2 ? [PYTHON2] : ['python2.7', 'python2', ...await listPyenv()]
}

async function listPyenv () {
  const root = await execute('pyenv', ['root']).then(({ stdout }) => stdout.trim(), () => undefined)
  const versions = join(root ?? process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions')
  if (!existsSync(versions)) return []
  const names = await readdir(versions)
  return names.filter((name) => name.startsWith('2.7')).map((name) => join(versions, name, 'bin', 'python'))
}

/** A python2.7 on PATH may be a shim of pyenv, which runs nothing. */
async function isPython27 (file) {
  const version = execute(file, ['-c', 'import sys; print(sys.version_info[:2] == (2, 7))'])
  return version.then(({ stdout }) => stdout.trim() === 'True', () => false)
}
