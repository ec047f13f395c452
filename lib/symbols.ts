/** The property of a raw request that carries its Upgrade from the server's event to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')

/** Methods of a socket that only the plugin calls: see PluginSocket. */
export const kAttachConnection = Symbol('fastify-websocket-h2.attach-connection')
export const kConfigure = Symbol('fastify-websocket-h2.configure')
export const kHandlerDone = Symbol('fastify-websocket-h2.handler-done')

/** Marks the listeners for 'upgrade' that are ours. */
export const kOwnListener = Symbol('fastify-websocket-h2.own-listener')
