/** Draws the charts of a report as SVG, with Vega-Lite. A chart without any data is omitted. */
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { compareTransports } from './comparisons.js'
import { computeGains, hasAllGains } from './gains.js'
import { formatRatio, formatValue } from './metrics.js'
import { computeRates, describeScenario } from './report.js'

const WIDTH = 696
const ROW_HEIGHT = 17
const COLUMN_WIDTH = 64

// The transports have colours of Okabe and Ito's colour-blind safe palette; other servers have muted ones.
const OTHERS = {
  raw: '#5d7f95', 'plugin-http1': '#d99a6c', 'fastify-websocket': '#b08a6a', ws: '#c2a891', naive: '#93a3ad', go: '#a5a58d'
}
const COLOURS = { h1: '#d55e00', h2: '#0072b2', ...OTHERS }
const INK = '#1f2328'
const MUTED = '#6e7781'
const FAINT = '#e8ebef'
// Replaces colours where a reader prefers dark pages. Elsewhere the chart has a white background.
const DARK_COLOURS = { white: '#0d1117', [INK]: '#e6edf3', [MUTED]: '#9198a1', [FAINT]: '#30363d', '#0072b2': '#4493f8' }
const DARK = `<style>@media (prefers-color-scheme: dark) { ${Object.entries(DARK_COLOURS).map(([light, dark]) => (
  `[fill="${light}"] { fill: ${dark} } [stroke="${light}"] { stroke: ${dark} }`
)).join(' ')} }</style>`
const TEXT = { labelColor: INK, labelFontSize: 11, labelLimit: 0, title: null }

// Without a canvas, Vega overestimates the width of text, so the layout of a chart must not depend on text.
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

/** Names of the files of all charts. */
export const chartNames = ['gains.svg', 'ratios.svg', 'latency.svg', 'throughput.svg', 'cpu.svg', 'memory.svg']

