/** The plugin as it comes, on both transports: behind TLS on one port, in clear on a port each. */
import { listenBoth } from './fastify.js'
import { addRoutes } from './routes.js'

export async function listen ({ plugin = '../../dist/index.js', ...options }) {
  const { default: fastifyWebsocketH2 } = await import(plugin)
  return listenBoth(options, async (app) => {
    await app.register(fastifyWebsocketH2)
    addRoutes(app)
  })
}
