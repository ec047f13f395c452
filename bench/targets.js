/** Performance targets, and the check of results against them. */
import { formatNumber, formatValue } from './metrics.js'
import { computeRatio } from './rounds.js'

const KiB = 1024

/**
 * Limits. A target limits the ratio of a metric over HTTP/2 to that over HTTP/1.1, unless `compare` names two other
 * variants, or with `difference` how much larger it is. With `variant` it limits the metric of that variant, and with
 * `worst` that of its worst round, in place of the median. `scenario` may be a function of the server's Node major.
 */
export const targets = [
  {
    title: 'server CPU of a message, 64 sockets on one session, 64 B',
    scenario: 'load/64b-64-on-one-x1',
    metric: 'cpu',
    at: 'most',
    value: 0.2
  },
  ...[1, 16].flatMap((inFlight) => [
    { title: 'of a bare Http2Stream\'s', variant: 'raw', value: 1.2 },
    { title: 'of ws\'s on a bare stream (naive)', variant: 'naive', value: inFlight === 1 ? 0.8 : 0.75 }
  ].map(({ title, variant, value }) => ({
    title: `the same, ${inFlight} in flight, ${title}`,
    scenario: `load/64b-64-on-one-x${inFlight}`,
    metric: 'cpu',
    compare: ['h2', variant],
    at: 'most',
    value
  }))),
  {
    title: 'messages/s, 64 sockets on one session',
    scenario: 'load/64b-64-on-one-x1',
    metric: 'rate',
    at: 'least',
    value: 3
  },
  ...[1, 16].map((inFlight) => ({
    title: `messages/s, 10 sessions of one socket, ${inFlight} in flight`,
    scenario: `load/64b-ten-of-one-x${inFlight}`,
    metric: 'rate',
    at: 'least',
    value: 0.95
  })),
  { title: 'p50, one socket, 64 B', scenario: 'echo/64b-one-x1', metric: 'p50', at: 'most', value: 1.05 },
  { title: 'MB/s of echoes of 64 KiB', scenario: 'echo/64k-one-x4', metric: 'throughput', at: 'least', value: 1 },
  { title: 'MB/s of echoes of 1 MiB', scenario: 'echo/1m-one-x4', metric: 'throughput', at: 'least', value: 1 },
  {
    title: 'RSS of an idle socket, 10,000 on ten sessions',
    scenario: 'idle/10000',
    metric: 'rss',
    variant: 'h2',
    at: 'most',
    value: 9 * KiB
  },
  {
    title: 'RSS that the socket of a page adds, a page with one',
    scenario: 'memory/page-1',
    metric: 'rss',
    at: 'most',
    value: 0.15
  },
  {
    title: 'RSS that the sockets of a page add, a page with six',
    scenario: 'memory/page-6',
    metric: 'rss',
    at: 'most',
    value: 0.15
  },
  {
    title: 'handshakes/s, one after the other',
    scenario: 'handshake/sequential',
    metric: 'handshakes',
    at: 'least',
    value: 10
  },
  {
    title: 'upload at 50 ms: share of a link of 300 Mbit/s, on Node 26 of 1 Gbit/s',
    scenario: nameOfUpload,
    metric: 'share',
    variant: 'h2',
    at: 'least',
    value: 0.95
  },
  {
    title: 'the same: round trips until 90 % of the rate, more than over HTTP/1.1',
    scenario: nameOfUpload,
    metric: 'ramp',
    difference: true,
    at: 'most',
    value: 3
  },
  {
    title: 'p50 of a small echo during a download of 4 MiB messages',
    scenario: 'bulk/download-h2',
    metric: 'p50',
    variant: 'beside',
    worst: true,
    at: 'most',
    value: 1000
  },
  {
    title: 'server CPU of `publish()`, 16 KiB to 1,000 sockets, of bare Http2Streams\'',
    scenario: 'fan-out/1000-16k',
    metric: 'cpu',
    compare: ['h2', 'raw'],
    at: 'most',
    value: 1.3
  },
  {
    title: 'the same, of a loop\'s of `send()`',
    scenario: 'fan-out/1000-16k',
    metric: 'cpu',
    compare: ['h2', 'loop-h2'],
    at: 'most',
    value: 2 / 3
  }
]

/** Returns the upload that can fill its link: before Node 26 a session has at most 4 MiB in flight. */
function nameOfUpload (major) {
  return major < 26 ? 'link/300mbit-rtt50-upload' : 'link/1gbit-rtt50-tuned-upload'
}

/**
 * Returns the targets of results of a Node major, with what is measured, as text. It is undefined, as is whether the
 * target is met, if the results lack it.
 */
export function checkTargets (results, major) {
  return targets.map((target) => {
    const scenario = typeof target.scenario === 'function' ? target.scenario(major) : target.scenario
    const result = results.find(({ name }) => name === scenario)
    const value = result && measure(target, result)
    const { title, at, value: limit } = target
    return {
      title,
      scenario,
      limit: `${at === 'most' ? '<=' : '>='} ${format(target, limit)}`,
      measured: value === undefined ? undefined : format(target, value),
      met: value === undefined ? undefined : at === 'most' ? value <= limit : value >= limit
    }
  })
}

/** Returns what a target limits, or undefined. */
function measure ({ metric, variant, compare, difference, worst, at }, { sides: variants, of, ratios }) {
  const spreadOf = (each) => variants[each]?.metrics?.[metric]
  if (variant !== undefined) return spreadOf(variant)?.[worst ? (at === 'most' ? 'max' : 'min') : 'median']
  if (compare === undefined && !difference) return ratios?.[metric]?.median

  const [first, second] = (compare ?? of).map(spreadOf)
  if (first === undefined || second === undefined) return
  return difference ? first.median - second.median : computeRatio(first, second).median
}

function format ({ metric, variant, difference }, value) {
  return variant === undefined && !difference ? formatNumber(value) : formatValue(value, metric)
}
