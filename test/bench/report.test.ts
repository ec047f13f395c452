import t from 'tap'

interface Result {
  name: string
  title: string
  sides: Record<string, { label: string, metrics: Record<string, unknown> }>
  [key: string]: unknown
}

interface Report {
  results: Result[]
  [key: string]: unknown
}

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const load = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href)
const { formatReport, formatScenario } = await load('report.js') as {
  formatReport (report: Report): string
  formatScenario (result: Result): string
}
const { drawCharts } = await load('charts.js') as { drawCharts (report: Report): Promise<Map<string, string>> }

const spread = (median: number): unknown => ({ median, min: median * 0.9, max: median * 1.2, values: [] })

/** Returns a result whose metrics over HTTP/2 are those over HTTP/1.1, multiplied by `ratio`. */
function compare (name: string, title: string, metrics: Record<string, number>, ratio: number): Result {
  const times = (factor: number): Record<string, unknown> => Object.fromEntries(
    Object.entries(metrics).map(([metric, value]) => [metric, spread(value * factor)])
  )
  return {
    name,
    title,
    sides: { h1: { label: 'HTTP/1.1', metrics: times(1) }, h2: { label: 'HTTP/2', metrics: times(ratio) } },
    ratios: Object.fromEntries(Object.keys(metrics).map((metric) => [metric, spread(ratio)])),
    of: ['h2', 'h1']
  }
}

const echo = compare('echo/64b-one-x1', '64 B echo, one socket', { p50: 50, p99: 2000, rate: 12_345, cpu: 30 }, 1.5)
const bigEcho = compare('echo/64k-one-x4', '64 KiB echo, one socket', { throughput: 300 }, 1.5)
const idle = compare('idle/1000', '1000 idle sockets', { rss: 40 * 1024, heap: 16 * 1024 }, 0.5)
const beside = {
  name: 'bulk/h2',
  title: '64 B echo, a sibling downloads',
  sides: { idle: { label: 'idle', metrics: { p50: spread(60) } }, busy: { label: 'busy', metrics: {} } },
  ratios: { p50: spread(2) },
  of: ['busy', 'idle']
}

const run = {
  date: '2026-11-23',
  machine: { cpu: 'A processor', cores: 2, memory: 8 * 1024 ** 3, os: 'Linux' },
  versions: { server: 'v20.20.2', fastify: '5.12.8' },
  pace: { name: 'full', rounds: 9, slice: 1000 }
}
const report = (...results: Result[]): Report => (
  { runs: [run], results: results.map((result) => ({ run: 0, ...result })) }
)

void t.test('a report lists missed targets first, and says whether higher or lower is better', async (t) => {
  const text = formatReport(report(bigEcho, echo, idle, beside))
  t.match(text, '**1 of 2 targets not met.**')
  t.match(text, '| **❌ NOT MET** | **p50, one socket, 64 B** | **≤ 1.05** | **1.5** | **echo/64b-one-x1** |')
  t.match(text, '| ✅ met | MB/s of echoes of 64 KiB | ≥ 1 | 1.5 | echo/64k-one-x4 |')
  t.ok(text.indexOf('NOT MET') < text.indexOf('✅ met'), 'missed targets come first')
  t.match(text, '| scenario | variant | p50, µs ↓ | p99, µs ↓ | rate, messages/s ↑ | throughput, MB/s ↑ | cpu, µs ↓ |')
  t.match(text, '| HTTP/1.1 | 50 (45..60) | 2,000 (1,800..2,400) | 12,300 (11,100..14,800) |  | 30 (27..36) |')
  t.match(text, '| **HTTP/2 / HTTP/1.1** | **1.5 (1.35..1.8)** |')
  t.match(text, '| HTTP/2 | 20 (18..24) | 8 (7.2..9.6) |', 'KiB')
  t.match(text, '| busy / idle | 2 (1.8..2.4) |')
})

void t.test('the result of a scenario is formatted in aligned columns', async (t) => {
  const lines = formatScenario(echo).split('\n')
  t.equal(lines.length, 5)
  t.equal(lines[1]!.indexOf('p99'), lines[2]!.indexOf('2,000'))
  t.match(lines[4], /^ {2}HTTP\/2 \/ HTTP\/1\.1 +1\.5 \(1\.35\.\.1\.8\)/)
})