/** Returns the charts by the names of their files. */
export async function drawCharts ({ results }) {
  const matching = (pattern) => results.filter(({ name }) => pattern.test(name))
  const withOthers = matching(/^load\//).filter(({ sides: variants }) => Object.keys(variants).length > 2)
  const note = 'Medians of rounds; lines: lowest to highest round.'
  const title = (text, ...lines) => ({ text, subtitle: [...lines, note] })
  const charts = {
    'gains.svg': [drawGains(computeGains(results))],
    'ratios.svg': [drawComparisons(compareTransports(results), title(
      'WebSockets over HTTP/2 compared with HTTP/1.1',
      'How many times better HTTP/2 is: a higher rate, or a lower time or cost. 1 is as good as HTTP/1.1.',
      'Blue: better in all rounds; orange: worse in all rounds; grey: neither.'
    ))],
    'latency.svg': [drawBars(matching(/^echo\/.*-x1$/), ['p50', 'p99'], title(
      'Latency of an echo, one message in flight',
      'Shorter is better; each block has its own scale. Dark: p50; light: p99.'
    ))],
    'throughput.svg': [
      drawRates(matching(/^echo\//), title('Echoes by message size', 'Higher is better.')),
      drawBars(matching(/^(up|down)load\//), ['throughput'], title(
        'Uploads and downloads', 'Longer is better; each block has its own scale.'
      ))
    ],
    'cpu.svg': [drawBars(withOthers, ['cpu'], title(
      'Server CPU per echoed message', 'Shorter is better; each block has its own scale.'
    ))],
    'memory.svg': [drawBars(matching(/^(idle|memory)\//), ['heap', 'rss'], title(
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
  // Rounded corners, because the background is visible on a page of another colour.
  return svg.replace('fill="white"', 'fill="white" rx="8"').replace('</svg>', `${DARK}</svg>`)
}

/** Draws two bars for each gain, with the values at their ends. The chart is for readers who see it first. */
function drawGains (gains) {
  if (!hasAllGains(gains)) return

  const [bar, gap, block, left, right] = [20, 4, 84, 76, WIDTH - 150]
  const texts = []
  const bars = gains.flatMap(({ title, metric, phrase, ...values }, index) => {
    const top = index * block
    texts.push({ x: 0, y: top + 12, text: title, weight: 'bold' }, { x: WIDTH, y: top + 12, text: phrase, weight: 'bold' })
    return [['h2', 'HTTP/2'], ['h1', 'HTTP/1.1']].map(([transport, label], row) => {
      const y = top + 26 + row * (bar + gap)
      const x2 = left + Math.max(2, (right - left) * values[transport] / Math.max(values.h1, values.h2))
      const text = formatValue(values[transport], metric)
      const middle = { y: y + bar / 2, weight: 'normal' }
      texts.push({ ...middle, x: 0, text: label }, { ...middle, x: x2 + 8, text })
      return { x: left, x2, y, y2: y + bar, colour: COLOURS[transport] }
    })
  })
  const position = (field, size) => (
    { field, type: 'quantitative', axis: null, scale: { domain: [0, size], range: [0, size], nice: false } }
  )
  const height = gains.length * block - 12
  const encoding = { x: position('x', WIDTH), y: position('y', height) }
  const drawTexts = (align, filter) => ({
    data: { values: texts.filter(filter) },
    mark: { type: 'text', align, baseline: 'middle', fontSize: 13.5, fontWeight: { expr: 'datum.weight' }, color: INK },
    encoding: { ...encoding, text: { field: 'text' } }
  })
  return {
    width: WIDTH,
    height,
    layer: [
      {
        data: { values: bars },
        mark: { type: 'rect', cornerRadius: 2 },
        encoding: { ...encoding, x2: { field: 'x2' }, y2: { field: 'y2' }, color: { field: 'colour', scale: null } }
      },
      drawTexts('left', ({ x }) => x < WIDTH),
      drawTexts('right', ({ x }) => x === WIDTH)
    ]
  }
}

/** Draws a bar for each comparison, from 1 to how many times better HTTP/2 is: to the right, or if it is worse, the left. */
function drawComparisons (groups, title) {
  const rows = []
  const values = []
  for (const { heading, rows: members } of groups) {
    const measured = members.filter(({ advantage }) => advantage !== undefined)
    if (measured.length > 0) rows.push({ label: heading, isHeading: true })
    for (const { label, advantage: { median, min, max } } of measured) {
      const colour = min > 1 ? COLOURS.h2 : max < 1 ? COLOURS.h1 : MUTED
      const text = formatRatio(median)
      values.push({ row: rows.length, median, min, max, one: 1, colour, text, end: median < 1 ? min : max })
      rows.push({ label })
    }
  }
  if (values.length === 0) return

  const extent = labelExtentOf(rows)
  // Leaves room for the numbers, which are at the ends of the lines.
  const domain = [Math.min(0.5, ...values.map(({ min }) => min / 1.5)), Math.max(2, ...values.map(({ max }) => max * 1.5))]
  const x = {
    type: 'quantitative',
    scale: { type: 'log', base: 2, domain, nice: false },
    axis: {
      orient: 'top',
      values: [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64],
      labelOverlap: false,
      labelExpr: "({ 0.125: '⅛', 0.25: '¼', 0.5: '½', 1: 'HTTP/1.1' })[datum.value] || datum.value + ' ×'",
      gridColor: { condition: { test: 'datum.value === 1', value: INK }, value: FAINT }
    }
  }
  const choose = (worse, better) => ({ expr: `datum.median < 1 ? ${worse} : ${better}` })
  return {
    title,
    width: WIDTH - extent,
    height: rows.length * ROW_HEIGHT,
    data: { values },
    encoding: { y: encodeRows(rows, extent) },
    layer: [
      {
        mark: { type: 'bar', height: ROW_HEIGHT - 5 },
        encoding: { x: { ...x, field: 'one' }, x2: { field: 'median' }, color: { field: 'colour', scale: null } }
      },
      {
        mark: { type: 'rule', strokeWidth: 1.5, color: INK },
        encoding: { x: { ...x, field: 'min' }, x2: { field: 'max' } }
      },
      {
        mark: { type: 'text', fontSize: 11, color: INK, align: choose("'right'", "'left'"), dx: choose(-5, 5) },
        encoding: { x: { ...x, field: 'end' }, text: { field: 'text' } }
      }
    ]
  }
}

/** Draws a block for each scenario, with a bar for each variant. The second metric is a light bar behind the first. */
function drawBars (results, metrics, title) {
  const rows = []
  const values = []
  for (const result of results) {
    const bars = Object.entries(result.sides).flatMap(([variant, { label, metrics: measured }]) => (
      metrics.filter((metric) => measured?.[metric]).map((metric) => ({ variant, label, metric, ...measured[metric] }))
    ))
    // An outlier among the rounds would make all bars short, so its line is cut off instead.
    const full = Math.max(...bars.map(({ median, max }) => Math.min(max, 1.5 * median)))
    if (bars.length > 0) rows.push({ label: describeScenario(result), isHeading: true })
    for (const { variant, label, metric, median, min, max } of bars) {
      if (rows.at(-1).variant !== variant) rows.push({ label, variant })
      const [length, from, to] = [median, min, max].map((value) => Math.min(1, value / full))
      const text = formatValue(median, metric)
      values.push({ row: rows.length - 1, metric, colour: COLOURS[variant] ?? MUTED, length, from, to, text })
    }
  }
  if (rows.length === 0) return

  const extent = labelExtentOf(rows.filter(({ isHeading }) => !isHeading))
  const width = WIDTH - extent - COLUMN_WIDTH * metrics.length
  const x = { type: 'quantitative', scale: { domain: [0, 1] }, axis: null }
  const layers = metrics.map((metric, index) => {
    const right = width + COLUMN_WIDTH * (index + 1)
    const number = { type: 'text', align: 'right', color: index === 0 ? INK : MUTED, x: right }
    const bar = { type: 'bar', height: ROW_HEIGHT - 5, opacity: index === 0 ? 1 : 0.35 }
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
  // Later layers are drawn over earlier ones: the first metric belongs on top.
  return { title, width, height: rows.length * ROW_HEIGHT, data: { values }, encoding, layer: layers.reverse() }
}

/**
 * Draws the rate of echoes by message size: a panel for each number of sockets and messages in flight, and a line for
 * each variant that was measured with more than two sizes.
 */
function drawRates (results, title) {
  const all = results.flatMap(computeRates).sort((a, b) => a.bytes - b.bytes)
  const isSameLine = (a, b) => a.panel === b.panel && a.variant === b.variant
  const values = all.filter((rate) => all.filter((other) => isSameLine(rate, other)).length > 2)
  if (values.length === 0) return

  const labels = new Map(values.map(({ label, variant }) => [label, COLOURS[variant] ?? MUTED]))
  const extent = labelExtentOf(values)
  const y = { type: 'quantitative', axis: { tickCount: 4, format: ',f', minExtent: extent } }
  return {
    title,
    data: { values },
    facet: { field: 'panel', sort: [...new Set(values.map(({ panel }) => panel))], header: { labelAnchor: 'start' } },
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

/** Estimates the width of the longest label: without a canvas, text cannot be measured. */
function labelExtentOf (rows) {
  return 5.6 * Math.max(...rows.map(({ label }) => label.length)) + 24
}

/** Encodes the rows of a chart on its y axis, with bold labels for headings. */
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
