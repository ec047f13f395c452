/** The property of a raw request that carries its Upgrade from the server's event to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')

/** Where a socket is given its connection, send limits and logger, and is told that its handler has returned. */
export const kAttachConnection = Symbol('fastify-websocket-h2.connect')
export const kSendLimits = Symbol('fastify-websocket-h2.send-limits')
export const kHandlerDone = Symbol('fastify-websocket-h2.handled')
export const kLog = Symbol('fastify-websocket-h2.log')

/** Marks the listeners for 'upgrade' that are ours. */
export const kOwnListener = Symbol('fastify-websocket-h2.own-listener')
