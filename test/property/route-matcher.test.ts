import assert from 'node:assert/strict'
import fc from 'fast-check'
import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions, RouteOptions } from 'fastify'
import { asWebsocketRoute, isMatch, isRoutedToWebsocket, recordRouting } from '../helpers/routing.ts'
import type { TestRequest } from '../helpers/routing.ts'
import { testProperty } from './property.ts'

const RUNS = 100

type Methods = RouteOptions['method']

interface Route {
  url: string
  method: Methods
  isWebsocketRoute: boolean
  constraints: Record<string, unknown>
  prefixTrailingSlash: 'both' | 'slash' | 'no-slash'
}

/** Instance with a prefix, routes, and scopes of its own. */
interface Scope {
  prefix: string
  routes: Route[]
  scopes: Scope[]
}

/** Returns an arbitrary of usual values in most cases, and of unusual ones in the others. */
function mostly<Value> (usual: Value[], unusual: Value[]): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...unusual) }
  )
}

const segment = mostly(['a', 'b', ':x'], [
  'A', 'ab', 'a b', 'caf\u00e9', ':y', ':x-:y', ':x.:y', ':n(^\\d+$)', 'n:n(^\\d+$)', ':u(^[a-c]+$)', 'a::b', '%41', ''
])
const routeUrl = fc.oneof(
  fc.tuple(fc.array(segment, { minLength: 1, maxLength: 2 }), mostly([''], ['/', '/*', '/:last?', '*']))
    .map(([segments, end]) => `/${segments.join('/')}${end}`),
  mostly(['/', '/*'], ['*'])
)
const constraints = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, {
  weight: 1,
  arbitrary: fc.record({
    host: fc.constantFrom<unknown>('a.example', 'b.example', /^\w\.example$/),
    version: fc.constantFrom('1.0.0', '1.2.0', '2.0.0'),
    secret: fc.constantFrom('a', 'b'),
    slow: fc.constantFrom('a', 'b')
  }, { requiredKeys: [] })
})
const route: fc.Arbitrary<Route> = fc.record({
  url: routeUrl,
  method: mostly<Methods>(['GET'], ['POST', 'HEAD', ['GET', 'HEAD'], ['POST', 'GET']]),
  isWebsocketRoute: fc.boolean(),
  constraints,
  prefixTrailingSlash: mostly<Route['prefixTrailingSlash']>(['both'], ['slash', 'no-slash'])
})
const scopeOf: fc.Memo<Scope> = fc.memo((depth) => fc.record({
  prefix: mostly(['', '/a'], ['/b', '/:p', '/a/', '/']),
  routes: fc.array(route, { maxLength: 6 }),
  scopes: depth > 1 ? fc.array(scopeOf(depth - 1), { maxLength: 2 }) : fc.constant([])
}))
const scope = scopeOf(3)

const routerOptions = fc.record({
  caseSensitive: fc.boolean(),
  ignoreTrailingSlash: fc.boolean(),
  ignoreDuplicateSlashes: fc.boolean(),
  useSemicolonDelimiter: fc.boolean(),
  maxParamLength: fc.constantFrom(1, 3, 100),
  compile: fc.boolean()
}, { requiredKeys: [] })

const requestSegment = mostly(['a', 'b'], [
  'A', 'ab', 'a%20b', 'caf%C3%A9', '%61', '%41', 'a-b', 'a.b', '1', 'n12', 'aaaa', 'abca', 'a:b', '%2F', '%25', '%', '',
  '.', '..', '*'
])
const requestUrl = fc.oneof({
  weight: 9,
  arbitrary: fc.tuple(
    mostly([''], ['http://a.example', 'HTTPS://b.example', 'ws://a.example', 'http://']),
    fc.array(requestSegment, { maxLength: 4 }),
    mostly([''], ['/', '?q=/a', ';s=1', '#f', '//'])
  ).map(([origin, segments, end]) => `${origin}/${segments.join('/')}${end}`)
}, { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...'/ab%2F;?#:*.') }) })
const request: fc.Arbitrary<TestRequest> = fc.record({
  url: requestUrl,
  headers: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, {
    weight: 1,
    arbitrary: fc.record({
      host: fc.constantFrom('a.example', 'b.example', 'c.test'),
      'accept-version': fc.constantFrom('1.x', '1.2.0', '2.x', '3.x'),
      secret: fc.constantFrom('a', 'c'),
      slow: fc.constantFrom('a', 'c')
    }, { requiredKeys: [] })
  })
})

