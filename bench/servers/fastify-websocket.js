/** @fastify/websocket, which supports HTTP/1.1 only. */
import fastifyWebsocket from '@fastify/websocket'
import { startFastify } from './fastify.js'
import { addWebSocketRoutes } from './routes.js'

export async function listen ({ tls }) {
  const h1 = await startFastify(tls === undefined ? {} : { https: tls }, async (app) => {
    await app.register(fastifyWebsocket)
    addWebSocketRoutes(app)
  })
  return { h1 }
}
