import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod, RouteOptions } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { WebsocketHandler } from '../types/index.ts'
import { closeWithError, logError, toError } from './error-handling.ts'
import { FST_WS_NO_WEBSOCKET_ROUTE, FST_WS_SHUTTING_DOWN, FST_WS_TOO_MANY_SOCKETS } from './errors.ts'
import { chooseRetryAfter } from './handshake/admission.ts'
import type { Admission } from './handshake/admission.ts'
import { Compression } from './handshake/compression.ts'
import { toHeaderLines } from './handshake/header-fields.ts'
import { createOriginCheck } from './handshake/origin.ts'
import type { OriginCheck } from './handshake/origin.ts'
import { clearHandshakeTimeout } from './handshake/timeout.ts'
import type { RawRequest, Upgrade } from './handshake/upgrade.ts'
import { withOptions } from './handshake/websocket-server.ts'
import { prependOnRequest } from './internals/fastify.ts'
import { checkLateRoutes, markServed } from './late-routes.ts'
import type { Monitor } from './monitoring/monitor.ts'
import type { PluginSettings } from './options/plugin.ts'
import { readRouteOptions } from './options/route.ts'
import type { RouteSettings } from './options/route.ts'
import type { SendLimits } from './options/send-limits.ts'
import { refusePlainRequest } from './plain-requests.ts'
import { checkRoute, isHeadOnly, isWebsocketRoute, servesOnlySockets } from './route-declarations.ts'
import type { Shutdown } from './shutdown.ts'
import type { Connection } from './socket/connection.ts'
import { Heartbeat } from './socket/heartbeat.ts'
import type { PluginSocket } from './socket/plugin-socket.ts'
import { kConfigure, kHandlerDone, kUpgrade, kWebsocketRoute } from './symbols.ts'
import type { Topics } from './topics/topics.ts'

/** Parts of the plugin that a socket is opened with. */
interface Parts {
  shutdown: Shutdown
  admission: Admission
  monitor: Monitor
  topics: Topics
}

/** Value that differs from every error: users can throw anything, even undefined. */
const NOTHING = Symbol('nothing')

/** Hint for a handshake at the URL of a plain route. */
const PLAIN_ROUTE = ', but a plain route does: add websocket routes after "await app.register(websocket)"'

/**
 * Makes routes with `websocket: true` or `wsHandler` accept the upgrades that match them, and all other routes refuse
 * them.
 *
 * @param onFirstRoute called before the first websocket route is added
 */
export function addWebsocketRoutes (
  fastify: FastifyInstance, server: WebSocketServer, options: PluginSettings, parts: Parts, onFirstRoute: () => void
): void {
  let first = true

  // A getter, so that it is also right in hooks that were added before this plugin.
  fastify.decorateRequest('ws', { getter (this: FastifyRequest) { return kUpgrade in this.raw } })

  prependOnRequest(fastify, checkOrigin)
  fastify.addHook('onRequest', refuseWithoutRoute)

  fastify.addHook('onReady', async () => checkLateRoutes(fastify, !first))

  fastify.addHook('onRoute', function (route) {
    if (!isWebsocketRoute(route)) return
    markServed(fastify, route)
    const routeOptions = readRouteOptions(route.websocket, route.url, options)
    if (isHeadOnly(route)) {
      if (servesOnlySockets(route)) route.handler = refusePlainRequest
      return
    }
    checkRoute(route)
    if (first) onFirstRoute()
    first = false
    route.config = Object.assign({}, route.config, { [kWebsocketRoute]: createOriginCheck(routeOptions.origin) })
    const negotiating = withOptions(server, routeOptions.websocketServer)
    route.handler = createHandler(route, negotiating, routeOptions, parts)
  })
}

/**
 * Refuses an upgrade from an origin that its route does not allow, before any other hook runs. Gives the upgrade its
 * request, with its logger, first.
 */
function checkOrigin (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const upgrade = readUpgrade(request)
  if (upgrade === undefined) return done()

  upgrade.request = request
  upgrade.log = request.log
  const { [kWebsocketRoute]: check } = request.routeOptions.config as { [kWebsocketRoute]?: OriginCheck }
  const finish = (error?: Error): void => {
    if (error !== undefined) upgrade.refusal = { cause: 'origin', isLogged: true }
    done(error)
  }
  const error = check?.(request)
  if (error instanceof Promise) error.then(finish, finish)
  else finish(error)
}

