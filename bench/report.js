/** The results of the benchmark as text: a Markdown document, and lines for the terminal. */

const KiB = 1024
const GiB = 1024 ** 3

/**
 * What is measured, in the order of the columns; `per` is how many of the report's units make one of those shown.
 * Where ratios are compared, the first metric of each kind that a scenario has stands for that kind.
 */
export const METRICS = {
  p50: { title: 'median latency', unit: 'µs', better: 'lower', kind: 'Latency' },
  p99: { title: 'latency that 99 % stay below', unit: 'µs', better: 'lower', kind: '99 % latency' },
  p999: { title: 'latency that 99.9 % stay below', unit: 'µs', better: 'lower' },
  time: { title: 'time it takes', unit: 'ms', better: 'lower', kind: 'Latency' },
  rate: { title: 'messages answered', unit: 'messages/s', better: 'higher', kind: 'Rate' },
  requests: { title: 'requests answered', unit: 'requests/s', better: 'higher', kind: 'Rate' },
  throughput: { title: 'payload transferred', unit: 'MB/s', better: 'higher', kind: 'Rate' },
  handshakes: { title: 'sockets opened', unit: 'handshakes/s', better: 'higher', kind: 'Rate' },
  cpu: { title: 'server CPU per message, request or handshake', unit: 'µs', better: 'lower', kind: 'CPU, memory' },
  rss: { title: 'resident memory per idle socket', unit: 'KiB', per: KiB, better: 'lower', kind: 'CPU, memory' },
  heap: { title: 'JavaScript heap per idle socket', unit: 'KiB', per: KiB, better: 'lower', kind: 'CPU, memory' }
}

const GROUPS = {
  get: 'GET requests',
  echo: 'Echo',
  load: 'Echo under full load',
  handshake: 'Handshakes',
  idle: 'Idle sockets',
  'fan-out': 'Fan-out',
  upload: 'Uploads',
  download: 'Downloads',
  ramp: 'Ramp-up',
  stalled: 'Beside stalled sockets',
  bulk: 'Beside bulk transfers',
  node: 'With the client of this package'
}

const SIZES = { b: [1, 'B'], k: [KiB, 'KiB'], m: [KiB ** 2, 'MiB'] }
const ARROWS = { lower: '↓', higher: '↑' }
const BOUNDS = { most: '≤', least: '≥' }
const NONE = '–'

const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

export function formatNumber (value) {
  return Number.isFinite(value) ? threeDigits.format(value) : NONE
}

/** In the unit of the metric, or the next larger one where that reads better. */
export function formatValue (value, metric) {
  const { unit, per = 1 } = METRICS[metric]
  if (unit === 'µs' && value >= 1000) return `${formatNumber(value / 1000)} ms`
  return `${formatNumber(value / per)} ${unit}`
}

export function describe ({ title, secure }) {
  return secure === false ? `${title}, without TLS` : title
}

/** The results by the title of their group, in the order in which the groups first occur. */
export function groupResults (results) {
  const groups = new Map()
  for (const result of results) {
    const [group] = result.name.split('/')
    const title = GROUPS[group] ?? group
    groups.set(title, [...groups.get(title) ?? [], result])
  }
  return groups
}

/** How many times better HTTP/2 does than HTTP/1.1, whichever way a metric is better: one of each kind. */
export function readAdvantages (result) {
  const advantages = new Map()
  for (const [metric, { kind, better }] of Object.entries(METRICS)) {
    const ratio = result.ratios?.[metric]
    if (kind === undefined || advantages.has(kind) || !(ratio?.min > 0) || ratioOf(result).join() !== 'h2,h1') continue

    const { median, min, max } = ratio
    const advantage = better === 'higher' ? { median, min, max } : { median: 1 / median, min: 1 / max, max: 1 / min }
    advantages.set(kind, { kind, ...advantage })
  }
  return [...advantages.values()]
}

/** The messages and megabytes per second of an echo, if its name tells the size of the message. */
export function readRates ({ name, title, sides }) {
  const [, count, letter, shape] = /^echo\/(\d+)([bkm])-(.+)$/.exec(name) ?? []
  if (shape === undefined) return []

  const [factor, unit] = SIZES[letter]
  const what = title.split(', ').slice(1).join(', ') || shape
  return Object.entries(sides).filter(([, { metrics }]) => metrics?.rate).flatMap(([side, { label, metrics }]) => {
    return Object.entries({ 'messages/s': 1, 'MB/s': count * factor / 1e6 }).map(([of, times]) => {
      const [median, min, max] = [metrics.rate.median, metrics.rate.min, metrics.rate.max].map((rate) => rate * times)
      return { of: `${what}: ${of}`, bytes: count * factor, size: `${count} ${unit}`, side, label, median, min, max }
    })
  })
}

