/**
 * Installs the packages of folders that have a package-lock.json of their own, because only some scripts need them:
 * `node test/helpers/install-packages.js bench test/ecosystem`. Skips a folder whose packages are installed already.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

for (const folder of process.argv.slice(2)) install(folder)

function install (folder) {
  const lock = join(folder, 'package-lock.json')
  // A copy of the lock file that was installed.
  const installed = join(folder, 'node_modules', '.installed-lock.json')
  if (readIfExists(installed) === readFileSync(lock, 'utf8')) return

  console.log(`npm ci in ${folder}`)
  // npm is a shell script on Windows.
  execFileSync('npm', ['ci'], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
  copyFileSync(lock, installed)
}

function readIfExists (path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
