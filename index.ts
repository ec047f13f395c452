import type { ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Drain } from './lib/drain.ts'
import { FST_WS_ALREADY_REGISTERED } from './lib/errors.ts'
import { Admission } from './lib/handshake/admission.ts'
import { claimServer } from './lib/handshake/claim.ts'
import { onExtendedConnect } from './lib/handshake/extended-connect.ts'
import { serveUpgrade } from './lib/handshake/http1.ts'
import { warnOfHttp1Clients } from './lib/handshake/http1-warning.ts'
import { serveStream } from './lib/handshake/http2.ts'
import { OtherServers } from './lib/handshake/other-servers.ts'
import { ignoreOtherUpgrades } from './lib/handshake/other-upgrade.ts'
import { toRefused } from './lib/handshake/refused-handshake.ts'
import { startHandshakeTimeout } from './lib/handshake/timeout.ts'
import type { RawRequest, Upgrade } from './lib/handshake/upgrade.ts'
import { addServerMethods, createWebSocketServer } from './lib/handshake/websocket-server.ts'
import { advertiseExtendedConnect, isHttp2Server } from './lib/http2/server.ts'
import { Sessions } from './lib/http2/sessions.ts'
import type { StreamSocket } from './lib/http2/stream-socket.ts'
import { createInjectWS } from './lib/inject/index.ts'
import { readFastifyOptions, readSecondaryServers } from './lib/internals/fastify.ts'
import { Monitor } from './lib/monitoring/monitor.ts'
import { warnOfNodeVersion } from './lib/node-versions.ts'
import { readOptions } from './lib/options/plugin.ts'
import { completeSizes } from './lib/options/receive-window.ts'
import { connectRelay } from './lib/relay/reporter.ts'
import { getRouteMatcher } from './lib/route-matcher.ts'
import { addWebsocketRoutes } from './lib/routes.ts'
import { Shutdown, addShutdownHooks } from './lib/shutdown.ts'
import { kUpgrade } from './lib/symbols.ts'
import { Topics } from './lib/topics/topics.ts'
import type * as types from './types/index.ts'

export type * from './types/index.ts'

/** Satisfies plugins that declare a dependency on `@fastify/websocket` with `fp(plugin, { dependencies: [...] })`. */
const standIn = fp(async () => {}, { name: '@fastify/websocket' })

