/**
 * Writes the numbers of bench/results into the pages that have them:
 *
 *   node bench/docs.js
 *
 * A page has them in the alternative text of the chart of gains, and between the comments `begin NAME` and `end NAME`,
 * where NAME is a table of this file. What was measured on no version is left out, except for targets, and what was not
 * measured on one is a dash. test/docs/numbers.test.ts checks that the pages
 * are up to date.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { compareTransports, computeAdvantage } from './comparisons.js'
import { computeGains, describeGains, formatGain } from './gains.js'
import { NO_VALUE, formatRatio, formatValue } from './metrics.js'
import { checkTargets } from './targets.js'

const ROOT = new URL('../', import.meta.url)

/** The versions of Node.js that have columns, in their order. */
const MAJORS = [24, 26]

const CHART = /!\[[^\]]*\](\([\w./]*?node-(\d+)\/gains\.svg\))/
const BLOCK = /(<!-- begin ([\w-]+): .*? -->\n)([^]*?)(<!-- end \2 -->)/g

const PAGES = [0, 20, 50].flatMap((rtt) => [
  [`one socket, ${rtt} ms: time until its first message is answered`, `page/rtt${rtt}-1`, 'answer'],
  [`6 sockets, ${rtt} ms: time until all are answered`, `page/rtt${rtt}-6`, 'answers']
])

const PROXY = [
  ['64 users: messages per second', 'proxy/64-clients', 'rate'],
  ['64 users: CPU of the app for a message', 'proxy/64-clients', 'cpu'],
  ['64 users: CPU of HAProxy for a message', 'proxy/64-clients', 'proxyCpu'],
  ['64 users: TCP connections between HAProxy and the app', 'proxy/64-clients', 'upstream'],
  ['1,000 idle users: memory of the app for each', 'proxy/1000-idle', 'rss'],
  ['1,000 idle users: JavaScript heap of the app for each', 'proxy/1000-idle', 'heap']
]

const MANY = ['h2-many', 'h1-many']

const LINK = [['100 Mbit/s', '100mbit-rtt50'], ['300 Mbit/s', '300mbit-rtt50'], ['1 Gbit/s', '1gbit-rtt50']].flatMap(
  ([rate, link]) => [
    [`${rate}, upload, one socket: share of the link`, `link/${link}-upload`, 'share'],
    [`${rate}, upload, 8 sockets: share of the link`, `link/${link}-upload`, 'share', MANY],
    [`${rate}, upload, one socket: ramp-up`, `link/${link}-upload`, 'ramp'],
    [`${rate}, download, one socket: share of the link`, `link/${link}-download`, 'share'],
    [`${rate}, download, 8 sockets: share of the link`, `link/${link}-download`, 'share', MANY],
    [`${rate}, both at once, one socket each: share of the link`, `link/${link}-both`, 'share']
  ]
).concat([
  ['1 Gbit/s, hosts tuned for it, upload, one socket: share of the link', 'link/1gbit-rtt50-tuned-upload', 'share'],
  ['100 Mbit/s, 20 ms, a small echo beside a download: median latency above the round trip', 'bulk/link-100mbit-rtt20', 'wait50'],
  ['300 Mbit/s, a small echo beside a download: median latency above the round trip', 'bulk/link-300mbit-rtt50', 'wait50']
])

const MEMORY = [
  ['1,000 sockets on one session: RSS of a socket', 'idle/1000', 'rss'],
  ['1,000 sockets on one session: JavaScript heap of a socket', 'idle/1000', 'heap'],
  ['10,000 sockets on ten sessions: RSS of a socket', 'idle/10000', 'rss'],
  ['pages with one socket: RSS that it adds to the page', 'memory/page-1', 'rss'],
  ['pages with 6 sockets: RSS that each adds to the page', 'memory/page-6', 'rss'],
  ['10,000 users with one socket and nothing else: RSS of each', 'memory/10k-sessions-of-one', 'rss']
]

