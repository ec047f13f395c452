/** The property of a raw request that carries its Upgrade from the server's event to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')

/** Where a route tells its socket what carries it, and that its handler has returned. */
export const kConnect = Symbol('fastify-websocket-h2.connect')
export const kHandled = Symbol('fastify-websocket-h2.handled')
