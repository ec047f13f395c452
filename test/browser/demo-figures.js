/** Compares the figures of the page of examples/demo with those of its server, and with what was recorded in the page. */
import assert from 'node:assert/strict'

const TRANSPORTS = ['http2', 'http1']
const MESSAGE = 64
const STALLED = 4 * 1024 * 1024

/** Default of receiveWindow.initial, and an allowance for the handshake, headers of frames and requests for the figures. */
const STREAM_WINDOW = 65_535
const OVERHEAD = 8192

// Firefox rounds times to milliseconds, and the two times of each figure are taken one after the other.
const CLOCK = 2.5
const RELATIVE = 0.1

/** Factors of the units in which figures are shown. */
const UNITS = {
  '': 1, ms: 1, s: 1e3, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, 'B/s': 1, 'kB/s': 1e3, 'MB/s': 1e6, 'GB/s': 1e9, '/s': 1
}

/** `before` and `after` are figures of the server. */
export function compareRun ({ figures, records, before, after, ports, sockets, distance }) {
  for (const transport of TRANSPORTS) {
    const shown = valuesOf(figures[transport])
    const grown = (name) => after[transport][name] - before[transport][name]
    const recorded = records.sockets.filter(isOpenEcho(ports[transport]))
    const roundTrips = recorded.flatMap((socket) => socket.roundTrips)
    const times = roundTrips.map(([sent, received]) => received - sent).sort((a, b) => a - b)
    const start = Math.min(...recorded.map(({ createdAt }) => createdAt))
    const opened = recorded.map(({ firstMessageAt }) => firstMessageAt - start)
    const duration = Math.max(...roundTrips.map(([, received]) => received)) - Math.min(...roundTrips.map(([sent]) => sent))

    assert.equal(recorded.length, sockets)
    assert.equal(grown('openedSockets'), sockets)
    assert.equal(shown.openSockets, sockets)
    assert.equal(shown.tlsHandshakes, transport === 'http2' ? 0 : sockets)
    // The second request of this process for the figures has a connection of its own, to the port of HTTP/2.
    assert.equal(grown('tlsHandshakes'), shown.tlsHandshakes + (transport === 'http2' ? 1 : 0))

    assertNear(shown.firstOpen, Math.min(...opened), 'firstOpen')
    assertNear(shown.lastOpen, Math.max(...opened), 'lastOpen')
    assert.ok(shown.firstOpen >= distance - CLOCK)
    assert.ok(shown.firstOpen <= shown.lastOpen)

    assert.equal(shown.messages, times.length)
    assert.equal(shown.messages, grown('messages'))
    assertNear(shown.messagesPerSecond, times.length / duration * 1000, 'messagesPerSecond')
    assertNear(shown.p50, percentile(times, 0.5), 'p50')
    assertNear(shown.p99, percentile(times, 0.99), 'p99')
    assert.ok(shown.p50 >= distance - CLOCK)
    assert.ok(shown.p50 <= shown.p99)

    const bytes = shown.bytesToOpen * sockets + shown.bytesPerMessage * shown.messages
    const counted = grown('sent') + grown('received')
    assert.ok(shown.bytesPerMessage > 2 * MESSAGE)
    // Requests for the figures use the connection of HTTP/2, too.
    if (transport === 'http1') assertRounded(bytes, counted, 'bytes')
    else assert.ok(bytes <= counted, `${bytes} bytes are shown, ${counted} were counted`)

    assert.equal(shown.memory, after[transport].memory)
    assert.ok(shown.memory > 0)
  }
}

