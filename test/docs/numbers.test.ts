import t from 'tap'
import { ROOT, read, readPage } from './pages.ts'

interface Result {
  name: string
  ratios: Record<string, { median: number }>
}

/** The rows of docs/numbers.md about the gateway: the scenario and the metric of each. */
const ROWS: Record<string, [scenario: string, metric: string]> = {
  '64 sockets, 64 B echo: messages per second': ['64b-64-on-one-x1', 'rate'],
  '64 sockets, 64 B echo: server CPU per message': ['64b-64-on-one-x1', 'cpu'],
  'with 16 messages in flight on each: messages per second': ['64b-64-on-one-x16', 'rate'],
  'with 16 messages in flight on each: server CPU per message': ['64b-64-on-one-x16', 'cpu'],
  '64 sockets, 64 KiB echo: messages per second': ['64k-64-on-one-x1', 'rate'],
  '64 sockets, 64 KiB echo: server CPU per message': ['64k-64-on-one-x1', 'cpu'],
  'with 4 messages in flight on each: messages per second': ['64k-64-on-one-x4', 'rate'],
  'with 4 messages in flight on each: server CPU per message': ['64k-64-on-one-x4', 'cpu'],
  'sockets opened one after the other, per second': ['handshake', 'handshakes'],
  'sockets opened one after the other: server CPU': ['handshake', 'cpu'],
  'memory of an idle socket, of 1,000': ['idle-1000', 'rss'],
  'JavaScript heap of an idle socket, of 1,000': ['idle-1000', 'heap']
}

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const { pages } = await import(new URL('bench/docs.js', ROOT).href) as { pages: Map<string, (text: string) => string> }

void t.test('README.md and docs/numbers.md: the gains of HTTP/2 are those of bench/results', async (t) => {
  for (const [path, write] of pages) {
    const text = read(path)
    t.match(text, /!\[WebSockets over HTTP\/2 and HTTP\/1\.1 compared\. [^\]]*: \d[^\]]*\]/, `${path} has the chart`)
    t.equal(text, write(text), `${path} is up to date: if it is not, run node bench/docs.js`)
  }
})

void t.test('docs/numbers.md: the ratios of the gateway are those of bench/results', async (t) => {
  const { header, rows } = readPage('docs/numbers.md').tables.find(({ section }) => /gateway/.test(section))!
  const results = header.slice(1).map((title) => {
    const directory = `bench/results/${title.toLowerCase().replace('node.js ', 'node-')}-gateway`
    return (JSON.parse(read(`${directory}/results.json`)) as { results: Result[] }).results
  })
  t.same(rows.map(([label]) => label), Object.keys(ROWS))
  for (const [label, ...cells] of rows as [string, ...string[]][]) {
    const [scenario, metric] = ROWS[label]!
    const ratios = results.map((each) => each.find(({ name }) => name === `gateway/${scenario}`)!.ratios[metric]!.median)
    t.same(cells.map((cell) => cell.replace(' times', '')), ratios.map((ratio) => String(Number(ratio.toPrecision(2)))), label)
  }
})
