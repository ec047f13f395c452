import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, readdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { run } from '../helpers/child-processes.js'
import { MissingToolError } from '../helpers/missing-tool.js'

const execute = promisify(execFile)

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url))
const NO_PYTHON = `The Autobahn Testsuite needs Python 2.7, which is not installed. Install it,
for instance with "pyenv install 2.7.18", or give its path: PYTHON2=/path/to/python2.7 npm run autobahn`

/** Finds Python 2.7, and installs the suite into `directory` unless it is installed there. Returns the interpreter. */
export async function preparePython (directory) {
  const python = await findPython()
  const installed = join(directory, 'requirements.txt')
  const requirements = await readFile(REQUIREMENTS, 'utf8')
  if (await readFile(installed, 'utf8').catch(() => '') === requirements) return python

  console.log(`# installing the Autobahn Testsuite with ${python}`)
  await rm(directory, { recursive: true, force: true })
  const install = ['--disable-pip-version-check', 'install', '--quiet', '--target', directory, '-r', REQUIREMENTS]
  const code = await run(python, ['-m', 'pip', ...install], { stdio: 'inherit' })
  if (code !== 0) throw new MissingToolError(`${python} could not install the suite, which needs pip and a C compiler`)
  // Copied last: its presence shows that the installation was complete.
  await copyFile(REQUIREMENTS, installed)
  return python
}

async function findPython () {
  for (const candidate of await listCandidates()) {
    if (await isPython27(candidate)) return candidate
  }
  throw new MissingToolError(NO_PYTHON)
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

/** Runs the program to find out: a python2.7 on PATH may be a shim of pyenv that has no such version. */
async function isPython27 (file) {
  const version = execute(file, ['-c', 'import sys; print(sys.version_info[:2] == (2, 7))'])
  return version.then(({ stdout }) => stdout.trim() === 'True', () => false)
}
