import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { FST_WS_REGISTERED_TOO_LATE } from './errors.ts'
import { isHeadOnly, isWebsocketRoute } from './route-declarations.ts'

const NO_ROUTES = 'no websocket route was added after fastify-websocket-h2: routes that were added before it cannot ' +
  'serve sockets. Call "await app.register(websocket)" before you add routes, or add them in a plugin that is ' +
  'registered after it (see docs/routes.md)'

/** Route that is declared as a websocket route. */
interface WebsocketRoute {
  url: string
  /** Instance that it was added to. */
  scope: FastifyInstance
}

/**
 * Websocket routes that no plugin serves yet, of each Fastify instance that was created after this module was imported.
 * The key is an object that all scopes of an instance share.
 */
const unservedRoutes = new WeakMap<FastifyInstance['initialConfig'], Map<RouteOptions, WebsocketRoute>>()

// The onRoute hook of the plugin does not see routes that were added before it, or outside of its scope. Fastify
// publishes each new instance on this channel, so that a hook can be there first (Fastify's documentation of hooks,
// "Diagnostics Channel Hooks").
subscribe('fastify.initialization', (message) => recordRoutes((message as { fastify: FastifyInstance }).fastify))

function recordRoutes (fastify: FastifyInstance): void {
  const routes = new Map<RouteOptions, WebsocketRoute>()
  unservedRoutes.set(fastify.initialConfig, routes)
  fastify.addHook('onRoute', function (route) {
    if (isWebsocketRoute(route) && !isHeadOnly(route)) routes.set(route, { url: route.url, scope: this })
  })
}

/** Records that the plugin serves a route. */
export function markServed (fastify: FastifyInstance, route: RouteOptions): void {
  unservedRoutes.get(fastify.initialConfig)?.delete(route)
}

/**
 * Checks that each websocket route of the server is served. Routes of a scope with another `websocketServer` belong to
 * the plugin that added that.
 *
 * If the instance is older than this module, as when the argument of `register` is a `require` call, its earlier
 * routes are unknown. The absence of later ones is the only sign of them, so it is a warning.
 *
 * @param hasRoutes whether the plugin serves a websocket route
 * @throws FST_WS_REGISTERED_TOO_LATE
 */
export function checkLateRoutes (fastify: FastifyInstance, hasRoutes: boolean): void {
  const routes = unservedRoutes.get(fastify.initialConfig)
  if (routes === undefined) {
    if (!hasRoutes) fastify.log.warn(NO_ROUTES)
    return
  }
  const late = [...routes.values()].filter(({ scope }) => {
    return !scope.hasDecorator('websocketServer') || scope.websocketServer === fastify.websocketServer
  })
  if (late.length > 0) throw new FST_WS_REGISTERED_TOO_LATE(late.map(({ url }) => `"${url}"`).join(', '))
}
