/** This package's plugin on a server for HTTP/1.1 only, the same server as that of fastify-websocket.js. */
import { importEntry } from '../package-entry.js'
import { startFastify } from './fastify.js'
import { addWebSocketRoutes } from './routes.js'

/** @param options `packageRoot`: the directory of the package, the working tree by default */
export async function listen ({ packageRoot, tls }) {
  const { default: fastifyWebsocketH2 } = await importEntry('.', packageRoot)
  const h1 = await startFastify(tls === undefined ? {} : { https: tls }, async (app) => {
    await app.register(fastifyWebsocketH2)
    addWebSocketRoutes(app)
  })
  return { h1 }
}
