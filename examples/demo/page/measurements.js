/** Measurements of all sockets of a transport. Each resolves to the figures of the page. */
import { difference } from './server.js'
import { percentile } from './statistics.js'

const ECHO_DURATION = 2000

/** Opens sockets. `onOpen` receives the times, in ms, after which sockets were open so far. */
export async function measureOpening (transport, sockets, count, onOpen, signal) {
  const opening = await difference(transport, () => sockets.open(count, onOpen, signal))
  return {
    openSockets: sockets.count,
    connections: opening.after.carriers,
    tlsHandshakes: opening.grown('tlsHandshakes'),
    firstOpen: opening.result[0],
    lastOpen: opening.result.at(-1),
    bytesToOpen: opening.bytes / count
  }
}

/** Lets each socket send messages that come back. `onSample` receives each round-trip time, in ms. */
export async function measureRoundTrips (transport, sockets, onSample, signal) {
  const { result, bytes } = await difference(transport, () => sockets.echo(ECHO_DURATION, onSample, signal))
  const { samples, duration } = result
  return {
    p50: percentile(samples, 0.5),
    p99: percentile(samples, 0.99),
    messages: samples.length,
    messagesPerSecond: samples.length / duration * 1000,
    bytesPerMessage: bytes / samples.length
  }
}