void t.test('charts are SVG and contain the labels of scenarios, variants and values', async (t) => {
  const sizes = ['1k', '16k'].map((size) => compare(`echo/${size}-x1`, `${size} echo, one socket`, { rate: 9000 }, 0.8))
  const upload = compare('upload/rtt10', 'messages up', { throughput: 100 }, 0.9)
  const load = compare('load/64b-64-on-one-x1', '64 sockets', { rate: 100, cpu: 20 }, 0.9)
  load.sides.ws = { label: 'ws', metrics: { cpu: spread(19) } }
  const charts = await drawCharts(report(echo, ...sizes, load, idle, upload, beside))
  t.same([...charts.keys()], ['ratios.svg', 'latency.svg', 'throughput.svg', 'cpu.svg', 'memory.svg'])
  for (const [name, svg] of charts) {
    t.match(svg, /^<svg [^>]*>.*<\/svg>$/s, name)
    t.match(svg, 'HTTP/2', name)
    t.match(svg, 'prefers-color-scheme: dark', name)
    t.notMatch(svg, /NaN|undefined|Infinity/, name)
  }
  const expectLabels = (name: string, labels: string[]): void => {
    for (const label of labels) t.match(charts.get(name), label)
  }
  expectLabels('ratios.svg', ['one socket: latency of a message', 'memory of an idle socket, of 1,000', '>0.67<', '>2<'])
  expectLabels('throughput.svg', ['16 KiB', 'one socket: MB/s', '90 MB/s'])
})

const gains = [
  compare('page/rtt50', 'a page', { connections: 65, last: 300 }, 1 / 65),
  compare('idle/10000', '10,000 idle sockets', { rss: 40 * 1024 }, 0.5),
  compare('load/64b-64-on-one-x1', '64 sockets', { rate: 20_000 }, 3)
]

void t.test('a report begins with what HTTP/2 gains', async (t) => {
  const text = formatReport(report(echo, ...gains))
  t.ok(text.indexOf('## What HTTP/2 gains') < text.indexOf('- Machine'))
  t.match(text, '| TCP connections of a page with 64 sockets | 1 | 65 | 65 times fewer |')
  t.match(text, '| Server memory of an idle socket, of 10,000 | 20 KiB | 40 KiB | 2 times less |')
  t.match(text, '| Messages of 64 sockets per second | 60,000 messages/s | 20,000 messages/s | 3 times more |')
  t.notMatch(formatReport(report(beside)), 'What HTTP/2 gains', 'a report without them has no such section')
})

void t.test('the chart of gains has both transports and their values, and is readable on dark pages', async (t) => {
  const svg = (await drawCharts(report(...gains))).get('gains.svg')!
  for (const text of ['TCP connections', '65 times fewer', 'HTTP/1.1', '4.62 ms', '60,000 messages/s']) t.match(svg, text)
  t.match(svg, 'prefers-color-scheme: dark')
  t.notMatch(svg, /NaN|undefined/)
  t.notOk((await drawCharts(report(...gains.slice(1)))).has('gains.svg'), 'it is drawn only if all gains were measured')
})

void t.test('a chart without data is omitted', async (t) => {
  t.same([...(await drawCharts(report())).keys()], [])
  t.same([...(await drawCharts(report(beside))).keys()], [])
  t.same([...(await drawCharts(report(idle))).keys()], ['ratios.svg', 'memory.svg'])
})

void t.test('a report of several runs lists the scenarios of each, with its date and versions', async (t) => {
  const later = { ...run, date: '2026-11-30', versions: { server: 'v20.21.0', fastify: '5.13.0' } }
  const text = formatReport({ runs: [run, later], results: [{ run: 1, ...echo }, { run: 0, ...idle }] })
  t.match(text, '# Benchmark of 2026-11-23 to 2026-11-30')
  t.match(text, /\*\*2026-11-23\*\*: `idle\/1000`\n\n.*\n- Versions: server v20.20.2, fastify 5.12.8\n/)
  t.match(text, /\*\*2026-11-30\*\*: `echo\/64b-one-x1`\n\n.*\n- Versions: server v20.21.0, fastify 5.13.0\n/)
  t.notMatch(formatReport(report(echo)), '`echo/64b-one-x1`', 'one run has all scenarios')
})
