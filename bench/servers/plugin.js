/** This package's plugin with its default options, over both transports. */
import { importEntry } from '../package-entry.js'
import { listenOnBoth } from './fastify.js'
import { addWebSocketRoutes } from './routes.js'

/** @param options `packageRoot`: the directory of the package, the working tree by default */
export async function listen ({ packageRoot, ...options }) {
  const { default: fastifyWebsocketH2 } = await importEntry('.', packageRoot)
  return listenOnBoth(options, async (app) => {
    await app.register(fastifyWebsocketH2)
    addWebSocketRoutes(app)
  })
}