function createStrategy (name: string, isSlow: boolean, mustMatchWhenDerived: boolean): never {
  const derive = ({ headers }: TestRequest): unknown => headers?.[name]
  return {
    name,
    mustMatchWhenDerived,
    storage: () => new Map(),
    validate: () => {},
    deriveConstraint: !isSlow
      ? derive
      : (
          request: TestRequest, _context: unknown, done: (error: null, value: unknown) => void
        ) => { setImmediate(() => done(null, derive(request))) }
  } as never
}

/** Route table of an app, and the options that affect which route matches. */
interface Table {
  scopes: [Scope, Scope]
  routerOptions: object
  hasSecretInOptions: boolean
  mustMatch: boolean
  isAsync: boolean
  /** Text that `rewriteUrl` replaces, and the replacement. */
  rewritten: [string, string] | undefined
}

/** Adds the routes of a scope. Fastify refuses some of them, as duplicates for example. */
async function addScope (app: FastifyInstance, { prefix, routes, scopes }: Scope, refused: Set<Route>): Promise<void> {
  await app.register(async (instance) => {
    for (const route of routes) {
      if (refused.has(route)) continue
      const { isWebsocketRoute, ...options } = route
      try {
        instance.route(isWebsocketRoute ? asWebsocketRoute(options) : { handler: async () => '', ...options })
      } catch {
        refused.add(route)
      }
    }
    for (const scope of scopes) await addScope(instance, scope, refused)
  }, { prefix })
}

/**
 * @param refused routes that are not added, and those that Fastify has refused
 * @param request matched while the app is being built
 */
async function createApp (table: Table, refused: Set<Route>, request?: TestRequest): Promise<FastifyInstance> {
  const { scopes, routerOptions, hasSecretInOptions, mustMatch, isAsync, rewritten } = table
  const secret = createStrategy('secret', false, mustMatch)
  const options = { routerOptions: { ...routerOptions, ...hasSecretInOptions && { constraints: { secret } } } }
  if (rewritten !== undefined) Object.assign(options, { rewriteUrl: ({ url = '' }) => url.replace(...rewritten) })
  const app: FastifyInstance = fastify(options as FastifyServerOptions)
  recordRouting(app)
  await addScope(app, scopes[0], refused)
  if (request !== undefined) await isMatch(app, request)
  if (!hasSecretInOptions) app.addConstraintStrategy(secret)
  if (isAsync) app.addConstraintStrategy(createStrategy('slow', true, false))
  await addScope(app, scopes[1], refused)
  await app.ready()
  return app
}

await testProperty('a request matches if and only if Fastify routes it to a websocket route', { runs: RUNS },
  fc.record({
    table: fc.record<Table>({
      scopes: fc.tuple(scope, scope),
      routerOptions,
      hasSecretInOptions: fc.boolean(),
      mustMatch: fc.boolean(),
      isAsync: fc.boolean(),
      rewritten: fc.option(fc.tuple(fc.constantFrom('/a', '/b', '/'), fc.constantFrom('', '/a', '/b/')), { nil: undefined })
    }),
    requests: fc.array(request, { minLength: 1, maxLength: 20 }),
    matchesEarly: fc.boolean()
  }),
  async ({ table, requests, matchesEarly }) => {
    // Once Fastify has refused a websocket route, every request matches. So refused routes are left out.
    const refused = new Set<Route>()
    await (await createApp(table, refused)).close()
    const app = await createApp(table, refused, matchesEarly ? requests[0] : undefined)
    for (const request of requests) {
      const expected = await isRoutedToWebsocket(app, request)
      assert.equal(await isMatch(app, request), expected, JSON.stringify(request))
    }
    await app.close()
  })
