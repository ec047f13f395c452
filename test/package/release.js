/**
 * `npm publish` runs this first: it refuses to publish while the project has placeholders, or a version without a dated
 * section in CHANGELOG.md.
 */
import { readFileSync, readdirSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url)
const PLACEHOLDERS = /\b(?:OWNER|SECURITY_EMAIL|RELEASE_DATE)\b/g
const FOLDERS = ['.github', 'docs']
const FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']

/** Returns the names of the placeholders in each file that has some, sorted by file. */
export function findPlaceholders () {
  const found = {}
  for (const file of [...FOLDERS.flatMap(list), ...FILES].sort()) {
    const names = new Set(read(file).match(PLACEHOLDERS))
    if (names.size > 0) found[file] = [...names].sort()
  }
  return found
}

/** Returns the reasons, as lines of text, why a version must not be published. */
export function findProblems (version, changelog, placeholders) {
  const problems = Object.entries(placeholders).map(([file, names]) => `${file} has the placeholder ${names.join(', ')}`)
  const hasSection = changelog.split('\n')
    .some((line) => line.startsWith(`## [${version}] - `) && /\d{4}-\d\d-\d\d$/.test(line))
  if (!hasSection) problems.push(`CHANGELOG.md has no section "## [${version}] - " with the date of the release`)
  return problems
}

function list (folder) {
  return readdirSync(new URL(folder, ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:md|yml)$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(ROOT).length).replaceAll('\\', '/'))
}

function read (file) {
  return readFileSync(new URL(file, ROOT), 'utf8')
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const problems = findProblems(JSON.parse(read('package.json')).version, read('CHANGELOG.md'), findPlaceholders())
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) {
    console.error('Not published: see "Release" in CONTRIBUTING.md.')
    process.exitCode = 1
  }
}