async function websocketH2 (fastify: FastifyInstance, pluginOptions: types.WebsocketPluginOptions): Promise<void> {
  const { pluginTimeout = 0 } = fastify.initialConfig
  const options = readOptions(pluginOptions, pluginTimeout, fastify.log, readFastifyOptions(fastify))
  const server = options.server ?? fastify.server
  const isOwnServer = server === fastify.server
  if (fastify.hasDecorator('websocketServer')) throw new FST_WS_ALREADY_REGISTERED()
  const release = claimServer(server)
  void fastify.register(standIn)
  const websocketServer = createWebSocketServer(options.websocketServer, fastify.log)
  const monitor = new Monitor(fastify)
  const topics = new Topics()
  const relay = connectRelay(fastify, topics, options)
  const sessions = new Sessions({
    receiveWindow: options.receiveWindow,
    timeout: fastify.initialConfig.http2SessionTimeout ?? 0,
    ...(options.maxSessionAge > 0 && {
      age: {
        max: options.maxSessionAge,
        grace: options.maxSessionAgeGrace,
        closeSockets: (session, over) => drain.closeSession(session, over)
      }
    }),
    log: fastify.log,
    observer: monitor
  })
  const shutdown = new Shutdown(options.shutdown, websocketServer, sessions, fastify)
  const drain = new Drain(shutdown, sessions, fastify.log)
  const { sessionBudget } = completeSizes(options.receiveWindow)
  const admission = new Admission(options, fastify.log, (refused) => monitor.handshakeRefused(refused))
  const matcher = getRouteMatcher(fastify)
  const others = new OtherServers(server, options, (request, done) => matcher.match(request, done), fastify.log)
  const disposers: Array<() => void> = []
  let isServing = false

  fastify.decorate('websocketServer', addServerMethods(websocketServer, {
    ...topics.methods(monitor.records),
    drain: (drainOptions) => drain.closeAll(drainOptions),
    stats: () => monitor.stats({ admission, others, sessions, topics, relay })
  }))
  fastify.decorate('injectWS', createInjectWS(fastify, server))
  addWebsocketRoutes(fastify, websocketServer, options, { shutdown, admission, monitor, topics }, serve)
  if (typeof options.upgradeFallback === 'function') serve()

  fastify.addHook('onReady', async () => serveOthers())
  fastify.addHook('onListen', async () => {
    serveOthers()
    if (!isServing) return
    for (const secondary of readSecondaryServers(fastify)) {
      // It has the options of the first server, so its warning would be the same.
      serveConnections(secondary)
      if (isOwnServer) ignoreOtherUpgrades(secondary, server)
    }
  })
  fastify.addHook('onClose', async () => {
    for (const stop of disposers) stop()
    admission.close()
    release()
    await relay?.close()
  })
  addShutdownHooks(fastify, shutdown)

  // Runs when the first websocket route is added. Until then the server is untouched, if it serves no others.
  function serve (): void {
    if (isServing) return
    isServing = true
    if (options.nodeVersionWarning) warnOfNodeVersion(server, fastify.log)
    disposers.push(serveUpgrade(server, others, dispatch, fastify.log))
    const warning = serveConnections(server)
    if (warning !== undefined) fastify.log.warn(warning)
  }

  // Other WebSocket servers on the port need no websocket route, and over HTTP/1.1 no plugin.
  function serveOthers (): void {
    if (options.upgradeFallback !== false && isHttp2Server(server) && server.listenerCount('upgrade') > 0) serve()
  }

  /** Returns a warning about the options of the server, if there is one. */
  function serveConnections (server: Server): string | undefined {
    if (isOwnServer) disposers.push(shutdown.trackConnections(server))
    if (!isHttp2Server(server)) return undefined
    const warning = options.advertise ? advertiseExtendedConnect(server, options.settings, sessionBudget) : undefined
    disposers.push(
      sessions.track(server),
      onExtendedConnect(server, sessions, fastify.log, serveConnect, refuseInvalid),
      warnOfHttp1Clients(server, fastify.log)
    )
    return warning
  }

  function serveConnect (request: Http2ServerRequest, streamSocket: StreamSocket): void {
    const serveRoute = (): void => serveStream(request, streamSocket, dispatch, fastify.log)
    others.decide(request, streamSocket.stream, serveRoute, () => {
      if (shutdown.hasBegun) streamSocket.refuseUnprocessed()
      else others.forward(request, streamSocket)
    })
  }

  function refuseInvalid (rawRequest: Http2ServerRequest, status: number): void {
    monitor.handshakeRefused({
      rawRequest,
      httpVersion: '2',
      upgrade: undefined,
      request: undefined,
      status,
      cause: 'invalid_request',
      log: fastify.log,
      isLogged: true
    })
  }

  function dispatch (request: RawRequest, response: ServerResponse): void {
    const upgrade = request[kUpgrade]
    if (upgrade === undefined) return route(request, response)
    monitor.trace(request, upgrade, () => {
      if (shutdown.hasBegun) return refuseUnprocessed(upgrade)
      if (!admission.admit(request, upgrade)) return
      startHandshakeTimeout(request, response, options.handshakeTimeout)
      route(request, response)
    })
  }

  function refuseUnprocessed (upgrade: Upgrade): void {
    upgrade.refusal = { cause: 'shutdown', isLogged: false }
    upgrade.refuseUnprocessed()
    monitor.handshakeRefused(toRefused(upgrade))
  }

  function route (request: RawRequest, response: ServerResponse): void {
    try {
      fastify.routing(request as never, response as never)
    } catch (error) {
      fastify.log.error(error, 'Fastify threw an error while it routed a websocket handshake')
      if (!response.headersSent) response.writeHead(500).end()
    }
  }
}

/** Type of the plugin. `require` returns the function alone, so the other exports are properties of it. */
type Plugin = typeof websocketH2 & {
  default: typeof websocketH2
  fastifyWebsocketH2: typeof websocketH2
  fastifyWebsocket: typeof websocketH2
}

/**
 * Serves WebSocket over HTTP/1.1 (RFC 6455) and HTTP/2 (Extended CONNECT, RFC 8441) from the routes that are declared
 * with `websocket: true` or `wsHandler`. Register it before these routes, and await it.
 *
 * It decorates the instance with `websocketServer` and `injectWS()`, and requests with `ws`. Hooks run before a
 * handshake is accepted, and any reply refuses it. When Fastify closes, so do the sockets.
 *
 * @throws FST_WS_INVALID_OPTION if an option is invalid
 * @throws FST_WS_ALREADY_REGISTERED if the server already has this plugin, or `@fastify/websocket`
 * @throws FST_WS_REGISTERED_TOO_LATE from `ready()` and `listen()` if a route was added before it, or out of its scope
 * @example
 * await app.register(fastifyWebsocketH2)
 * app.get('/echo', { websocket: true }, (socket, request) => {
 *   socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
 * })
 */
const fastifyWebsocketH2 = fp(websocketH2, { fastify: '5.x', name: 'fastify-websocket-h2' }) as Plugin
fastifyWebsocketH2.fastifyWebsocket = fastifyWebsocketH2

/** Types under the names that `@fastify/websocket` has for CommonJS modules, as members of the exported function. */
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
