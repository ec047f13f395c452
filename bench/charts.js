/** The charts of a report, as SVG. A chart is left out where the report has nothing for it. */
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { describe, formatValue, groupResults, readAdvantages, readRates } from './report.js'

const WIDTH = 696
const ROW = 17
const COLUMN = 64

// Okabe and Ito's palette, safe for the colour-blind; what the two are compared with is muted.
const REFERENCES = { raw: '#5d7f95', 'fastify-websocket': '#b08a6a', ws: '#c2a891', naive: '#93a3ad', go: '#a5a58d' }
const COLOURS = { h1: '#d55e00', h2: '#0072b2', ...REFERENCES }
const INK = '#1f2328'
const MUTED = '#6e7781'
const FAINT = '#e8ebef'
const TEXT = { labelColor: INK, labelFontSize: 11, labelLimit: 0, title: null }

// Without a canvas, vega takes a text for longer than it is, so texts must not be what a chart is laid out by.
const CONFIG = {
  font: 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif',
  padding: { left: 12, right: 12, top: 14, bottom: 12 },
  background: 'white',
  view: { stroke: null },
  title: { anchor: 'start', color: INK, fontSize: 16, offset: 16, subtitleColor: MUTED, subtitlePadding: 6 },
  axis: { ...TEXT, domain: false, ticks: false, gridColor: FAINT },
  header: { ...TEXT, labelFontWeight: 'bold' },
  legend: { ...TEXT, orient: 'top', symbolOpacity: 1 }
}

