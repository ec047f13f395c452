/** Fastify without any plugin, and the functions that start the other servers with Fastify. */
import fastify from 'fastify'
import { addPlainRoute } from './routes.js'

export function listen (options) {
  return listenOnBoth(options, () => {})
}

// Fastify's default, which it sets on servers of HTTP/1.1 only. Node's closes connections of a page that is being measured.
const KEEP_ALIVE_TIMEOUT = 72_000

/** Serves both transports: over TLS on one port, without TLS on two. Returns the port of each transport. */
export async function listenOnBoth ({ tls }, setUp) {
  if (tls !== undefined) {
    const https = { ...tls, allowHTTP1: true, keepAliveTimeout: KEEP_ALIVE_TIMEOUT }
    const port = await startFastify({ http2: true, https }, setUp)
    return { h1: port, h2: port }
  }
  return { h1: await startFastify({}, setUp), h2: await startFastify({ http2: true }, setUp) }
}

/** Starts an app that `setUp` has prepared. Returns its port. */
export async function startFastify (options, setUp) {
  const app = fastify(options)
  await setUp(app)
  addPlainRoute(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}
