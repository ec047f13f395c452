import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyServerOptions, RouteOptions } from 'fastify'
import findMyWay from 'find-my-way'
import type { RawRequest } from './handshake/upgrade.ts'
import { onConstraintStrategy, readFastifyOptions } from './internals/fastify.ts'
import { kWebsocketRoute } from './symbols.ts'

type Router = findMyWay.Instance<findMyWay.HTTPVersion.V1>

/** Change of Fastify's router, which is repeated on the copy of it. */
type Change = (router: Router) => void

/** Options that the routers of Fastify and of find-my-way have in common, and that affect which route matches. */
const ROUTER_OPTIONS = [
  'allowUnsafeRegex', 'caseSensitive', 'constraints', 'ignoreDuplicateSlashes', 'ignoreTrailingSlash', 'maxParamLength',
  'useSemicolonDelimiter'
] as const

/** Matchers of the Fastify instances that were created after this module was imported. All scopes share the key. */
const matchers = new WeakMap<FastifyInstance['initialConfig'], RouteMatcher>()

// Routes that were added before the plugin, or outside of its scope, count too: a plain "/a" comes before a websocket
// "/*". Fastify publishes each new instance on this channel (see lib/late-routes.ts).
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  matchers.set(fastify.initialConfig, new RouteMatcher(fastify))
})

/**
 * Returns the RouteMatcher of an instance. If the instance is older than this module, it only knows the routes that are
 * added to this scope from now on.
 */
export function getRouteMatcher (fastify: FastifyInstance): RouteMatcher {
  return matchers.get(fastify.initialConfig) ?? new RouteMatcher(fastify)
}

/**
 * Finds out if Fastify would route a request to a websocket route, before Fastify has seen it. Where that cannot be
 * known, the answer is yes, so that Fastify decides.
 *
 * Fastify has no API for that: `findRoute()` returns neither the URL nor the config of a route, and does not derive
 * constraints. So this is a copy of its router, made with the same package.
 */
export class RouteMatcher {
  readonly #fastify: FastifyInstance

  /** Changes of Fastify's router that its copy does not have, in their order. */
  readonly #changes: Change[] = []

  /** Copy of Fastify's router, without its handlers. Undefined until a request has to be matched. */
  #router: Router | undefined

  /** False if the copy lacks a websocket route. */
  #isComplete = true

  /** @param fastify instance, or scope, whose routes are recorded from now on */
  constructor (fastify: FastifyInstance) {
    this.#fastify = fastify
    onConstraintStrategy(fastify, (strategy) => {
      this.#changes.push((router) => router.addConstraintStrategy(strategy as never))
    })
    fastify.addHook('onRoute', (route) => {
      const { url, routePath } = route
      // Later hooks may change the route, so the rest is read when a request has to be matched. By then, a route "/" in
      // a prefix may have a second URL, for which Fastify calls no hook.
      this.#changes.push((router) => {
        if (route.routePath !== routePath) addRoute(router, url, route)
        addRoute(router, route.url, route)
      })
    })
  }

  /**
   * Calls back with true if Fastify would route the GET of a request to a websocket route, or would fail to route it.
   * Calls back at once, unless a constraint of routes is asynchronous. Does not change the request.
   */
  match (request: RawRequest, done: (isMatch: boolean) => void): void {
    let isMatch: boolean | undefined
    let hasReturned = false
    try {
      this.#lookup(request, (result) => {
        if (isMatch !== undefined) return
        isMatch = result
        // find-my-way catches what its callback throws, and calls it again.
        if (hasReturned) process.nextTick(done, result)
      })
    } catch {
      // Of the user's functions. Fastify calls them again, and reports it.
      isMatch ??= true
    }
    hasReturned = true
    if (isMatch !== undefined) done(isMatch)
  }

  #lookup (request: RawRequest, done: (isMatch: boolean) => void): void {
    const options = readFastifyOptions(this.#fastify)
    const router = this.#router ??= createRouter(options)
    this.#update(router)
    if (!this.#isComplete) return done(true)

    const get = toGet(request)
    if (options.rewriteUrl !== undefined) {
      get.originalUrl = get.url
      const url: unknown = options.rewriteUrl.call(this.#fastify, get as never)
      // Fastify destroys such a request, with an error that says why.
      if (typeof url !== 'string') return done(true)
      get.url = url
    }
    router.lookup(get, undefined as never, (error, isMatch) => done(error !== null || isMatch as boolean))
  }

  /** Repeats the changes of Fastify's router since the last call. */
  #update (router: Router): void {
    for (const change of this.#changes.splice(0)) {
      try {
        change(router)
      } catch {
        this.#isComplete = false
      }
    }
  }
}

/**
 * Adds a route of Fastify to a copy of its router.
 *
 * @throws errors of find-my-way if it is a websocket route: Fastify has refused it as well, or the strategy of its
 * constraint was added before this module was imported
 */
function addRoute (router: Router, url: string, { method, constraints, config }: RouteOptions): void {
  const methods = [method].flat()
  const isGet = methods.includes('GET')
  // Once a route has a constraint, whatever its method is, Fastify derives the value of it for all requests.
  if (!isGet && Object.keys(constraints ?? {}).length === 0) return

  const isWebsocketRoute = isGet && kWebsocketRoute in (config ?? {})
  try {
    const options = { constraints: constraints ?? {} }
    router.on(isGet ? 'GET' : methods[0] as 'HEAD', url, options, isWebsocketRoute ? matches : matchesNot)
  } catch (error) {
    if (isWebsocketRoute) throw error
  }
}

/** Creates a router with the options of Fastify's router. Until Fastify 5.4 there were no `routerOptions`. */
function createRouter (options: FastifyServerOptions): Router {
  const all: Record<string, unknown> = { ...options, ...options.routerOptions }
  return findMyWay({
    ...Object.fromEntries(ROUTER_OPTIONS.map((name) => [name, all[name]])),
    querystringParser: () => ({}),
    defaultRoute: matchesNot
  })
}

/**
 * Returns a GET that inherits the rest from a request. Fastify and `rewriteUrl` set properties of a request, and other
 * listeners must not see these.
 */
function toGet (request: RawRequest): IncomingMessage & { originalUrl?: string } {
  const own = { writable: true, enumerable: true, configurable: true }
  return Object.create(request, { method: { ...own, value: 'GET' }, url: { ...own, value: request.url } })
}

function matches (): boolean {
  return true
}

function matchesNot (): boolean {
  return false
}
