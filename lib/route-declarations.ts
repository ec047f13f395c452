import type { RouteOptions } from 'fastify'
import { FST_WS_INVALID_HANDLER, FST_WS_INVALID_METHOD } from './errors.ts'

/** Returns whether a route is declared as a websocket route. */
export function isWebsocketRoute ({ websocket, wsHandler }: RouteOptions): boolean {
  return (websocket ?? false) !== false || wsHandler !== undefined
}

/** Returns whether a route is the HEAD route that Fastify adds to a GET route. A HEAD cannot be upgraded. */
export function isHeadOnly ({ method }: RouteOptions): boolean {
  return [method].flat().every((method) => method === 'HEAD')
}

/** Returns whether the only handler of a route is its websocket handler. */
export function servesOnlySockets ({ websocket, wsHandler }: RouteOptions): boolean {
  return websocket === true || wsHandler === undefined
}

/**
 * Checks the method and the handler of a websocket route.
 *
 * @throws FST_WS_INVALID_METHOD, FST_WS_INVALID_HANDLER
 */
export function checkRoute (route: RouteOptions): void {
  const methods = [route.method].flat()
  if (methods.some((method) => method !== 'GET' && method !== 'HEAD')) {
    throw new FST_WS_INVALID_METHOD(route.url, methods.join(', '))
  }
  const [name, handler] = servesOnlySockets(route) ? ['handler', route.handler] : ['wsHandler', route.wsHandler]
  if (typeof handler !== 'function') throw new FST_WS_INVALID_HANDLER(name, route.url, typeof handler)
}
