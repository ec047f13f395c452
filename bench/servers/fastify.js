/** Fastify without any plugin, and the functions that start the other servers with Fastify. */
import fastify from 'fastify'
import { addPlainRoute } from './routes.js'

export function listen (options) {
  return listenOnBoth(options, () => {})
}

/** Serves both transports: over TLS on one port, without TLS on two. Returns the port of each transport. */
export async function listenOnBoth ({ tls }, setUp) {
  if (tls !== undefined) {
    const port = await startFastify({ http2: true, https: { ...tls, allowHTTP1: true } }, setUp)
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
