/** Formats the results of a benchmark: as a Markdown document, and as text for the terminal. */
import { formatGains } from './gains.js'
import { METRICS, formatNumber, labelMetric } from './metrics.js'
import { formatReferences } from './references-table.js'
import { checkTargets } from './targets.js'

const KiB = 1024
const GiB = 1024 ** 3

const GROUPS = {
  get: 'GET requests',
  echo: 'Echo',
  load: 'Echo under full load',
  page: 'Pages',
  proxy: 'Behind HAProxy',
  handshake: 'Handshakes',
  idle: 'Idle sockets',
  memory: 'Users with a session each',
  'fan-out': 'Fan-out',
  upload: 'Uploads',
  download: 'Downloads',
  ramp: 'Ramp-up',
  link: 'Links with a limited rate',
  stalled: 'Beside stalled sockets',
  bulk: 'Beside bulk transfers',
  node: 'With the client of this package',
  gateway: 'A ws server through the gateway',
  references: 'Servers of other libraries and languages'
}

const SIZES = { b: [1, 'B'], k: [KiB, 'KiB'], m: [KiB ** 2, 'MiB'] }
const ARROWS = { lower: '↓', higher: '↑' }

/** Returns the title of the scenario that a result is of. */
export function describeScenario ({ title, secure }) {
  return secure === false ? `${title}, without TLS` : title
}

/** Groups results by the first part of their scenario's name. Returns them by the title of the group. */
export function groupResults (results) {
  const groups = new Map()
  for (const result of results) {
    const [group] = result.name.split('/')
    const title = GROUPS[group] ?? group
    groups.set(title, [...groups.get(title) ?? [], result])
  }
  return groups
}

/** Returns the messages and megabytes per second of an echo, if its name contains the size of the message. */
export function computeRates ({ name, title, sides: variants }) {
  const [, count, letter, sockets] = /^echo\/(\d+)([bkm])-(.+)$/.exec(name) ?? []
  if (sockets === undefined) return []

  const [factor, unit] = SIZES[letter]
  const bytes = count * factor
  const size = `${count} ${unit}`
  const setup = title.split(', ').slice(1).join(', ') || sockets
  const withRate = Object.entries(variants).filter(([, { metrics }]) => metrics?.rate)
  return withRate.flatMap(([variant, { label, metrics: { rate } }]) => (
    Object.entries({ 'messages/s': 1, 'MB/s': bytes / 1e6 }).map(([rateUnit, times]) => {
      const [median, min, max] = [rate.median, rate.min, rate.max].map((value) => value * times)
      return { panel: `${setup}: ${rateUnit}`, bytes, size, variant, label, median, min, max }
    })
  ))
}

/** Returns a report as Markdown. */
export function formatReport ({ runs, results }) {
  const dates = [...new Set(runs.map(({ date }) => date))].sort()
  return `${[
    `# Benchmark of ${dates.length > 1 ? `${dates[0]} to ${dates.at(-1)}` : dates[0]}`,
    ...formatGains(results),
    ...runs.map((run, index) => formatRun(run, runs.length === 1 ? [] : results.filter((result) => result.run === index))),
    [
      'Each number is the median of all rounds, followed by the lowest and the highest round in brackets.',
      'The variants of a scenario are measured in turns, A B A B, so that other load affects all of them. Each round',
      'has a ratio of its own, and the ratio shown is their median.',
      'A ratio HTTP/2 / HTTP/1.1 below 1 is better for HTTP/2 where lower is better (↓: latency, CPU, memory), a ratio',
      'above 1 where higher is better (↑: rates).'
    ].join('\n'),
    formatMetrics(results),
    ...formatTargets(runs, results),
    ...[...groupResults(results)].flatMap(([title, group]) => formatGroup(title, group))
  ].join('\n\n')}\n`
}

/** Returns what a run was made with, and the names of its scenarios if there are other runs. */
function formatRun ({ date, machine, versions, pace: durations, profiles }, results) {
  const rounds = `${durations.rounds} rounds (more or fewer in some scenarios)`
  const names = results.map(({ name }) => `\`${name}\``).join(', ')
  return [
    ...names === '' ? [] : [`**${date}**: ${names}`, ''],
    `- Machine: ${machine.cpu}, ${machine.cores} cores, ${formatNumber(machine.memory / GiB)} GiB, ${machine.os}`,
    `- Versions: ${Object.entries(versions).map((entry) => entry.join(' ')).join(', ')}`,
    `- Durations: ${durations.name}, ${rounds} of ${formatNumber(durations.slice)} ms for each variant`,
    ...profiles ? ['- Slowed by CPU profiles of the servers'] : []
  ].join('\n')
}