/** Refuses an upgrade without a websocket route (404, RFC 9110 section 15.5.5): the handler expects a plain request. */
function refuseWithoutRoute (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const upgrade = readUpgrade(request)
  if (upgrade === undefined || kWebsocketRoute in request.routeOptions.config) return done()

  upgrade.refusal = { cause: 'no_route', isLogged: true }
  done(new FST_WS_NO_WEBSOCKET_ROUTE(request.url, request.is404 ? '' : PLAIN_ROUTE))
}

function createHandler (
  route: RouteOptions,
  server: WebSocketServer,
  { errorHandler = closeWithError, heartbeat, sendLimit, slowConsumer, captureRejections }: RouteSettings,
  { shutdown, admission, monitor, topics }: Parts
): RouteHandlerMethod {
  const sendLimits: SendLimits = { sendLimit, slowConsumer }
  const only = servesOnlySockets(route)
  const wsHandler = (only ? route.handler : route.wsHandler) as WebsocketHandler
  const httpHandler = only ? refusePlainRequest : route.handler
  if (only) route.schema = Object.assign({}, route.schema, { hide: true })
  const compression = new Compression(server, admission)
  const onClose = (socket: PluginSocket): void => {
    topics.removeSocket(socket)
    admission.socketClosed()
    compression.closed(socket)
    shutdown.removeSocket(socket)
  }

  return function (request, reply) {
    const upgrade = readUpgrade(request)
    if (upgrade === undefined) return httpHandler.call(this, request, reply)

    if (shutdown.hasBegun) {
      upgrade.refusal = { cause: 'shutdown', isLogged: true }
      throw new FST_WS_SHUTTING_DOWN(request.url)
    }
    if (!admission.reserve(upgrade)) {
      reply.header('retry-after', chooseRetryAfter())
      throw new FST_WS_TOO_MANY_SOCKETS(request.url)
    }
    try {
      upgrade.headerLines = toHeaderLines(reply.getHeaders() as OutgoingHttpHeaders)
      upgrade.accept(compression.selectServer(upgrade, request.raw), (socket, connection) => {
        openSocket(this, socket, connection, upgrade, request, reply)
      })
    } catch (error) {
      if (upgrade.isAnswered) upgrade.abort()
      throw toError(error, 'a websocket handshake')
    }
    reply.hijack()
    return undefined
  }

  // Not in the function above, whose variables the closures of an open socket would keep.
  function openSocket (
    fastify: FastifyInstance, socket: PluginSocket, connection: Connection,
    upgrade: Upgrade, request: FastifyRequest, reply: FastifyReply
  ): void {
    clearHandshakeTimeout(upgrade)
    compression.opened(upgrade, socket)
    admission.complete(upgrade)
    // An open socket lives long, and only an errorHandler of the user needs the reply, which is 1 KB with its response.
    const onError = createErrorListener(fastify, socket, request, errorHandler === closeWithError ? undefined : reply)
    const record = monitor.createRecord(socket, request, upgrade)
    const { log } = request
    socket[kConfigure]({ sendLimits, log, record, topics, captureRejections, onClose, onErrorRejection: onError })
    socket.on('error', onError)
    monitor.socketOpened(record, upgrade)
    shutdown.addSocket(socket)
    if (heartbeat > 0) new Heartbeat(socket, connection, heartbeat, record).start()
    // The request of an open socket lives long, and no longer needs the handshake with its response.
    ;(request.raw as RawRequest)[kUpgrade] = undefined
    callHandler(fastify, socket, request).catch(onError).finally(() => socket[kHandlerDone]())
  }

  function createErrorListener (
    fastify: FastifyInstance, socket: PluginSocket, request: FastifyRequest, reply: FastifyReply | undefined
  ): (error: unknown) => Promise<void> {
    let reported: unknown = NOTHING
    return async (error) => {
      // A `for await` loop over the socket throws the error that 'error' has reported.
      if (error === reported) return
      reported = error
      await handleError(fastify, toError(error, 'a websocket handler'), socket, request, reply)
    }
  }

  async function callHandler (fastify: FastifyInstance, socket: PluginSocket, request: FastifyRequest): Promise<void> {
    server.emit('connection', socket, request.raw)
    await wsHandler.call(fastify, socket, request)
  }

  async function handleError (
    fastify: FastifyInstance, error: Error, socket: PluginSocket, request: FastifyRequest, reply?: FastifyReply
  ): Promise<void> {
    try {
      await errorHandler.call(fastify, error, socket, request, reply!)
    } catch (failure) {
      socket.terminate()
      const thrown = toError(failure, 'a websocket errorHandler')
      logError(request.log, thrown, 'the websocket errorHandler threw an error: socket terminated')
    }
  }
}

function readUpgrade (request: FastifyRequest): Upgrade | undefined {
  return (request.raw as RawRequest)[kUpgrade]
}
