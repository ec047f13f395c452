/** The comparisons of HTTP/2 and HTTP/1.1 that a reader sees in docs/numbers.md, as a chart and as a table, in groups. */
import { METRICS } from './metrics.js'
import { computeRatio } from './rounds.js'

const PAGE = [
  ['one socket: time until its first message is answered', 'page/rtt50-1', 'answer'],
  ['6 sockets: time until all are answered', 'page/rtt50-6', 'answers'],
  ['64 sockets: time until all are open', 'page/rtt50', 'last'],
  ['6 sockets: bytes on the wire', 'page/rtt50-6', 'wire'],
  ['64 sockets: bytes on the wire', 'page/rtt50', 'wire']
]

const MANY = [
  ['64 sockets: messages per second', 'load/64b-64-on-one-x1', 'rate'],
  ['64 sockets: server CPU of a message', 'load/64b-64-on-one-x1', 'cpu'],
  ['64 sockets, 16 in flight on each: messages per second', 'load/64b-64-on-one-x16', 'rate'],
  ['64 sockets, 16 in flight on each: server CPU of a message', 'load/64b-64-on-one-x16', 'cpu'],
  ['10 sockets: messages per second', 'load/64b-ten-on-one-x1', 'rate'],
  ['one message to 1,000 sockets: time until all have it', 'fan-out/1000', 'time']
]

const SOCKETS = [
  ['opened one after the other: handshakes per second', 'handshake/sequential', 'handshakes'],
  ['opened one after the other: server CPU of a handshake', 'handshake/sequential', 'cpu'],
  ['memory of an idle socket, of 1,000', 'idle/1000', 'rss'],
  ['memory of an idle socket, of 10,000', 'idle/10000', 'rss']
]

const BULK = [
  ['echo of 64 KiB: MB/s', 'echo/64k-one-x4', 'throughput'],
  ['echo of 1 MiB: MB/s', 'echo/1m-one-x4', 'throughput'],
  ...['upload', 'download'].flatMap((direction) => [0, 10, 50].map((rtt) => (
    [rtt === 0 ? `${direction}: MB/s` : `${direction}, round trip ${rtt} ms: MB/s`, `${direction}/rtt${rtt}`, 'throughput']
  )))
]

const FEW = [
  ['one socket: latency of a message', 'echo/64b-one-x1', 'p50'],
  ['one socket, 16 in flight: messages per second', 'load/64b-one-x16', 'rate'],
  ['10 sessions of one socket: messages per second', 'load/64b-ten-of-one-x1', 'rate'],
  ['10 sessions of one socket, 16 in flight: messages per second', 'load/64b-ten-of-one-x16', 'rate']
]

const COMPARISONS = {
  'A page, round trip 50 ms': PAGE,
  'Small messages on many sockets of one client': MANY,
  'Opening and keeping sockets': SOCKETS,
  'Large messages on one socket': BULK,
  'Small messages on one socket': FEW
}

/** Returns the comparisons in groups, with how many times better HTTP/2 is, or undefined if it was not measured. */
export function compareTransports (results) {
  return Object.entries(COMPARISONS).map(([heading, rows]) => ({
    heading,
    rows: rows.map(([label, scenario, metric]) => ({ label, advantage: computeAdvantage(results, scenario, metric) }))
  }))
}

/**
 * Returns how many times better HTTP/2 is than HTTP/1.1, as the median and the extremes of rounds, or undefined.
 *
 * @param compared the variants of HTTP/2 and HTTP/1.1, if they are not the two that the scenario compares
 */
export function computeAdvantage (results, scenario, metric, compared) {
  const result = results.find(({ name }) => name === scenario)
  const ratio = compared === undefined ? ratioOf(result, metric) : ratioBetween(result, metric, compared)
  if (!(ratio?.min > 0)) return

  const { median, min, max } = ratio
  if (METRICS[metric].better === 'higher') return { median, min, max }
  return { median: 1 / median, min: 1 / max, max: 1 / min }
}

function ratioOf (result, metric) {
  return result?.of.join() === 'h2,h1' ? result.ratios?.[metric] : undefined
}

function ratioBetween (result, metric, compared) {
  const [first, second] = compared.map((variant) => result?.sides[variant]?.metrics?.[metric])
  return first === undefined || second === undefined ? undefined : computeRatio(first, second)
}
