import t from 'tap'

interface Result {
  name: string
  sides: Record<string, { label: string, metrics?: Record<string, { median: number }> }>
}

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const load = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href)
const { formatReferences } = await load('references-table.js') as { formatReferences (results: Result[]): string[] }

const side = (label: string, metrics: Record<string, number>): Result['sides'][string] => ({
  label,
  metrics: Object.fromEntries(Object.entries(metrics).map(([metric, median]) => [metric, { median }]))
})

void t.test('all scenarios of the reference servers are in one table, with a row for each server', async (t) => {
  const [table] = formatReferences([
    { name: 'references/echo-x1', sides: { h2: side('plugin', { rate: 80_000, cpu: 5 }), go: side('Go', { rate: 1, cpu: 2.5 }) } },
    { name: 'references/echo-x16', sides: { h2: side('plugin', { rate: 200_000, cpu: 2 }) } },
    { name: 'references/idle', sides: { h2: side('plugin', { rss: 10 * 1024 }), bun: side('Bun', { rss: 9 * 1024 }) } }
  ])
  t.equal(table, [
    '| server | 1 in flight, messages/s | CPU of a message, µs | 16 in flight, messages/s | CPU of a message, µs ' +
      '| memory of an idle socket, KiB |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    '| plugin | 80,000 | 5 | 200,000 | 2 | 10 |',
    '| Go | 1 | 2.5 |  |  |  |',
    '| Bun |  |  |  |  | 9 |'
  ].join('\n'))
})

void t.test('a column is omitted if its scenario has not run, and the table without any', async (t) => {
  const [table] = formatReferences([{ name: 'references/idle', sides: { h2: side('plugin', { rss: 1024 }) } }])
  t.match(table, /^\| server \| memory of an idle socket, KiB \|\n/)
  t.strictSame(formatReferences([{ name: 'idle/1000', sides: { h2: side('plugin', { rss: 1024 }) } }]), [])
})
