import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT, pages, readPage } from './pages.ts'
import type { Page } from './pages.ts'

// A longer README is not read.
const MOST_LINES = 250

const others = ['CHANGELOG.md', 'CONTRIBUTING.md', 'H2-DESIGN.md'].map(readPage)
const all = new Map([...pages, ...others].map((page) => [page.path, page]))

void t.test('headings have the fragments that GitHub gives them', async (t) => {
  const slugs = all.get('README.md')!.headings.map(({ slug }) => slug)
  t.ok(slugs.includes('are-you-on-http2'))
  t.ok(slugs.includes('differences-from-fastifywebsocket'))
  t.equal(new Set(slugs).size, slugs.length)
})

for (const page of all.values()) {
  void t.test(`${page.path}: every link leads to something`, async (t) => {
    t.notMatch(page.prose, /\]\[/, 'its links are inline')
    for (const link of page.links) {
      if (/^[a-z][a-z+.-]*:/i.test(link)) checkAbsolute(t, link)
      else checkRelative(t, page, link)
    }
  })
}

void t.test('every path of the repository in backticks exists', async (t) => {
  t.same(pathsIn('`lib/http2/`, `npm run bench`, `lib/missing.ts`'), ['lib/http2/', 'lib/missing.ts'])
  for (const { path, text } of all.values()) t.same(pathsIn(text).filter((each) => !exists(each)), [], path)
})

void t.test('every page of docs can be reached from README.md in two clicks', async (t) => {
  const first = linksOf('README.md')
  const reached = new Set(['README.md', ...first, ...first.flatMap(linksOf)])
  t.same(pages.map(({ path }) => path).filter((path) => !reached.has(path)), [])
})

void t.test('every recipe is linked from a page that explains its subject', async (t) => {
  const guides = [...all.keys()].filter((path) => /^docs\/[^/]+\.md$/.test(path) && !['docs/README.md', 'docs/faq.md'].includes(path))
  const linked = new Set(guides.flatMap(linksOf))
  const recipes = pages.map(({ path }) => path).filter((path) => /^docs\/recipes\/(?!README)/.test(path))
  t.same(recipes.filter((path) => !linked.has(path)), [])
})

void t.test(`README.md has at most ${MOST_LINES} lines`, async (t) => {
  t.ok(all.get('README.md')!.text.trimEnd().split('\n').length <= MOST_LINES)
})

/** Paths that a page links to. */
function linksOf (path: string): string[] {
  return all.get(path)?.links.map((link) => resolve(path, link).path) ?? []
}

/** Checks the form of a link. Its target is not requested: tests need no network. */
function checkAbsolute (t: Test, link: string): void {
  t.match(link, /^https:/, `${link}: https`)
  t.ok(URL.canParse(link), `${link}: well formed`)
}

function checkRelative (t: Test, page: Page, link: string): void {
  const { path, fragment } = resolve(page.path, link)
  t.ok(exists(path), `${link}: exists`)
  if (fragment === undefined) return
  t.ok(all.get(path)?.headings.some(({ slug }) => slug === fragment), `${link}: a heading`)
}

function resolve (from: string, link: string): { path: string, fragment: string | undefined } {
  const [path = '', fragment] = link.split('#')
  return { path: path === '' ? from : posix.join(posix.dirname(from), decodeURIComponent(path)), fragment }
}

/** Returns the paths in backticks that begin with a folder of the repository. */
function pathsIn (text: string): string[] {
  return [...text.matchAll(/`((?:bench|docs|examples|lib|test|types|\.ci)\/[\w./-]*)`/g)].map(([, path]) => path!)
}

/** Returns whether a path exists in the repository. */
function exists (path: string): boolean {
  return !path.startsWith('..') && existsSync(new URL(path, ROOT))
}