export async function drawCharts ({ results }) {
  const pick = (pattern) => results.filter(({ name }) => pattern.test(name))
  const withOthers = pick(/^(echo|load)\//).filter(({ sides }) => Object.keys(sides).length > 2)
  const note = 'Medians of rounds; lines: lowest to highest round.'
  const title = (text, ...lines) => ({ text, subtitle: [...lines, note] })
  const charts = {
    'ratios.svg': [compareTransports(results, title(
      'WebSockets over HTTP/2 beside HTTP/1.1',
      'How many times better HTTP/2 is: right of 1 it does more, or takes less.',
      'Blue: better in all rounds; orange: worse in all; grey: rounds disagree.'
    ))],
    'latency.svg': [compareSides(pick(/^echo\/.*-x1$/), ['p50', 'p99'], title(
      'Latency of an echo, one message in flight',
      'Shorter is better; each block has its own scale. Dark: p50; light: p99.'
    ))],
    'throughput.svg': [
      compareSizes(pick(/^echo\//), title('Echoes by size of the message', 'Higher is better.')),
      compareSides(pick(/^(up|down)load\//), ['throughput'], title(
        'Uploads and downloads', 'Longer is better; each block has its own scale.'
      ))
    ],
    'cpu.svg': [compareSides(withOthers.length > 0 ? withOthers : pick(/^echo\//), ['cpu'], title(
      'Server CPU per echoed message', 'Shorter is better; each block has its own scale.'
    ))],
    'memory.svg': [compareSides(pick(/^idle\//), ['heap', 'rss'], title(
      'Memory per idle socket', 'Shorter is better. Dark: JavaScript heap; light: resident memory (RSS).'
    ))]
  }
  const drawn = new Map()
  for (const [name, parts] of Object.entries(charts)) {
    const vconcat = parts.filter((part) => part !== undefined)
    if (vconcat.length > 0) drawn.set(name, await draw(vconcat))
  }
  return drawn
}

async function draw (vconcat) {
  const { spec } = compile({ vconcat, spacing: 30, resolve: { scale: { color: 'independent' } }, config: CONFIG })
  const svg = await new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
  // On a dark page, sharp corners of the white ground would stand out.
  return svg.replace('fill="white"', 'fill="white" rx="8"')
}

/** A row for each scenario, a panel for each kind of metric, a dot for how many times better HTTP/2 is. */
function compareTransports (results, title) {
  const rows = []
  const values = []
  for (const [heading, members] of groupResults(results.filter((result) => readAdvantages(result).length > 0))) {
    rows.push({ label: heading, isHeading: true })
    for (const result of members) {
      values.push(...readAdvantages(result).map((dot) => ({
        ...dot,
        row: rows.length,
        colour: dot.min > 1 ? COLOURS.h2 : dot.max < 1 ? COLOURS.h1 : MUTED,
        across: dot.median < 1 ? Math.max(1, dot.max) : Math.min(1, dot.min)
      })))
      rows.push({ label: describe(result) })
    }
  }
  if (rows.length === 0) return

  const kinds = [...new Set(values.map(({ kind }) => kind))]
  const extent = extentOf(rows)
  // Room for the numbers, which stand across the line at 1 from their dots.
  const ends = values.flatMap(({ min, max, across }) => [min, max, across / 2.2, across * 2.2])
  const choose = (worse, better) => ({ expr: `datum.median < 1 ? ${worse} : ${better}` })
  const x = {
    type: 'quantitative',
    scale: { type: 'log', base: 2, domain: [Math.min(...ends), Math.max(...ends)], nice: false, padding: 4 },
    axis: {
      orient: 'top',
      values: [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32],
      labelExpr: "{ 0.125: '⅛', 0.25: '¼', 0.5: '½' }[datum.value] || datum.value",
      gridColor: { condition: { test: 'datum.value === 1', value: INK }, value: FAINT }
    }
  }
  return {
    title,
    data: { values },
    facet: { column: { field: 'kind', sort: kinds } },
    spacing: 14,
    bounds: 'flush',
    spec: {
      width: (WIDTH - extent) / kinds.length - 14,
      height: rows.length * ROW,
      encoding: { y: encodeRows(rows, extent), color: { field: 'colour', scale: null } },
      layer: [
        { mark: { type: 'rule', strokeWidth: 2 }, encoding: { x: { ...x, field: 'min' }, x2: { field: 'max' } } },
        { mark: { type: 'point', filled: true, opacity: 1, size: 42 }, encoding: { x: { ...x, field: 'median' } } },
        {
          mark: { type: 'text', fontSize: 9.5, align: choose("'left'", "'right'"), dx: choose(6, -6) },
          encoding: { x: { ...x, field: 'across' }, text: { field: 'median', format: '.2r' }, color: { value: INK } }
        }
      ]
    }
  }
}

/** A block for each scenario, in it a bar for each side: the first metric dark, the second light behind it. */
function compareSides (results, metrics, title) {
  const rows = []
  const values = []
  for (const result of results) {
    const bars = Object.entries(result.sides).flatMap(([side, { label, metrics: measured }]) => (
      metrics.filter((metric) => measured?.[metric]).map((metric) => ({ side, label, metric, ...measured[metric] }))
    ))
    // One wild round should not make all bars short: its line is cut instead.
    const full = Math.max(...bars.map(({ median, max }) => Math.min(max, 1.5 * median)))
    if (bars.length > 0) rows.push({ label: describe(result), isHeading: true })
    for (const { side, label, metric, median, min, max } of bars) {
      if (rows.at(-1).side !== side) rows.push({ label, side })
      const [length, from, to] = [median, min, max].map((value) => Math.min(1, value / full))
      const text = formatValue(median, metric)
      values.push({ row: rows.length - 1, metric, colour: COLOURS[side] ?? MUTED, length, from, to, text })
    }
  }
  if (rows.length === 0) return

  const extent = extentOf(rows.filter(({ isHeading }) => !isHeading))
  const width = WIDTH - extent - COLUMN * metrics.length
  const x = { type: 'quantitative', scale: { domain: [0, 1] }, axis: null }
  const layers = metrics.map((metric, index) => {
    const number = { type: 'text', align: 'right', color: index === 0 ? INK : MUTED, x: width + COLUMN * (index + 1) }
    const bar = { type: 'bar', height: ROW - 5, opacity: index === 0 ? 1 : 0.35 }
    const line = { type: 'rule', strokeWidth: 1.5, color: INK }
    return {
      transform: [{ filter: `datum.metric === '${metric}'` }],
      layer: [
        { mark: bar, encoding: { x: { ...x, field: 'length' }, color: { field: 'colour', scale: null } } },
        { mark: line, encoding: { x: { ...x, field: 'from' }, x2: { field: 'to' } } },
        { mark: number, encoding: { text: { field: 'text' } } }
      ]
    }
  })
  const encoding = { y: encodeRows(rows, extent) }
  // The light bars first: the dark ones are drawn over them.
  return { title, width, height: rows.length * ROW, data: { values }, encoding, layer: layers.reverse() }
}

/** A panel for each number of sockets and messages in flight, a line for each side that has a few sizes. */
function compareSizes (results, title) {
  const all = results.flatMap(readRates).sort((a, b) => a.bytes - b.bytes)
  const values = all.filter(({ of, side }) => all.filter((other) => other.of === of && other.side === side).length > 2)
  if (values.length === 0) return

  const labels = new Map(values.map(({ label, side }) => [label, COLOURS[side] ?? MUTED]))
  const extent = extentOf(values)
  const y = { type: 'quantitative', axis: { tickCount: 4, format: ',f', minExtent: extent } }
  return {
    title,
    data: { values },
    facet: { field: 'of', sort: [...new Set(values.map(({ of }) => of))], header: { labelAnchor: 'start' } },
    columns: 2,
    spacing: { row: 50, column: 52 },
    bounds: 'flush',
    resolve: { scale: { y: 'independent' }, axis: { x: 'independent' } },
    spec: {
      width: (WIDTH - extent - 52) / 2,
      height: 130,
      encoding: {
        x: { field: 'size', sort: [...new Set(values.map(({ size }) => size))], axis: { labelAngle: 0 } },
        color: { field: 'label', scale: { domain: [...labels.keys()], range: [...labels.values()] } }
      },
      layer: [
        { mark: { type: 'line', point: true }, encoding: { y: { ...y, field: 'median' } } },
        { mark: 'rule', encoding: { y: { ...y, field: 'min' }, y2: { field: 'max' } } }
      ]
    }
  }
}

/** About the width of the longest label: there is nothing to measure it with. */
function extentOf (rows) {
  return 5.6 * Math.max(...rows.map(({ label }) => label.length)) + 24
}

function encodeRows (rows, extent) {
  const isHeading = `${JSON.stringify(rows.map(({ isHeading = false }) => isHeading))}[datum.value]`
  return {
    field: 'row',
    type: 'ordinal',
    scale: { domain: rows.map((_, index) => index) },
    axis: {
      labelExpr: `${JSON.stringify(rows.map(({ label }) => label))}[datum.value]`,
      labelFontWeight: { condition: { test: isHeading, value: 'bold' }, value: 'normal' },
      gridColor: { condition: { test: isHeading, value: 'transparent' }, value: FAINT },
      grid: true,
      labelAlign: 'left',
      labelPadding: extent
    }
  }
}
