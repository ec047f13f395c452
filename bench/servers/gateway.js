/** The ws server of ws.js on Node's HTTP/2 server, without Fastify: the gateway passes it the handshakes. */
import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'
import { importEntry } from '../package-entry.js'
import { createUpgradeHandler } from './ws.js'

/** @param options `packageRoot`: the directory of the package, the working tree by default */
export async function listen ({ packageRoot, tls }) {
  const { serveExtendedConnect } = await importEntry('./gateway', packageRoot)
  const server = tls === undefined ? createServer() : createSecureServer(tls)
  serveExtendedConnect(server, createUpgradeHandler())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h2: server.address().port }
}
