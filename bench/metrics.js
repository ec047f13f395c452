/** The metrics of the benchmark, and how their values are written. */

const KiB = 1024

/** Stands for a value that was not measured. */
export const NO_VALUE = '–'

/** The metrics, in the order of their columns. Values are divided by `per` to be shown in `unit`. */
export const METRICS = {
  p50: { title: 'median latency', unit: 'µs', better: 'lower' },
  p99: { title: '99th percentile of latency', unit: 'µs', better: 'lower' },
  p999: { title: '99.9th percentile of latency', unit: 'µs', better: 'lower' },
  time: { title: 'duration', unit: 'ms', better: 'lower' },
  first: { title: 'time until the first socket is open', unit: 'ms', better: 'lower' },
  last: { title: 'time until the last socket is open', unit: 'ms', better: 'lower' },
  answer: { title: 'time until the first message of a page is answered', unit: 'ms', better: 'lower' },
  answers: { title: 'time until the first message of every socket is answered', unit: 'ms', better: 'lower' },
  connections: { title: 'TCP connections, and TLS handshakes', unit: '', better: 'lower' },
  wire: { title: 'bytes of these connections, with TLS', unit: 'KiB', per: KiB, better: 'lower' },
  socketWire: { title: 'bytes that each socket adds, with TLS', unit: 'KiB', per: KiB, better: 'lower' },
  wait50: { title: 'median latency above the round trip', unit: 'µs', better: 'lower' },
  wait99: { title: '99th percentile of latency above the round trip', unit: 'µs', better: 'lower' },
  share: { title: 'share of the link that payload fills', unit: '', better: 'higher' },
  ramp: { title: 'round trips until 90 % of the steady rate', unit: 'round trips', better: 'lower' },
  rate: { title: 'messages answered', unit: 'messages/s', better: 'higher' },
  requests: { title: 'requests answered', unit: 'requests/s', better: 'higher' },
  throughput: { title: 'payload transferred', unit: 'MB/s', better: 'higher' },
  handshakes: { title: 'sockets opened', unit: 'handshakes/s', better: 'higher' },
  cpu: { title: 'server CPU per message, request or handshake', unit: 'µs', better: 'lower' },
  proxyCpu: { title: 'CPU of HAProxy per message', unit: 'µs', better: 'lower' },
  upstream: { title: 'TCP connections between HAProxy and the app', unit: '', better: 'lower' },
  rss: { title: 'resident memory per idle socket', unit: 'KiB', per: KiB, better: 'lower' },
  heap: { title: 'JavaScript heap per idle socket', unit: 'KiB', per: KiB, better: 'lower' },
  pageRss: { title: 'resident memory per page, with its connection', unit: 'KiB', per: KiB, better: 'lower' }
}

const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

/** Returns a number with three digits. */
export function formatNumber (value) {
  return Number.isFinite(value) ? threeDigits.format(value) : NO_VALUE
}

/** Returns a ratio with two digits. */
export function formatRatio (value) {
  return String(Number(value.toPrecision(2)))
}

/** Returns a value with the unit of its metric, or in ms where that is easier to read. */
export function formatValue (value, metric) {
  const { unit, per = 1 } = METRICS[metric]
  if (unit === 'µs' && value >= 1000) return `${formatNumber(value / 1000)} ms`
  return `${formatNumber(value / per)} ${unit}`.trimEnd()
}

/** Returns the name of a metric with its unit. */
export function labelMetric (metric) {
  return [metric, METRICS[metric].unit].filter(Boolean).join(', ')
}
