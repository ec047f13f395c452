/** One table of all servers that the scenarios `references/…` compare, in place of one for each scenario. */
import { METRICS, formatNumber } from './metrics.js'

/** Columns: a metric of a scenario. */
const COLUMNS = [
  { scenario: 'references/echo-x1', metric: 'rate', title: '1 in flight, messages/s' },
  { scenario: 'references/echo-x1', metric: 'cpu', title: 'CPU of a message, µs' },
  { scenario: 'references/echo-x16', metric: 'rate', title: '16 in flight, messages/s' },
  { scenario: 'references/echo-x16', metric: 'cpu', title: 'CPU of a message, µs' },
  { scenario: 'references/idle', metric: 'rss', title: 'memory of an idle socket, KiB' }
]

const NOTE = `Medians of 64 B echoes on 64 sockets, which share one session over HTTP/2 and have a connection each over
HTTP/1.1, and of 1,000 idle sockets, over HTTP/2 on 10 sessions. Node.js, Bun and hypercorn use one thread for the
sockets, the others as many as there are cores: compare CPU, because their rates also depend on what the load generator
leaves of the cores. Memory is resident (RSS), after a garbage collection in languages that have one.`

/** Returns the table and its explanation, as parts of a Markdown document, or nothing without any of the scenarios. */
export function formatReferences (results) {
  const byName = new Map(results.map((result) => [result.name, result]))
  const columns = COLUMNS.filter(({ scenario }) => byName.has(scenario))
  if (columns.length === 0) return []

  const sides = columns.map(({ scenario }) => byName.get(scenario).sides)
  const labels = new Map(sides.flatMap((variants) => Object.entries(variants).map(([name, { label }]) => [name, label])))
  const rows = [...labels].map(([name, label]) => [label, ...columns.map(({ metric }, index) => {
    const { [metric]: spread } = sides[index][name]?.metrics ?? {}
    return spread === undefined ? '' : formatNumber(spread.median / (METRICS[metric].per ?? 1))
  })])
  const lines = [
    ['server', ...columns.map(({ title }) => title)],
    ['---', ...columns.map(() => '---:')],
    ...rows
  ]
  return [lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n'), NOTE]
}
