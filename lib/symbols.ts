/** The property of a raw request that carries its Upgrade from the server's event to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')