const GATEWAY = [
  ['64 sockets, 64 B echo: messages per second', '64b-64-on-one-x1', 'rate'],
  ['64 sockets, 64 B echo: server CPU', '64b-64-on-one-x1', 'cpu'],
  ['the same, 16 in flight on each: messages per second', '64b-64-on-one-x16', 'rate'],
  ['the same, 16 in flight on each: server CPU', '64b-64-on-one-x16', 'cpu'],
  ['64 sockets, 64 KiB echo: messages per second', '64k-64-on-one-x1', 'rate'],
  ['64 sockets, 64 KiB echo: server CPU', '64k-64-on-one-x1', 'cpu'],
  ['the same, 4 in flight on each: messages per second', '64k-64-on-one-x4', 'rate'],
  ['the same, 4 in flight on each: server CPU', '64k-64-on-one-x4', 'cpu'],
  ['sockets opened one after the other: handshakes per second', 'handshake', 'handshakes'],
  ['sockets opened one after the other: server CPU', 'handshake', 'cpu'],
  ['idle socket, of 1,000: RSS', 'idle-1000', 'rss'],
  ['idle socket, of 1,000: JavaScript heap', 'idle-1000', 'heap']
].map(([label, name, metric]) => [label, `gateway/${name}`, metric])

const REFERENCES = [['references/echo-x1', 'rate'], ['references/echo-x1', 'cpu'], ['references/idle', 'rss']]

/** The tables, by their names: functions of the results of each version of Node.js, and of the table as it is. */
const TABLES = {
  gains: writeGains,
  page: (columns) => writeValues(columns, [
    ...PAGES,
    ['6 sockets, 50 ms: TCP connections, and TLS handshakes', 'page/rtt50-6', 'connections'],
    ['6 sockets, 50 ms: bytes on the wire', 'page/rtt50-6', 'wire'],
    ['6 sockets, 50 ms: server CPU of a socket', 'page/rtt50-6', 'cpu']
  ]),
  proxy: (columns) => writeValues(columns, PROXY),
  link: (columns) => writeValues(columns, LINK),
  memory: (columns) => writeValues(columns, MEMORY),
  comparisons: writeComparisons,
  gateway: (columns) => writeRatios(columns, GATEWAY),
  references: writeReferences,
  targets: writeTargets
}

/** Pages that have numbers, by their paths, with the functions that write them. */
export const pages = new Map(['README.md', 'bench/results/README.md', 'docs/numbers.md', 'H2-DESIGN.md'].map((path) => (
  [path, (text, read = readResults) => writePage(text, read)]
)))

/**
 * Returns a page with the numbers of results.
 *
 * @param read returns the results of a version of Node.js
 */
function writePage (text, read) {
  const columns = MAJORS.map(read)
  return text
    .replace(CHART, (image, target, major) => `![${describeGains(computeGains(read(Number(major))))}]${target}`)
    .replace(BLOCK, (block, begin, name, content, end) => `${begin}\n${TABLES[name](columns, content)}\n${end}`)
}

/** Writes the gains, with both values and a phrase for each version. */
function writeGains (columns) {
  const gains = columns.map(computeGains)
  const titles = [...new Set(gains.flat().map(({ title }) => title))]
  const rows = titles.map((title) => [title, ...gains.flatMap((each) => {
    const gain = each.find((candidate) => candidate.title === title)
    return gain === undefined ? [NO_VALUE, NO_VALUE, NO_VALUE] : formatGain(gain)
  })])
  return formatTable(['', ...MAJORS.flatMap((major) => [`HTTP/2, Node.js ${major}`, 'HTTP/1.1', ''])], rows)
}

/** Writes both values of each row, and how many times better HTTP/2 is. */
function writeValues (columns, specs) {
  const rows = specs.map(([label, scenario, metric, compared]) => [label, ...columns.flatMap((results) => {
    const values = (compared ?? ['h2', 'h1']).map((variant) => formatMedian(results, scenario, variant, metric))
    return [...values, formatAdvantage(computeAdvantage(results, scenario, metric, compared))]
  })])
  return formatTable(['', ...MAJORS.flatMap((major) => [`HTTP/2, Node.js ${major}`, 'HTTP/1.1', 'times better'])], rows.filter(isMeasured))
}