export function toTable (report) {
  const { date, machine, versions, pace, results } = report
  return `${[
    `# Benchmark of ${date}`,
    [
      `- Machine: ${machine.cpu}, ${machine.cores} cores, ${formatNumber(machine.memory / GiB)} GiB, ${machine.os}`,
      `- Versions: ${Object.entries(versions).map((entry) => entry.join(' ')).join(', ')}`,
      `- Pace: ${pace.name}, ${pace.rounds} rounds of ${formatNumber(pace.slice)} ms for each side, more or fewer where that says more`
    ].join('\n'),
    [
      'A number is the median of the rounds, with the lowest and the highest round in brackets.',
      'The sides of a scenario take turns, A B A B, and each round has a ratio of its own, so that whatever slows down',
      'the machine for a while slows down both; a ratio is the median of these.',
      'HTTP/2 / HTTP/1.1 below 1 is better for HTTP/2 where lower is better (↓: latency, CPU, memory), and above 1',
      'where higher is better (↑: rates).'
    ].join('\n'),
    formatMetrics(results),
    ...formatTargets(results),
    ...[...groupResults(results)].flatMap(([title, group]) => formatGroup(title, group))
  ].join('\n\n')}\n`
}

function formatMetrics (results) {
  return toMarkdown(['metric', 'what it is', 'unit', 'better'], metricsOf(results).map((metric) => {
    const { title, unit, better } = METRICS[metric]
    return [metric, title, unit, `${better} ${ARROWS[better]}`]
  }))
}

function formatTargets (results) {
  const targets = results.flatMap((result) => (result.targets ?? []).map((target) => ({ ...target, result })))
  if (targets.length === 0) return []

  const missed = targets.filter(({ met }) => !met)
  const sorted = [...missed, ...targets.filter(({ met }) => met)]
  const rows = sorted.map(({ result, metric, of, at, value, measured, met }) => {
    const show = of?.length === 1 ? (number) => formatValue(number, metric) : formatNumber
    const cells = [
      describe(result), metric, labelRatio(result, of), `${BOUNDS[at] ?? at} ${show(value)}`, show(measured)
    ]
    return met ? ['✅ met', ...cells] : ['❌ NOT MET', ...cells].map((cell) => `**${cell}**`)
  })
  const summary = missed.length === 0
    ? `All ${targets.length} targets are met.`
    : `**${missed.length} of ${targets.length} targets not met.**`
  return ['## Targets', summary, toMarkdown(['', 'scenario', 'metric', 'of', 'target', 'measured'], rows)]
}

function formatGroup (title, results) {
  const metrics = metricsOf(results)
  const head = metrics.map((metric) => `${metric}, ${METRICS[metric].unit} ${ARROWS[METRICS[metric].better]}`)
  const rows = results.flatMap((result) => [...tabulate(result, metrics)].map(({ label, cells, isBold }, index) => [
    index === 0 ? describe(result) : '',
    ...[label, ...cells].map((cell) => isBold && cell !== '' ? `**${cell}**` : cell)
  ]))
  const tools = [...new Set(results.map(({ tool }) => tool).filter(Boolean))]
  return [
    `## ${title}`,
    toMarkdown(['scenario', 'side', ...head], rows, 2),
    ...tools.length === 0 ? [] : [`Measured with ${tools.join('; ')}.`]
  ]
}

/** One scenario while the benchmark runs. */
export function printScenario (result) {
  const metrics = metricsOf([result])
  const rows = [
    ['', ...metrics.map((metric) => `${metric}, ${METRICS[metric].unit}`)],
    ...[...tabulate(result, metrics)].map(({ label, cells }) => [label, ...cells])
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('   ')}`.trimEnd())
  return [`${result.name} (${describe(result)})`, ...lines].join('\n')
}

/** A row for each side, and one for the ratio. */
function * tabulate (result, metrics) {
  for (const { label, metrics: measured = {} } of Object.values(result.sides)) {
    yield { label, cells: metrics.map((metric) => formatSpread(measured[metric], METRICS[metric].per)) }
  }
  if (result.ratios === undefined || Object.keys(result.ratios).length === 0) return

  const of = ratioOf(result)
  yield {
    label: labelRatio(result, of),
    cells: metrics.map((metric) => formatSpread(result.ratios[metric])),
    isBold: of[0] === 'h2'
  }
}

/** The two sides that the ratios of a scenario are of. */
export function ratioOf ({ of, ratios }) {
  return of ?? ratios?.of ?? ['h2', 'h1']
}

function labelRatio (result, of = ratioOf(result)) {
  return of.map((side) => result.sides[side]?.label ?? side).join(' / ')
}

function formatSpread (spread, per = 1) {
  if (spread === undefined) return ''
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => formatNumber(value / per))
  return `${median} (${min}..${max})`
}

/** The metrics that any side of the results has. */
function metricsOf (results) {
  const sides = results.flatMap((result) => Object.values(result.sides))
  return Object.keys(METRICS).filter((metric) => sides.some(({ metrics }) => metrics?.[metric] !== undefined))
}

function toMarkdown (head, rows, texts = head.length) {
  const rule = head.map((_, column) => column < texts ? '---' : '---:')
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
