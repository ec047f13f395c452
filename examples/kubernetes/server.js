/**
 * A server for Kubernetes. PORT has HTTP/2 without TLS, for a proxy. ADMIN_PORT has health checks and metrics over HTTP/1.1,
 * for the kubelet and Prometheus: no proxy leads there. deployment.yaml sets the variables of the environment.
 */
import Fastify from 'fastify'
import fastifyWebsocketH2 from 'fastify-websocket-h2'
import { Registry } from 'prom-client'
import prometheus from '../metrics/prometheus.js'
import { Health } from '../shared/health.js'

const { PORT, ADMIN_PORT, TRUSTED_PROXIES, MAX_SOCKETS, DRAIN_TIME, SHUTDOWN_TIMEOUT } = process.env
const HOST = '0.0.0.0'

const registry = new Registry()
const app = Fastify({ http2: true, trustProxy: TRUSTED_PROXIES, logger: true })
await app.register(fastifyWebsocketH2, {
  maxSockets: Number(MAX_SOCKETS),
  shutdownTimeout: Number(SHUTDOWN_TIMEOUT),
  shutdown: { code: 1012, reason: 'restart' }
})
await app.register(prometheus, { registry, endpoint: null })

app.get('/echo', { websocket: true }, (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})

const admin = Fastify()
const health = new Health(admin)
admin.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))

/** Moves the sockets to other nodes, and ends. SIGTERM follows preStop: by then, the proxies lead new clients elsewhere. */
async function end () {
  health.status = 503
  await app.websocketServer.drain({ over: Number(DRAIN_TIME) })
  await app.close()
  await admin.close()
}

await app.listen({ port: Number(PORT), host: HOST })
await admin.listen({ port: Number(ADMIN_PORT), host: HOST })
process.once('SIGTERM', end)
