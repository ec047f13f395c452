/* global requestAnimationFrame */
/** Shows the results of a run: figures, and charts with their content in words. */
import { createOpeningChart, createRoundTripChart } from './charts.js'
import { Cells } from './cells.js'
import { NAMES } from './explain.js'
import { clearFigures, showFigures } from './figures.js'
import { Histogram } from './statistics.js'

const REDRAW_INTERVAL = 100

export class Report {
  #elements
  #drawOpening
  #drawRoundTrips
  #times
  #histograms
  #cells
  #descriptions
  #isScheduled = false

  constructor (elements) {
    this.#elements = elements
    this.#drawOpening = createOpeningChart(elements['opening-chart'])
    this.#drawRoundTrips = createRoundTripChart(elements['round-trip-chart'])
    this.#cells = { http2: new Cells(elements['http2-cells']), http1: new Cells(elements['http1-cells']) }
    this.#reset()
    this.#draw()
  }

  /** Removes the results of the run before, and prepares for a number of sockets. */
  clear (count) {
    for (const id of ['figures', 'stall-figures', 'flood-figures']) clearFigures(this.#elements[id])
    this.#reset()
    this.showCells(count)
    this.#draw()
  }

  /** Shows the number of sockets that a run will open. */
  showCells (count) {
    for (const cells of Object.values(this.#cells)) cells.reset(count)
  }

  /** Shows the sockets that are still open, and the connections that carry them. */
  showRest (name, openSockets, connections) {
    showFigures(name, { openSockets, connections })
    this.#cells[name].show(openSockets)
  }

  showOpening (name, times) {
    this.#times[name] = times
    showFigures(name, { openSockets: times.length })
    this.#cells[name].show(times.length)
    this.#drawSoon()
  }

  showOpened (name, figures) {
    showFigures(name, figures)
    this.#draw()
    const { openSockets, lastOpen } = figures
    this.#describe('opening-chart', name, `${openSockets} sockets, the last after ${Math.round(lastOpen)} ms`)
  }

  addRoundTrip (name, sample) {
    this.#histograms[name].add(sample)
    this.#drawSoon()
  }

  showRoundTrips (name, figures) {
    this.#draw()
    showFigures(name, figures)
    const [p50, p99] = [figures.p50, figures.p99].map(Math.round)
    this.#describe('round-trip-chart', name, `half of all messages within ${p50} ms, 99 % within ${p99} ms`)
  }

  /** The server measures HTTP/2 for the first column, which sockets of this page may not use. */
  showMemory (figures, isHttp2) {
    showFigures('http2', { memory: isHttp2 ? figures.http2.memory : undefined })
    showFigures('http1', { memory: figures.http1.memory })
    const counts = new Set(['http2', 'http1'].map((name) => figures[name].memorySockets.toLocaleString('en')))
    this.#elements['memory-note'].textContent =
      `of ${[...counts].join(' and ')} sockets that a client on this machine opened`
  }

  #describe (chart, name, text) {
    this.#descriptions[chart][name] = `Over ${NAMES[name]}: ${text}.`
    this.#elements[chart].ariaLabel = Object.values(this.#descriptions[chart]).join(' ')
  }

  #reset () {
    this.#times = { http2: [], http1: [] }
    this.#histograms = { http2: new Histogram(), http1: new Histogram() }
    this.#descriptions = { 'opening-chart': {}, 'round-trip-chart': {} }
  }

  #drawSoon () {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setTimeout(() => requestAnimationFrame(() => {
      this.#isScheduled = false
      this.#draw()
    }), REDRAW_INTERVAL)
  }

  #draw () {
    this.#drawOpening(this.#times)
    this.#drawRoundTrips({ http2: this.#histograms.http2.shares(), http1: this.#histograms.http1.shares() })
  }
}
