import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const CACHE = fileURLToPath(new URL('../../.cache/interop/', import.meta.url))
// Debian installs servers there, and PATH may omit it.
const SYSTEM = ['/usr/sbin', '/usr/local/sbin']

/** Returns the path of the first of these programs that is in PATH or in one of these folders of .cache/interop. */
export async function findProgram (names, folders = []) {
  const places = [
    ...(process.env.PATH ?? '').split(delimiter).filter(Boolean),
    ...SYSTEM,
    ...folders.map((folder) => join(CACHE, folder))
  ]
  return findFile(names.flatMap((name) => places.map((place) => join(place, name))))
}

/** Returns the first of these files that is executable, or undefined. */
export async function findFile (files) {
  for (const file of files) {
    if (await isExecutable(file)) return file
  }
  return undefined
}

/** Returns the version that a program prints, or undefined if there is no such program. */
export async function readVersion (file, args, pattern) {
  if (file === undefined) return
  const { stdout, stderr } = await promisify(execFile)(file, args)
  return pattern.exec(stdout + stderr)?.[1] ?? stdout.trim()
}

async function isExecutable (file) {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
