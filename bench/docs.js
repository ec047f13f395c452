/**
 * Writes the gains of HTTP/2 into the pages that have them, from bench/results/node-MAJOR-gains:
 *
 *   node bench/docs.js
 *
 * test/docs/numbers.test.ts checks that they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { computeGains, describeGains } from './gains.js'
import { formatValue } from './metrics.js'

const ROOT = new URL('../', import.meta.url)
const CHART = /!\[[^\]]*\](\([\w./]*?(node-\d+-gains)\/gains\.svg\))/
const TABLE = /\n\| What HTTP\/2 gains \|.*\n(?:\|.*\n)+/

/** Pages that have the gains, by their paths, with the functions that write them. */
export const pages = new Map([
  ['README.md', writeChart],
  ['bench/results/README.md', writeChart],
  ['docs/numbers.md', (text) => writeTable(writeChart(text))]
])

/** Writes the numbers into the alternative text of the chart. */
function writeChart (text) {
  return text.replace(CHART, (image, target, directory) => `![${describeGains(readGains(directory))}]${target}`)
}

/** Writes a table with a column for each version of Node.js. */
function writeTable (text) {
  const majors = [24, 26]
  const columns = majors.map((major) => readGains(`node-${major}-gains`))
  const head = ['What HTTP/2 gains', ...majors.flatMap((major) => [`HTTP/2, Node.js ${major}`, 'HTTP/1.1', ''])]
  const rows = columns[0].map(({ title }, row) => [title, ...columns.flatMap((gains) => {
    const { metric, h2, h1, phrase } = gains[row]
    return [formatValue(h2, metric), formatValue(h1, metric), phrase]
  })])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`)
  return text.replace(TABLE, `\n${lines.join('')}`)
}

function readGains (directory) {
  return computeGains(JSON.parse(readFileSync(new URL(`bench/results/${directory}/results.json`, ROOT), 'utf8')).results)
}

if (import.meta.filename === process.argv[1]) {
  for (const [path, write] of pages) {
    const url = new URL(path, ROOT)
    writeFileSync(url, write(readFileSync(url, 'utf8')))
  }
}