export function compareStall ({ figures, records, server, ports }) {
  for (const transport of TRANSPORTS) {
    const shown = valuesOf(figures[transport])
    const socket = last(records.sockets, '/stalled', ports[transport])
    assert.equal(socket.sentBytes, STALLED)
    assert.equal(shown.stalledMessages, countRoundTrips(records, ports[transport]))
    assert.ok(shown.stalledMessages > 0)
    assert.ok(shown.stalledP50 > 0)
    assert.ok(shown.stalledWaiting <= STALLED)
    assert.equal(shown.stalledRead, 0)
    assert.equal(server[transport].stalledBytes, 0)
  }
  const { stalledSent, stalledWaiting } = valuesOf(figures.http2)
  assert.ok(stalledSent > STREAM_WINDOW - OVERHEAD && stalledSent < STREAM_WINDOW + OVERHEAD, `${stalledSent} bytes were sent`)
  assert.ok(stalledWaiting > 0)
}

export function compareResumed ({ figures, records, server, ports }) {
  for (const transport of TRANSPORTS) {
    const { stalledRead, stalledWaiting } = valuesOf(figures[transport])
    assert.equal(stalledRead, STALLED)
    assert.equal(stalledWaiting, 0)
    assert.equal(server[transport].stalledBytes, last(records.sockets, '/stalled', ports[transport]).sentBytes)
  }
}

export function compareFlood ({ figures, records, server, ports }) {
  for (const transport of TRANSPORTS) {
    const shown = valuesOf(figures[transport])
    const { receivedBytes } = last(records.sockets, '/flood', ports[transport])
    const roundTrips = roundTripsOf(records, ports[transport])
    const times = roundTrips.map(([sent, received]) => received - sent).sort((a, b) => a - b)
    assert.ok(shown.floodBytes > 0)
    // The socket receives more while it closes, and the server has sent more than the browser has received.
    assert.ok(shown.floodBytes <= receivedBytes && receivedBytes <= server[transport].floodBytes)
    assert.ok(times.length > 0)
    assertNear(shown.floodP50, percentile(times, 0.5), 'floodP50')
    assertNear(shown.floodP99, percentile(times, 0.99), 'floodP99')
    const duration = Math.max(...roundTrips.map(([, received]) => received)) - Math.min(...roundTrips.map(([sent]) => sent))
    assertNear(shown.floodRate, shown.floodBytes / duration * 1000, 'floodRate')
  }
}

/** Compares the text of each figure, which is rounded and has a unit, with its number. */
export function compareTexts (figures) {
  for (const transport of TRANSPORTS) {
    for (const [name, { value, text }] of Object.entries(figures[transport])) {
      const [, digits, decimals = '', unit] = /^([\d,]+(?:\.(\d+))?)\s?(\D*)$/.exec(text.trim()) ?? []
      const factor = UNITS[unit]
      assert.ok(factor !== undefined, `${transport}, ${name}: ${JSON.stringify(text)} is no number with a unit`)
      const shown = Number(digits.replaceAll(',', '')) * factor
      const precision = factor / 10 ** decimals.length / 2
      assert.ok(Math.abs(shown - value) <= precision * 1.0001, `${transport}, ${name}: ${text} is shown for ${value}`)
    }
  }
}

function valuesOf (figures) {
  return Object.fromEntries(Object.entries(figures).map(([name, { value }]) => [name, value]))
}

function isOpenEcho (ofPort) {
  return ({ path, port, closeCode }) => path === '/echo' && port === ofPort && closeCode === undefined
}

function roundTripsOf ({ sockets }, port) {
  return sockets.filter(isOpenEcho(port)).flatMap(({ roundTrips }) => roundTrips)
}

function countRoundTrips (records, port) {
  return roundTripsOf(records, port).length
}

function last (sockets, ofPath, ofPort) {
  return sockets.findLast(({ path, port }) => path === ofPath && port === ofPort)
}

function percentile (sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

/** Asserts that two measurements of the same events agree. */
function assertNear (actual, expected, name) {
  assert.ok(Math.abs(actual - expected) <= Math.max(CLOCK, RELATIVE * expected), `${name}: ${actual} is not near ${expected}`)
}

function assertRounded (actual, expected, name) {
  assert.ok(Math.abs(actual - expected) < 1, `${name}: ${actual} is not ${expected}`)
}
