/** Property of a raw request: its Upgrade, which the listener of the server passes to the route. */
export const kUpgrade = Symbol('fastify-websocket-h2.upgrade')

/**
 * Mark of a websocket route that the plugin serves, in its config. The value is its origin check, or undefined if every
 * origin is allowed.
 */
export const kWebsocketRoute = Symbol('fastify-websocket-h2.route')

// Methods of a socket that only the plugin calls.
/** See PluginSocket. */
export const kAttachConnection = Symbol('fastify-websocket-h2.attach-connection')
/** See PluginSocket. */
export const kConfigure = Symbol('fastify-websocket-h2.configure')
/** See DrainingSocket. */
export const kDrain = Symbol('fastify-websocket-h2.drain')
/** See PluginSocket. */
export const kHandlerDone = Symbol('fastify-websocket-h2.handler-done')
/** See PluginSocket. */
export const kDeliver = Symbol('fastify-websocket-h2.deliver')
/** See PluginSocket. */
export const kIsSlow = Symbol('fastify-websocket-h2.is-slow')

/** Property of globalThis: set once a warning about the version of Node.js was logged. */
export const kWarnedOfNodeVersion = Symbol.for('fastify-websocket-h2.warned-of-node-version')

/** Mark of the plugin's own listeners for 'upgrade'. */
export const kOwnListener = Symbol('fastify-websocket-h2.own-listener')

/** Mark of an upgrade that came over HTTP/2, and that the server emits for other listeners. */
export const kForwarded = Symbol('fastify-websocket-h2.forwarded')
