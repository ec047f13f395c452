/** Fastify without the plugin. */
import fastify from 'fastify'
import { addPlainRoute } from './routes.js'

export function listen (options) {
  return listenBoth(options, () => {})
}

/** @returns the port of each transport */
export async function listenBoth ({ tls }, setUp) {
  if (tls !== undefined) {
    const port = await start({ http2: true, https: { ...tls, allowHTTP1: true } }, setUp)
    return { h1: port, h2: port }
  }
  return { h1: await start({}, setUp), h2: await start({ http2: true }, setUp) }
}

export async function start (options, setUp) {
  const app = fastify(options)
  await setUp(app)
  addPlainRoute(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}
