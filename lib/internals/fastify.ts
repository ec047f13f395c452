import type { Server } from 'node:net'
import type { FastifyInstance, FastifyServerOptions, onRequestHookHandler } from 'fastify'
import { readSymbol } from './read-symbol.ts'

/**
 * Returns the servers that listen for an instance in addition to `fastify.server`.
 *
 * `listen({ host: 'localhost' })` creates one for each further address. Fastify forwards their 'upgrade' events, but
 * not 'connect', and does not apply HTTP/2 settings to them: an Extended CONNECT would be served on 127.0.0.1 and
 * refused on ::1.
 */
export function readSecondaryServers (fastify: FastifyInstance): Server[] {
  return (readSymbol(fastify, 'fastify.serverBindings') as Server[] | undefined) ?? []
}

/**
 * Adds an onRequest hook that runs before all others, including those that the instance already has.
 *
 * `addHook()` appends. A handshake that must be refused could then reach the hooks that were added before the plugin,
 * such as one that loads a session.
 */
export function prependOnRequest (fastify: FastifyInstance, hook: onRequestHookHandler): void {
  const hooks = readSymbol(fastify, 'fastify.hooks') as { onRequest: onRequestHookHandler[] } | undefined
  if (hooks === undefined) fastify.addHook('onRequest', hook)
  else hooks.onRequest.unshift(hook)
}

/**
 * Returns the options that Fastify was created with, and some of its defaults.
 *
 * `fastify.initialConfig` has a part of them only: neither `logger` nor `trustProxy`, for example. With `--options`
 * fastify-cli passes the options of Fastify to the app as well, and apps pass their options to `@fastify/autoload`,
 * which passes them to every plugin. So they are known names, although they have no effect. And `rewriteUrl`, and the
 * options of the router, decide to which route a request belongs.
 */
export function readFastifyOptions (fastify: FastifyInstance): FastifyServerOptions {
  return (readSymbol(fastify, 'fastify.options') as FastifyServerOptions | undefined) ?? {}
}

/** Strategy of a custom constraint of routes. */
export type ConstraintStrategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]

/**
 * Calls a function with each strategy that is added to an instance, or to a scope of it, with `addConstraintStrategy()`
 * from now on.
 *
 * Fastify passes a strategy on to its router, which no API reads. The scopes of an instance inherit its methods.
 */
export function onConstraintStrategy (
  fastify: FastifyInstance, listener: (strategy: ConstraintStrategy) => void
): void {
  const { addConstraintStrategy } = fastify
  fastify.addConstraintStrategy = function (strategy) {
    addConstraintStrategy(strategy)
    listener(strategy)
  }
}
