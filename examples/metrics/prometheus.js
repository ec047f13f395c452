import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Bounds of the histogram, in s: sockets live from less than a second to days. */
const BUCKETS = [1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600]

/** Counters: name, help, label, and their values in the statistics of the plugin, by the value of the label. */
const COUNTERS = [
  ['messages_total', 'Messages', 'direction', ({ messages }) => messages],
  ['message_bytes_total', 'Bytes of messages, before compression', 'direction', ({ bytes }) => bytes],
  ['handshakes_refused_total', 'Handshakes that opened no socket', 'cause', ({ handshakes }) => handshakes.refused],
  ['slow_consumers_total', 'Decisions of slowConsumer', 'action', ({ sockets }) => sockets.slowConsumers]
]

/** Gauges: name, help, and value. */
const GAUGES = [
  ['buffered_bytes', 'Bytes that wait to be sent', ({ sockets }) => sockets.bufferedBytes],
  ['pending_handshakes', 'Handshakes that are not answered yet', ({ handshakes }) => handshakes.pending]
]

/**
 * Measures the sockets of a Fastify application, and serves the metrics at `endpoint`. Register it after
 * fastify-websocket-h2. With `endpoint: null` another plugin serves the registry.
 */
async function prometheus (app, { registry = new Registry(), endpoint = '/metrics' }) {
  const registers = [registry]
  const active = new Gauge({
    name: 'websocket_server_active_connections', help: 'Open sockets', labelNames: ['route', 'transport'], registers
  })
  const duration = new Histogram({
    name: 'websocket_server_connection_duration_seconds',
    help: 'Time that sockets were open',
    labelNames: ['route', 'transport', 'status'],
    buckets: BUCKETS,
    registers
  })

  // All metrics of a scrape are collected in one turn: they share the statistics, which take a walk over the sockets.
  let current
  const stats = () => {
    if (current === undefined) queueMicrotask(() => { current = undefined })
    return (current ??= app.websocketServer.stats())
  }
  for (const [name, help, label, read] of COUNTERS) {
    registry.registerMetric(new Counter({
      name: `websocket_server_${name}`,
      help,
      labelNames: [label],
      registers: [],
      collect () {
        this.reset()
        for (const [key, total] of Object.entries(read(stats()))) this.inc({ [label]: key }, total)
      }
    }))
  }
  for (const [name, help, read] of GAUGES) {
    registry.registerMetric(new Gauge({
      name: `websocket_server_${name}`, help, registers: [], collect () { this.set(read(stats())) }
    }))
  }

  const unresponsive = new WeakSet()
  const subscriptions = Object.entries({
    'socket:open': (message) => active.inc(labelsOf(message)),
    'socket:unresponsive': ({ socket }) => unresponsive.add(socket),
    'socket:close': (message) => {
      const labels = labelsOf(message)
      const status = unresponsive.has(message.socket) ? 'timeout' : statusOf(message)
      active.dec(labels)
      duration.observe({ ...labels, status }, message.duration / 1000)
    }
  }).map(([name, listener]) => [`fastify-websocket-h2:${name}`, (message) => {
    // Channels are global: other applications of the process publish on them too.
    if (message.request.server.websocketServer === app.websocketServer) listener(message)
  }])
  for (const [name, listener] of subscriptions) subscribe(name, listener)
  app.addHook('onClose', async () => {
    for (const [name, listener] of subscriptions) unsubscribe(name, listener)
  })

  if (endpoint === null) return
  app.get(endpoint, async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}

/** Returns labels with few values: the route as it was declared, never its URL. */
function labelsOf ({ route, httpVersion }) {
  return { route, transport: `http/${httpVersion}` }
}

/** Folds the close codes, of which clients can choose thousands, into four values (RFC 6455 section 7.4). */
function statusOf ({ code, closedBy }) {
  if (closedBy === 'server' && (code === 1001 || code === 1012)) return 'app_shutdown'
  if (code === 1006) return 'abnormal_closure'
  return code === 1000 || code === 1001 || code === 1005 || code >= 3000 ? 'normal_closure' : 'error'
}

export default fp(prometheus, { name: 'websocket-prometheus', dependencies: ['fastify-websocket-h2'] })
