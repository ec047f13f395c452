/** This package's plugin over both transports, with its default options where a variant has none. */
import { importEntry } from '../package-entry.js'
import { listenOnBoth } from './fastify.js'
import { addWebSocketRoutes } from './routes.js'

/**
 * @param options `packageRoot`: the directory of the package, the working tree by default; `pluginOptions`: options of
 * the plugin
 */
export async function listen ({ packageRoot, pluginOptions, ...options }) {
  const { default: fastifyWebsocketH2 } = await importEntry('.', packageRoot)
  return listenOnBoth(options, async (app) => {
    await app.register(fastifyWebsocketH2, pluginOptions)
    addWebSocketRoutes(app)
  })
}