/** Returns the major version of a version of Node.js. */
export function majorOf (version) {
  return Number(version.match(/^v(\d+)/)[1])
}

function formatMetrics (results) {
  return formatTable(['metric', 'description', 'unit', 'better'], metricsOf(results).map((metric) => {
    const { title, unit, better } = METRICS[metric]
    return [metric, title, unit, `${better} ${ARROWS[better]}`]
  }))
}

/** Returns the section of targets, with those that are missed first. Runs of one report have the same Node major. */
function formatTargets ([{ versions }], results) {
  const measured = checkTargets(results, majorOf(versions.server)).filter(({ met }) => met !== undefined)
  if (measured.length === 0) return []

  const missed = measured.filter(({ met }) => !met)
  const sorted = [...missed, ...measured.filter(({ met }) => met)]
  const rows = sorted.map(({ title, scenario, limit, measured: value, met }) => {
    const cells = [title, limit.replace('<=', '≤').replace('>=', '≥'), value, scenario]
    return met ? ['✅ met', ...cells] : ['❌ NOT MET', ...cells].map((cell) => `**${cell}**`)
  })
  const summary = missed.length === 0
    ? `All ${measured.length} targets are met.`
    : `**${missed.length} of ${measured.length} targets not met.**`
  return [
    '## Targets',
    `${summary} A number without a unit is a ratio, HTTP/2 / HTTP/1.1 unless noted.`,
    formatTable(['', 'target', 'limit', 'measured', 'scenario'], rows)
  ]
}

function formatGroup (title, results) {
  const metrics = metricsOf(results)
  const head = metrics.map((metric) => `${labelMetric(metric)} ${ARROWS[METRICS[metric].better]}`)
  const rows = results.flatMap((result) => [...tabulate(result, metrics)].map(({ label, cells, isBold }, index) => [
    index === 0 ? describeScenario(result) : '',
    ...[label, ...cells].map((cell) => isBold && cell !== '' ? `**${cell}**` : cell)
  ]))
  const tools = [...new Set(results.map(({ tool }) => tool).filter(Boolean))]
  return [
    `## ${title}`,
    ...formatReferences(results),
    formatTable(['scenario', 'variant', ...head], rows, 2),
    ...tools.length === 0 ? [] : [`Measured with ${tools.join('; ')}.`]
  ]
}

/** Returns the result of one scenario as a text table with aligned columns. */
export function formatScenario (result) {
  const metrics = metricsOf([result])
  const rows = [
    ['', ...metrics.map(labelMetric)],
    ...[...tabulate(result, metrics)].map(({ label, cells }) => [label, ...cells])
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('   ')}`.trimEnd())
  return [`${result.name} (${describeScenario(result)})`, ...lines].join('\n')
}

/** Yields a row for each variant, and one for the ratios. */
function * tabulate (result, metrics) {
  for (const { label, metrics: measured = {} } of Object.values(result.sides)) {
    yield { label, cells: metrics.map((metric) => formatSpread(measured[metric], METRICS[metric].per)) }
  }
  if (result.ratios === undefined || Object.keys(result.ratios).length === 0) return

  yield {
    label: labelRatio(result, result.of),
    cells: metrics.map((metric) => formatSpread(result.ratios[metric])),
    isBold: result.of[0] === 'h2'
  }
}

function labelRatio (result, compared) {
  return compared.map((variant) => result.sides[variant]?.label ?? variant).join(' / ')
}

function formatSpread (spread, per = 1) {
  if (spread === undefined) return ''
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => formatNumber(value / per))
  return `${median} (${min}..${max})`
}

/** Returns the names of the metrics that any variant of the results has. */
function metricsOf (results) {
  const variants = results.flatMap((result) => Object.values(result.sides))
  return Object.keys(METRICS).filter((metric) => variants.some(({ metrics }) => metrics?.[metric] !== undefined))
}

/** Returns a Markdown table. The columns from `textColumns` on hold numbers, and are aligned to the right. */
function formatTable (head, rows, textColumns = head.length) {
  const rule = head.map((_, column) => column < textColumns ? '---' : '---:')
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
