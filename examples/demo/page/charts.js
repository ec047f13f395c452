/* global document, getComputedStyle, matchMedia, ResizeObserver */
import UPlot from './uplot.js'
import { BINS } from './statistics.js'

const HEIGHT = 240
const AXIS_SIZES = [32, 52]
const SERIES = ['http2', 'http1']

const INDEXES = [...BINS.keys()]
/** Duration in ms that the chart without sockets has. */
const EMPTY_DURATION = 5000
/** Bins of a histogram without samples: about 1 to 100 ms. */
const EMPTY_RANGE = [24, 72]

const charts = []
// Canvases do not follow custom properties of CSS by themselves.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts) chart.redraw(false)
})

/** Creates a chart of the number of open sockets. Returns a function that draws times, in ms, of each transport. */
export function createOpeningChart (element) {
  let end = 0
  const chart = createChart(element, {
    axes: [{ values: (self, ticks) => ticks.map(formatSeconds) }, { incrs: [1, 2, 5, 10, 20, 50] }],
    x: { time: false, range: () => [0, end || EMPTY_DURATION] },
    y: { range: (self, min, max) => [0, max > 0 ? max * 1.05 : 50] }
  })
  return (times) => {
    end = Math.max(...SERIES.map((name) => times[name].at(-1) ?? 0))
    chart.setData(UPlot.join(SERIES.map((name) => times[name].length === 0
      ? [[0, end], [null, null]]
      : [[0, ...times[name], end], [0, ...times[name].map((time, index) => index + 1), times[name].length]]
    )))
  }
}

/** Creates a histogram of round trips. Returns a function that draws the shares of bins of each transport. */
export function createRoundTripChart (element) {
  // The bins grow by a constant factor. Their index is the position, so that all are equally wide.
  const chart = createChart(element, {
    axes: [
      { incrs: [1, 2, 4, 8, 16], values: (self, ticks) => ticks.map(formatBin) },
      { values: (self, ticks) => ticks.map((tick) => `${Math.round(tick * 100)} %`) }
    ],
    x: { time: false, range: (self, min, max) => [min, max] },
    y: { range: (self, min, max) => [0, max > 0 ? max * 1.05 : 0.5] }
  })
  return (shares) => {
    const used = INDEXES.filter((index) => SERIES.some((name) => shares[name][index] > 0))
    const first = Math.max(0, (used[0] ?? EMPTY_RANGE[0]) - 1)
    const last = Math.min(BINS.length, (used.at(-1) ?? EMPTY_RANGE[1]) + 3)
    const values = SERIES.map((name) => shares[name].slice(first, last))
    chart.setData([INDEXES.slice(first, last), ...used.length > 0 ? values : [[], []]])
  }
}

function createChart (element, { axes, x, y }) {
  const line = { stroke: () => color('--line'), width: 1 }
  const axis = { stroke: () => color('--quiet'), font: '13px system-ui, sans-serif', grid: line, ticks: line }
  const size = () => ({ width: element.clientWidth, height: HEIGHT })
  const chart = new UPlot({
    ...size(),
    legend: { show: false },
    cursor: { show: false },
    scales: { x, y },
    axes: axes.map((options, index) => ({ ...axis, size: AXIS_SIZES[index], ...options })),
    series: [{}, ...SERIES.map((name) => ({
      stroke: () => color(`--${name}`),
      fill: () => color(`--${name}-area`),
      width: 2,
      paths: UPlot.paths.stepped({ align: 1 }),
      points: { show: false },
      spanGaps: true
    }))]
  }, [[], [], []], element)
  charts.push(chart)
  new ResizeObserver(() => chart.setSize(size())).observe(element)
  return chart
}

function color (property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property)
}

function formatBin (index) {
  return `${Number(BINS[index].toPrecision(2))} ms`
}

function formatSeconds (ms) {
  return `${Number((ms / 1000).toFixed(2))} s`
}
