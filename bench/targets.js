/** Performance targets, and the check of a result against them. */
import { computeRatios } from './rounds.js'

/**
 * Limits for ratios, by scenario: HTTP/2 divided by HTTP/1.1, unless `compare` names two other variants. `value` may be
 * a function of the server's Node major.
 */
export const targets = [
  { scenario: 'echo/64b-one-x1', metric: 'p50', at: 'most', value: 1.05 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'cpu', at: 'most', value: 0.2 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'rate', at: 'least', value: 3 },
  { scenario: 'load/64b-ten-of-one-x1', metric: 'rate', at: 'least', value: 0.95 },
  { scenario: 'echo/64k-one-x4', metric: 'throughput', at: 'least', value: 1 },
  { scenario: 'echo/1m-one-x4', metric: 'throughput', at: 'least', value: 1 },
  ...[10, 50].map((rtt) => ({
    // Node before 26 can deadlock with more than 4 MiB in flight, so the plugin's receive windows stay below that.
    scenario: `upload/rtt${rtt}`, metric: 'throughput', at: 'least', value: (major) => major < 26 ? 0.5 : 0.9
  })),
  { scenario: 'idle/1000', metric: 'rss', at: 'most', value: 0.2 },
  { scenario: 'handshake/sequential', metric: 'handshakes', at: 'least', value: 10 },
  { scenario: 'load/64b-64-on-one-x1', metric: 'cpu', compare: ['h2', 'raw'], at: 'most', value: 1.25 },
  { scenario: 'load/64b-64-on-one-x16', metric: 'cpu', compare: ['h2', 'raw'], at: 'most', value: 1.5 },
  { scenario: 'fan-out/1000-16k', metric: 'cpu', compare: ['h2', 'raw'], at: 'most', value: 1.3 },
  { scenario: 'fan-out/1000-16k', metric: 'cpu', compare: ['h2', 'loop-h2'], at: 'most', value: 2 / 3 },
  { scenario: 'bulk/download-h2', metric: 'p50', compare: ['beside', 'alone'], at: 'most', value: 10 }
]

/** Returns the targets of a result, with the measured ratio and whether it meets the target. */
export function checkTargets ({ name, of, sides, ratios }, major) {
  return targets.filter(({ scenario }) => scenario === name).map(({ metric, compare, at, value: limit }) => {
    const value = typeof limit === 'function' ? limit(major) : limit
    const measured = (compare === undefined ? ratios : computeRatios(sides, compare))[metric].median
    const met = at === 'most' ? measured <= value : measured >= value
    return { metric, of: compare ?? of, at, value, measured, met }
  })
}
