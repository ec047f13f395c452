/** Property of a raw request: its Upgrade, which the listener of the server passes to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')

// Methods of a socket that only the plugin calls.
/** See PluginSocket. */
export const kAttachConnection = Symbol('fastify-websocket-h2.attach-connection')
/** See PluginSocket. */
export const kConfigure = Symbol('fastify-websocket-h2.configure')
/** See PluginSocket. */
export const kHandlerDone = Symbol('fastify-websocket-h2.handler-done')

/** Property of globalThis: set once a warning about the version of Node.js was logged. */
export const kWarnedOfNodeVersion = Symbol.for('fastify-websocket-h2.warned-of-node-version')

/** Mark of the plugin's own listeners for 'upgrade'. */
export const kOwnListener = Symbol('fastify-websocket-h2.own-listener')
