import t from 'tap'
import { ROOT, read } from './pages.ts'

type Write = (text: string, readResults?: (major: number) => unknown[]) => string

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const { pages } = await import(new URL('bench/docs.js', ROOT).href) as { pages: Map<string, Write> }

const resultsOf = (major: number): Array<{ name: string }> => (
  (JSON.parse(read(`bench/results/node-${major}/results.json`)) as { results: Array<{ name: string }> }).results
)

/** Returns the cells of the rows of all tables that docs.js writes, except for those of targets with their texts. */
function cellsOf (text: string): string[] {
  const blocks = [...text.matchAll(/<!-- begin (?!targets)[^]*?<!-- end/g)].map(([block]) => block)
  return blocks.flatMap((block) => [...block.matchAll(/^\| (?!---)(.*) \|$/gm)].flatMap(([, row]) => row!.split(' | ').slice(1)))
}

void t.test('the numbers of README.md, docs/numbers.md and H2-DESIGN.md are those of bench/results', async (t) => {
  for (const [path, write] of pages) {
    const text = read(path)
    t.match(text, /!\[WebSockets over HTTP\/2 and HTTP\/1\.1 compared\. [^\]]*: \d[^\]]*\]|<!-- begin \w/, `${path} has numbers`)
    t.equal(text, write(text), `${path} is up to date: if it is not, run node bench/docs.js`)
  }
})

void t.test('docs/numbers.md: a changed result changes the page', async (t) => {
  const text = read('docs/numbers.md')
  const changed = JSON.parse(JSON.stringify(resultsOf(26)).replaceAll(/"median":[\d.]+/g, '"median":123.4')) as unknown[]
  const written = pages.get('docs/numbers.md')!(text, (major) => major === 26 ? changed : resultsOf(major))
  const [unchanged] = text.match(/\| Messages of 64 sockets per second \| [\d,]+ messages\/s/)!
  t.match(written, unchanged)
  t.match(written, '123 messages/s')
})

void t.test('docs/numbers.md: what was not measured is a dash', async (t) => {
  const text = read('docs/numbers.md')
  const some = (major: number): unknown[] => resultsOf(major).filter(({ name }) => name !== 'page/rtt50')
  const written = pages.get('docs/numbers.md')!(text, (major) => major === 24 ? some(24) : resultsOf(26))
  t.match(written, '| Time to open 64 sockets, round trip 50 ms | – | – | – |')

  const empty = pages.get('docs/numbers.md')!(text, () => [])
  const values = cellsOf(empty).filter((cell) => /^\*{0,2}\d/.test(cell))
  t.same(values, [], 'without any results there are no numbers')
  t.equal(empty, pages.get('docs/numbers.md')!(empty, () => []), 'and the page is written the same again')
})

void t.test('H2-DESIGN.md: targets keep the text of their last column', async (t) => {
  const write = pages.get('H2-DESIGN.md')!
  const page = (...rows: string[]): string => (
    `<!-- begin targets: x -->\n\n| a | b |\n|---|---|\n${rows.join('\n')}\n\n<!-- end targets -->\n`
  )
  const row = /^\| MB\/s of echoes of 64 KiB \| >= 1 \|.*\| because of \\\| \|$/m
  const written = write(page('| MB/s of echoes of 64 KiB | because of \\| |'))
  t.match(written, row)
  t.match(write(written, () => []), row)
  t.throws(() => write(page('| a target of the past | because |')), { message: '"a target of the past" is not a target' })
})
