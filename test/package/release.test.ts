import t from 'tap'
import { read, readPage } from '../docs/pages.ts'
import { findPlaceholders, findProblems } from './release.js'

const { repository, homepage, bugs, scripts, version } = JSON.parse(read('package.json')) as {
  repository: { type: string, url: string }
  homepage: string
  bugs: { url: string }
  scripts: Record<string, string>
  version: string
}

void t.test('CONTRIBUTING.md lists all placeholders that a maintainer replaces before the first release', async (t) => {
  const { rows } = readPage('CONTRIBUTING.md').tables.find(({ section }) => section === 'Release')!
  const listed = rows.flatMap(([name, , files]) => namesIn(files!).map((file) => `${namesIn(name!)[0]} in ${file}`))
  const found = Object.entries(findPlaceholders()).flatMap(([file, names]) => names.map((name) => `${name} in ${file}`))
  t.same(found.filter((each) => !listed.includes(each)), [])
})

void t.test('repository, homepage and bugs of package.json name one repository', async (t) => {
  const [, url = ''] = repository.url.match(/^git\+(https:\/\/github\.com\/[\w-]+\/fastify-websocket-h2)\.git$/) ?? []
  t.not(url, '', 'npm resolves the links of README.md with a repository of this form')
  t.same([repository.type, homepage, bugs.url], ['git', `${url}#readme`, `${url}/issues`])
  for (const file of ['CHANGELOG.md', 'SECURITY.md', '.github/ISSUE_TEMPLATE/config.yml']) {
    const urls = read(file).match(/https:\/\/github\.com\/[\w-]+\/fastify-websocket-h2/g) ?? []
    t.same([...new Set(urls)], [url], file)
  }
})

void t.test('npm publish is refused while there is a placeholder, or no dated section of the version', async (t) => {
  t.equal(scripts.prepublishOnly, 'node test/package/release.js')
  const changelog = '# Changelog\n\n## [1.0.0] - 2026-12-24\n'
  t.same(findProblems('1.0.0', changelog, {}), [])
  t.same(findProblems('1.0.0', changelog, { 'package.json': ['OWNER'] }), ['package.json has the placeholder OWNER'])
  t.match(findProblems('1.0.1', changelog, {}), [/CHANGELOG\.md has no section "## \[1\.0\.1\] - "/])
  t.match(findProblems('1.0.0', changelog.replace('2026-12-24', 'RELEASE_DATE'), {}), [/has no section/])
})

void t.test('the version is one that the changelog describes, or an earlier one', async (t) => {
  const [, newest = ''] = read('CHANGELOG.md').match(/^## \[(\d+\.\d+\.\d+)\]/m) ?? []
  t.ok(newest.localeCompare(version, 'en', { numeric: true }) >= 0, `${version}, and ${newest} in CHANGELOG.md`)
})

function namesIn (cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}
