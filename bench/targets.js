import { ratioOfRounds } from './rounds.js'

/** What we mean to reach, by scenario: HTTP/2 in terms of HTTP/1.1, unless `of` says otherwise. */
export const targets = [
  { scenario: 'echo/64b-one-x1', metric: 'p50', at: 'most', value: 1.05 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'cpu', at: 'most', value: 0.2 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'rate', at: 'least', value: 3 },
  { scenario: 'load/64b-ten-of-one-x1', metric: 'rate', at: 'least', value: 0.95 },
  { scenario: 'echo/64k-one-x4', metric: 'throughput', at: 'least', value: 1 },
  { scenario: 'echo/1m-one-x4', metric: 'throughput', at: 'least', value: 1 },
  ...[10, 50].map((rtt) => ({
    // Node before 26 can deadlock with more than 4 MiB on their way.
    scenario: `upload/rtt${rtt}`, metric: 'throughput', at: 'least', value: (major) => major < 26 ? 0.5 : 0.9
  })),
  { scenario: 'idle/1000', metric: 'rss', at: 'most', value: 0.2 },
  { scenario: 'handshake/sequential', metric: 'handshakes', at: 'least', value: 10 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'cpu', of: ['h2', 'raw'], at: 'most', value: 1.25 },
  { scenario: 'load/64b-64-on-one-x16', metric: 'cpu', of: ['h2', 'raw'], at: 'most', value: 1.5 },
  { scenario: 'bulk/download-h2', metric: 'p50', of: ['beside', 'alone'], at: 'most', value: 10 }
]

/** How a result stands to them. */
export function judge ({ name, of, sides, ratios }, major) {
  return targets.filter(({ scenario }) => scenario === name).map((target) => {
    const { metric, at, value } = { ...target, value: resolve(target.value, major) }
    const between = target.of ?? of
    const measured = (target.of === undefined ? ratios : ratioOfRounds(sides, between))[metric].median
    return { metric, of: between, at, value, measured, met: at === 'most' ? measured <= value : measured >= value }
  })
}

function resolve (value, major) {
  return typeof value === 'function' ? value(major) : value
}
