/* global document */
/** Writes figures into the tables of the page. */

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

const FORMATS = {
  count: (value) => number.format(value),
  ms: formatDuration,
  bytes: formatBytes,
  rate: (value) => `${formatBytes(value)}/s`
}

/** Shows a figure of a transport, http2 or http1. Without a value it shows that there is none. */
export function showFigure (name, transport, value) {
  const cell = document.querySelector(`[data-figure="${name}"][data-transport="${transport}"]`)
  const row = cell.parentElement
  if (Number.isFinite(value)) {
    cell.dataset.value = value
    cell.textContent = FORMATS[row.dataset.format](value)
  } else {
    delete cell.dataset.value
    cell.textContent = '–'
  }
  showRatio(row)
}

export function showFigures (transport, figures) {
  for (const [name, value] of Object.entries(figures)) showFigure(name, transport, value)
}

/** Removes all figures of a table. */
export function clearFigures (table) {
  for (const { dataset } of table.querySelectorAll('[data-figure]')) showFigure(dataset.figure, dataset.transport)
}

function showRatio (row) {
  const values = [...row.querySelectorAll('[data-figure]')].map(({ dataset }) => Number(dataset.value))
  row.querySelector('.ratio').textContent = formatRatio(...values)
}

function formatRatio (http2, http1) {
  if (Number.isNaN(http2) || Number.isNaN(http1)) return ''
  if (http2 === 0 && http1 === 0) return ''
  if (http2 === 0 || http1 === 0) return `${Math.sign(http2)} : ${Math.sign(http1)}`
  return http2 < http1 ? `1 : ${round(http1 / http2)}` : `${round(http2 / http1)} : 1`
}

function round (ratio) {
  return ratio < 1.05 || ratio >= 10 ? number.format(ratio) : ratio.toFixed(1)
}

function formatDuration (ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  return `${ms < 10 ? ms.toFixed(1) : number.format(ms)} ms`
}

function formatBytes (bytes) {
  if (bytes < 1000) return `${number.format(bytes)} B`
  const [unit, size] = bytes < 1e6 ? ['kB', 1e3] : ['MB', 1e6]
  return `${(bytes / size).toFixed(bytes / size < 100 ? 1 : 0)} ${unit}`
}
