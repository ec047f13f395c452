/** What HTTP/2 gains: the few results that a reader sees first, in README.md and at the beginning of a report. */
import { METRICS, formatRatio, formatValue } from './metrics.js'

/** Scenarios and metrics of the gains. `word` ends a phrase such as "65 times fewer". */
const GAINS = [
  { scenario: 'page/rtt50', metric: 'connections', title: 'TCP connections of a page with 64 sockets', word: 'fewer' },
  { scenario: 'page/rtt50', metric: 'last', title: 'Time to open 64 sockets, round trip 50 ms', word: 'faster' },
  { scenario: 'idle/10000', metric: 'rss', title: 'Server memory of an idle socket, of 10,000', word: 'less' },
  { scenario: 'load/64b-64-on-one-x1', metric: 'rate', title: 'Messages of 64 sockets per second', word: 'more' }
]

/** Names of the scenarios that the gains are taken from. */
export const gainScenarios = [...new Set(GAINS.map(({ scenario }) => scenario))]

/** Returns the gains that the results contain, with the medians of both transports, and how many times better HTTP/2 is. */
export function computeGains (results) {
  return GAINS.flatMap(({ scenario, metric, title, word }) => {
    const { sides: variants, ratios } = results.find(({ name }) => name === scenario) ?? {}
    const ratio = ratios?.[metric]?.median
    if (ratio === undefined) return []
    const [h2, h1] = [variants.h2, variants.h1].map(({ metrics }) => metrics[metric].median)
    const times = METRICS[metric].better === 'higher' ? ratio : 1 / ratio
    return { title, metric, h2, h1, phrase: `${formatRatio(times)} times ${word}` }
  })
}

/** Returns the gains as sentences: the alternative text of their chart. */
export function describeGains (gains) {
  const sentences = gains.map(({ title, metric, h2, h1 }) => (
    `${title}: ${formatValue(h2, metric)}, over HTTP/1.1 ${formatValue(h1, metric)}`
  ))
  return ['WebSockets over HTTP/2 and HTTP/1.1 compared', ...sentences].join('. ') + '.'
}

/** Returns both values of a gain as text, and its phrase. */
export function formatGain ({ metric, h2, h1, phrase }) {
  return [formatValue(h2, metric), formatValue(h1, metric), phrase]
}

/** Returns the section with which a report begins. */
export function formatGains (results) {
  const gains = computeGains(results)
  if (gains.length === 0) return []
  const rows = gains.map((gain) => `| ${[gain.title, ...formatGain(gain)].join(' | ')} |`)
  return ['## What HTTP/2 gains', ['| | HTTP/2 | HTTP/1.1 | |', '| --- | ---: | ---: | --- |', ...rows].join('\n')]
}

/** Whether all gains were measured. */
export function hasAllGains (gains) {
  return gains.length === GAINS.length
}
