/**
 * The page of examples/echo, with metrics for Prometheus at /metrics and spans of OpenTelemetry on stdout.
 * `npm run build && node examples/metrics/server.js` runs it. PORT=8444 listens on another port.
 */
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { ConsoleSpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { createCertificate } from '../shared/certificate.js'
import { listen } from '../shared/listen.js'
import { servePage } from '../shared/page.js'
import { traceWebsockets } from './opentelemetry.js'
import prometheus from './prometheus.js'

new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] }).register()
const stopTracing = traceWebsockets()

const app = Fastify({
  http2: true,
  https: { allowHTTP1: true, ...await createCertificate() },
  logger: { level: 'warn' }
})
await app.register(new FastifyOtelInstrumentation({ ignorePaths: '/metrics' }).plugin())
await app.register(fastifyWebsocketH2, { options: { closeTimeout: 3000 } })
await app.register(prometheus)

app.get('/echo', { websocket: true }, (socket, request) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.send(JSON.stringify({ httpVersion: request.raw.httpVersion }))
})
await app.register(servePage, { directory: new URL('../echo/page/', import.meta.url) })

app.addHook('onClose', async () => stopTracing())
await listen(app, 'node examples/metrics/server.js')
