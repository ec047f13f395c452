/** @fastify/websocket, which speaks HTTP/1.1 alone. */
import fastifyWebsocket from '@fastify/websocket'
import { start } from './fastify.js'
import { addRoutes } from './routes.js'

export async function listen ({ tls }) {
  const h1 = await start(tls === undefined ? {} : { https: tls }, async (app) => {
    await app.register(fastifyWebsocket)
    addRoutes(app)
  })
  return { h1 }
}
