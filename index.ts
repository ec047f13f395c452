import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { FST_WS_ALREADY_REGISTERED } from './lib/errors.ts'
import { startHandshakeTimeout } from './lib/handshake/timeout.ts'
import { createInjectWS } from './lib/inject/index.ts'
import { readSecondaryServers } from './lib/internals/fastify.ts'
import { readOptions } from './lib/options/plugin.ts'
import { ignoreOtherUpgrades } from './lib/handshake/other-upgrade.ts'
import { addWebsocketRoutes } from './lib/routes.ts'
import { Sessions } from './lib/http2/sessions.ts'
import { Shutdown, addShutdownHooks } from './lib/shutdown.ts'
import { kUpgrade } from './lib/symbols.ts'
import { serveUpgrade } from './lib/handshake/http1.ts'
import { serveExtendedConnect } from './lib/handshake/http2.ts'
import { advertiseExtendedConnect, isHttp2Server } from './lib/http2/server.ts'
import type { Dispatch } from './lib/handshake/upgrade.ts'
import { createWebSocketServer } from './lib/handshake/websocket-server.ts'
import type * as types from './types/index.ts'

export type * from './types/index.ts'

const registeredServers = new WeakSet<Server>()

/** Fulfils what plugins declare that were written for it: `fp(plugin, { dependencies: ['@fastify/websocket'] })`. */
const standIn = fp(async () => {}, { name: '@fastify/websocket' })

async function websocketH2 (fastify: FastifyInstance, pluginOptions: types.WebsocketPluginOptions): Promise<void> {
  const options = readOptions(pluginOptions, fastify.initialConfig.pluginTimeout ?? 0, fastify.log)
  const server = options.server ?? fastify.server
  const isOwnServer = server === fastify.server
  if (fastify.hasDecorator('websocketServer') || registeredServers.has(server)) throw new FST_WS_ALREADY_REGISTERED()
  registeredServers.add(server)
  void fastify.register(standIn)
  const websocketServer = createWebSocketServer(options.websocketServer, fastify.log)
  const sessions = new Sessions({
    receiveWindow: options.receiveWindow,
    timeout: fastify.initialConfig.http2SessionTimeout ?? 0,
    log: fastify.log
  })
  const shutdown = new Shutdown(options.shutdown, websocketServer, sessions, fastify.log)
  const disposers: Array<() => void> = []

  fastify.decorate('websocketServer', websocketServer)
  fastify.decorate('injectWS', createInjectWS(fastify, server))
  addWebsocketRoutes(fastify, websocketServer, options, shutdown, serve)

  fastify.addHook('onClose', async () => {
    for (const stop of disposers) stop()
    registeredServers.delete(server)
  })
  addShutdownHooks(fastify, shutdown)

  // Without a websocket route nothing of this is there: a server that has none goes on as if it had no plugin.
  function serve (): void {
    disposers.push(serveUpgrade(server, dispatch, fastify.log))
    serveConnections(server)
    fastify.addHook('onListen', async () => {
      for (const secondary of readSecondaryServers(fastify)) {
        serveConnections(secondary)
        if (isOwnServer) ignoreOtherUpgrades(secondary, server)
      }
    })
  }

  function serveConnections (server: Server): void {
    if (isOwnServer) disposers.push(shutdown.trackConnections(server))
    if (!isHttp2Server(server)) return
    if (options.advertise) advertiseExtendedConnect(server, options.settings)
    disposers.push(sessions.track(server), serveExtendedConnect(server, sessions, dispatch, fastify.log))
  }

  const dispatch: Dispatch = (request, response) => {
    if (shutdown.hasBegun && request[kUpgrade] !== undefined) return request[kUpgrade].refuseUnprocessed()
    startHandshakeTimeout(request, response, options.handshakeTimeout)
    try {
      fastify.routing(request as never, response as never)
    } catch (error) {
      fastify.log.error(error, 'a websocket handshake could not be routed')
      if (!response.headersSent) response.writeHead(500).end()
    }
  }
}

/** `require` gives the function alone, so all names that one may ask it for are on the function. */
type Plugin = typeof websocketH2 & {
  default: typeof websocketH2
  fastifyWebsocketH2: typeof websocketH2
  fastifyWebsocket: typeof websocketH2
}

/**
 * Serves WebSocket routes over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441) alike.
 *
 * @throws FST_WS_INVALID_OPTION where an option has a value that it cannot have
 * @throws FST_WS_ALREADY_REGISTERED where the server has the plugin, or `@fastify/websocket`, already
 * @example
 * await app.register(fastifyWebsocketH2)
 * app.get('/echo', { websocket: true }, (socket, request) => {
 *   socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
 * })
 */
const fastifyWebsocketH2 = fp(websocketH2, { fastify: '5.x', name: 'fastify-websocket-h2' }) as Plugin
fastifyWebsocketH2.fastifyWebsocket = fastifyWebsocketH2

/** The types that one finds at the function of `@fastify/websocket`, which is all that a CommonJS module can import. */
// eslint-disable-next-line @typescript-eslint/no-redeclare
declare namespace fastifyWebsocketH2 {
  type WebSocket = types.WebSocket
  type WebsocketPluginOptions = types.WebsocketPluginOptions
  type WebsocketHandler = types.WebsocketHandler
  type RouteOptions = types.RouteOptions
}

export {
  fastifyWebsocketH2,
  fastifyWebsocketH2 as default,
  // The name that @fastify/websocket has.
  fastifyWebsocketH2 as fastifyWebsocket,
  fastifyWebsocketH2 as 'module.exports'
}
