/** Entries of a built package: this one's working tree, or another revision of it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const WORKING_TREE = resolve(import.meta.dirname, '..')

/**
 * Imports an entry of the package in a directory. The `exports` of its own package.json resolve the entry, because the
 * layout of the files below dist differs between revisions.
 *
 * @param entry a key of `exports`: `.` or `./client`
 */
export async function importEntry (entry, directory = WORKING_TREE) {
  const manifest = join(directory, 'package.json')
  const { name } = JSON.parse(readFileSync(manifest, 'utf8'))
  // Self-referencing: a package may import its own exports by its name.
  const path = createRequire(manifest).resolve(name + entry.slice(1))
  return import(pathToFileURL(path).href)
}