/** Writes how many times better HTTP/2 is for each row. */
function writeRatios (columns, specs) {
  const rows = specs.map(([label, ...spec]) => (
    [label, ...columns.map((results) => formatAdvantage(computeAdvantage(results, ...spec)))]
  ))
  return formatTable(['HTTP/2 is better by', ...MAJORS.map((major) => `Node.js ${major}`)], rows.filter(isMeasured))
}

/** Writes the comparisons of the chart of ratios. */
function writeComparisons (columns) {
  const compared = columns.map(compareTransports)
  const rows = compared[0].flatMap(({ heading, rows: members }, group) => {
    const measured = members.map(({ label }, row) => (
      [label, ...compared.map((each) => formatAdvantage(each[group].rows[row].advantage))]
    )).filter(isMeasured)
    return measured.length === 0 ? [] : [[`**${heading}**`, ...MAJORS.map(() => '')], ...measured]
  })
  return formatTable(['HTTP/2 is better by', ...MAJORS.map((major) => `Node.js ${major}`)], rows)
}

/** Writes a row for each server. */
function writeReferences (columns) {
  const measured = columns.flatMap((results) => results.filter(({ name }) => name.startsWith('references/')))
  const labels = new Map(measured.flatMap(({ sides }) => Object.entries(sides).map(([variant, { label }]) => [variant, label])))
  const rows = [...labels].map(([variant, label]) => [label, ...columns.flatMap((results) => (
    REFERENCES.map(([scenario, metric]) => formatMedian(results, scenario, variant, metric))
  ))])
  const heads = MAJORS.flatMap((major) => [`messages/s, Node.js ${major}`, 'CPU of a message', 'memory of a socket'])
  return formatTable(['Server', ...heads], rows)
}

/** Writes the targets. Keeps the text of the last column, by the first. */
function writeTargets (columns, content) {
  const written = content.split('\n').filter((line) => line.startsWith('|')).map((line) => (
    line.replace(/^\| *| *\|$/g, '').split(/ *(?<!\\)\| */)
  ))
  const obstacles = new Map(written.slice(2).map((cells) => [cells[0], cells.at(-1)]))
  const [first, ...others] = MAJORS.map((major, index) => checkTargets(columns[index], major))
  // Do not remove text that somebody has written.
  for (const [title, obstacle] of obstacles) {
    if (obstacle !== '' && !first.some((target) => target.title === title)) throw new Error(`"${title}" is not a target`)
  }
  const rows = first.map((target, row) => [
    target.title,
    target.limit,
    ...[target, ...others.map((each) => each[row])].map(({ measured = NO_VALUE, met }) => met ? `**${measured}**` : measured),
    obstacles.get(target.title) ?? ''
  ])
  return formatTable(['HTTP/2 / HTTP/1.1 unless noted', 'Target', ...MAJORS.map((major) => `Node.js ${major}`), 'Obstacle'], rows)
}

/** Returns whether a row has a value in addition to its label. */
function isMeasured ([, ...cells]) {
  return cells.some((cell) => cell !== NO_VALUE)
}

function formatMedian (results, scenario, variant, metric) {
  const measured = results.find(({ name }) => name === scenario)?.sides[variant]?.metrics?.[metric]
  return measured === undefined ? NO_VALUE : formatValue(measured.median, metric)
}

/** Formats how many times better HTTP/2 is, in bold where it is better in all rounds. */
function formatAdvantage (advantage) {
  if (advantage === undefined) return NO_VALUE
  const text = formatRatio(advantage.median)
  return advantage.min > 1 ? `**${text}**` : text
}

function formatTable (head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function readResults (major) {
  const url = new URL(`bench/results/node-${major}/results.json`, ROOT)
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).results : []
}

if (import.meta.filename === process.argv[1]) {
  for (const [path, write] of pages) {
    const url = new URL(path, ROOT)
    writeFileSync(url, write(readFileSync(url, 'utf8')))
  }
}
