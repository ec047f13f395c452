import { once } from 'node:events'
import { createServer as createHttp1Server, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions, RouteOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { RawRequest } from '../../lib/handshake/upgrade.ts'
import type { ConstraintStrategy } from '../../lib/internals/fastify.ts'
import type * as routeMatcher from '../../lib/route-matcher.ts'
import { getRouteMatcher } from '../../lib/route-matcher.ts'
import { collectGarbage } from '../helpers/memory.ts'
import { asWebsocketRoute, createRequest, isMatch, isRoutedToWebsocket, recordRouting } from '../helpers/routing.ts'
import type { TestRequest } from '../helpers/routing.ts'

const handler = (): void => {}
const page = async (): Promise<string> => 'page'

type AddRoutes = (app: FastifyInstance) => unknown

/** Requests, as a URL or with header fields, and whether they have a websocket route. */
type Expected = Array<[TestRequest | string, boolean]>

async function createApp (t: Test, addRoutes: AddRoutes, options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify(options)
  t.teardown(() => app.close())
  recordRouting(app)
  await app.register(websocket)
  await addRoutes(app)
  await app.ready()
  return app
}

/** Compares the answer of the matcher with what is expected, and with what Fastify does. */
async function check (t: Test, app: FastifyInstance, expected: Expected): Promise<void> {
  for (const [request, result] of expected) {
    const testRequest = typeof request === 'string' ? { url: request } : request
    const title = JSON.stringify(request)
    t.equal(await isRoutedToWebsocket(app, testRequest), result, `Fastify: ${title}`)
    t.equal(await isMatch(app, testRequest), result, `matcher: ${title}`)
  }
}

/** Adds a test with an app that has some routes. */
function testRoutes (title: string, addRoutes: AddRoutes, expected: Expected, options?: FastifyServerOptions): void {
  void t.test(title, async (t) => await check(t, await createApp(t, addRoutes, options), expected))
}

function addSocket (app: FastifyInstance, url: string, options: Partial<RouteOptions> = {}): void {
  app.route({ method: 'GET', url, websocket: true, handler, ...options } as RouteOptions)
}

const withSocket = (...urls: string[]): AddRoutes => (app) => urls.forEach((url) => addSocket(app, url))

testRoutes('a websocket route matches its URL, with any query', withSocket('/echo'), [
  ['/echo', true], ['/echo?a=/b', true], ['/echo#a', true], ['/echo/', false], ['/ech', false], ['/echo/a', false],
  ['/ECHO', false], ['/', false], ['/socket.io/?EIO=4', false], ['//echo', false], ['/./echo', false], ['*', false],
  ['', false], ['echo', false]
])

testRoutes('an app without routes has no websocket route', () => {}, [['/', false], ['/a', false]])

testRoutes('parameters, regular expressions, several parameters of a segment, and optional parameters match',
  withSocket('/user/:id', '/n/:n(^\\d+$)', '/at/:h(^\\d{2})h:m(^\\d{2})m', '/near/:lat-:lng', '/opt/:a?', '/v1/a::b'), [
    ['/user/1', true], ['/user/', true], ['/user', false], ['/user/1/2', false], ['/user/a%2Fb', true],
    ['/n/12', true], ['/n/a', false], ['/at/10h20m', true], ['/at/10h', false], ['/near/1-2', true], ['/near/1', false],
    ['/opt', true], ['/opt/a', true], ['/opt/a/b', false], ['/v1/a:b', true]
  ])

testRoutes('a wildcard matches what no other route matches, so a plain route hides its URL from it', (app) => {
  addSocket(app, '/*')
  app.get('/page', page)
  app.get('/pages/:id', page)
  app.post('/post', page)
  app.all('/all', page)
}, [['/', true], ['/a/b', true], ['/page', false], ['/page/', true], ['/pages/1', false], ['/post', true], ['/all', false]])

testRoutes('the URL "*" matches everything', withSocket('*'), [['/', true], ['/a/b', true], ['*', true]])

testRoutes('encoded URLs match as they are decoded, and a URL that cannot be decoded matches nothing',
  withSocket('/a b', '/caf\u00e9', '/w/*'), [
    ['/a%20b', true], ['/caf%C3%A9', true], ['/caf%c3%a9', true], ['/%61%20b', true], ['/a%2520b', false],
    ['/w/%', false], ['/w/%E0%A4%A', false], ['/w/%2F', true], ['/w%2Fa', false]
  ])

testRoutes('the absolute form of a URL matches by its path', withSocket('/echo', '/'), [
  ['http://localhost/echo', true], ['https://localhost/echo?a', true], ['http://localhost', true],
  ['http://localhost/page', false], ['ws://localhost/echo', false]
])

testRoutes('a route "/" in a prefix has two URLs, unless prefixTrailingSlash says otherwise', async (app) => {
  for (const prefixTrailingSlash of ['both', 'slash', 'no-slash'] as const) {
    await app.register(async (scope) => {
      addSocket(scope, '/', { prefixTrailingSlash })
      await scope.register(async (nested) => addSocket(nested, '/', { prefixTrailingSlash }), { prefix: '/nested' })
      await scope.register(async (nested) => addSocket(nested, '/a', { prefixTrailingSlash }), { prefix: '/end/' })
    }, { prefix: `/${prefixTrailingSlash}` })
  }
}, [
  ['/both', true], ['/both/', true], ['/both/nested', true], ['/both/nested/', true], ['/both/end/a', true],
  ['/slash', false], ['/slash/', true], ['/slash/nested', false], ['/slash/nested/', true], ['/slash/end/a', true],
  ['/no-slash', true], ['/no-slash/', false], ['/no-slash/nested', true], ['/no-slash/nested/', false],
  ['/both/end', false]
])

testRoutes('caseSensitive: false', withSocket('/Echo/:id'), [['/eCHO/A', true], ['/ech/A', false]], {
  routerOptions: { caseSensitive: false }
})

testRoutes('ignoreTrailingSlash', async (app) => {
  addSocket(app, '/echo/')
  await app.register(async (scope) => addSocket(scope, '/'), { prefix: '/scope' })
}, [['/echo', true], ['/echo/', true], ['/echo//', false], ['/scope', true], ['/scope/', true]], {
  routerOptions: { ignoreTrailingSlash: true }
})

testRoutes('ignoreDuplicateSlashes', async (app) => {
  addSocket(app, '/a//b')
  await app.register(async (scope) => addSocket(scope, '/'), { prefix: '/scope/' })
}, [['/a/b', true], ['//a///b', true], ['/ab', false], ['/scope/', true], ['//scope//', true], ['/scope', false]], {
  routerOptions: { ignoreDuplicateSlashes: true }
})

for (const useSemicolonDelimiter of [true, false]) {
  testRoutes(`useSemicolonDelimiter: ${useSemicolonDelimiter}`, withSocket('/echo'), [
    ['/echo;a=1', useSemicolonDelimiter], ['/echo?a;b', true]
  ], { routerOptions: { useSemicolonDelimiter } as object })
}

testRoutes('a parameter that is longer than maxParamLength does not match', withSocket('/:a', '/r/:b(^a+$)', '/w/*'), [
  ['/aaa', true], ['/aaaa', false], ['/r/aaa', true], ['/r/aaaa', false], ['/w/aaaa', true]
], { routerOptions: { maxParamLength: 3 } })

testRoutes('options of the router outside of routerOptions', withSocket('/Echo'), [['/ECHO/', true]], {
  caseSensitive: false, ignoreTrailingSlash: true
})

testRoutes('allowUnsafeRegex', withSocket('/:a(^(?:x+x+)+y$)'), [['/xxy', true], ['/z', false]], {
  routerOptions: { allowUnsafeRegex: true }
})

testRoutes('methods: GET and HEAD match, other methods do not', (app) => {
  addSocket(app, '/both', { method: ['GET', 'HEAD'] })
  addSocket(app, '/head', { method: 'HEAD' })
  app.route({ method: 'GET', url: '/pages', handler: page, wsHandler: handler })
  app.post('/both', page)
}, [['/both', true], ['/head', false], ['/pages', true]])

testRoutes('the constraint host', (app) => {
  addSocket(app, '/', { constraints: { host: 'a.example' } })
  addSocket(app, '/', { constraints: { host: /^b\d\.example$/ } })
  app.get('/', page)
  addSocket(app, '/any')
}, [
  [{ url: '/', headers: { host: 'a.example' } }, true], [{ url: '/', headers: { host: 'b1.example' } }, true],
  [{ url: '/', headers: { host: 'c.example' } }, false], [{ url: '/any', headers: { host: 'c.example' } }, true]
])

testRoutes('the constraint version, of a route of any method, hides routes without it from its requests', (app) => {
  addSocket(app, '/socket', { constraints: { version: '1.2.0' } })
  addSocket(app, '/any')
  app.get('/socket', page)
}, [
  ['/socket', false], [{ url: '/socket', headers: { 'accept-version': '1.x' } }, true],
  [{ url: '/socket', headers: { 'accept-version': '2.x' } }, false], ['/any', true],
  [{ url: '/any', headers: { 'accept-version': '1.x' } }, false]
])

testRoutes('the version of a POST route affects websocket routes', (app) => {
  addSocket(app, '/any')
  app.route({ method: 'POST', url: '/post', handler: page, constraints: { version: '1.0.0' } })
}, [[{ url: '/any', headers: { 'accept-version': '1.x' } }, false], ['/any', true]])

function createStrategy (name = 'secret', properties: object = {}): ConstraintStrategy {
  return {
    name,
    storage: () => {
      const values = new Map<unknown, never>()
      return {
        get: (key: unknown) => values.get(key) ?? null,
        set: (key: unknown, value: never) => { values.set(key, value) }
      }
    },
    deriveConstraint: (request: { headers: Record<string, string> }) => request.headers[name],
    validate: () => {},
    ...properties
  } as unknown as ConstraintStrategy
}

/** Strategy whose value is known later. The value "error" makes it fail. */
function createAsyncStrategy (): ConstraintStrategy {
  return createStrategy('secret', {
    deriveConstraint (request: IncomingMessage, _context: unknown, done: (error: unknown, value?: unknown) => void) {
      const { secret } = request.headers
      setImmediate(() => secret === 'error' ? done(new Error('failed')) : done(null, secret))
    }
  })
}

const addSecrets: AddRoutes = (app) => {
  addSocket(app, '/', { constraints: { secret: 'socket' } })
  app.route({ method: 'GET', url: '/', handler: page, constraints: { secret: 'page' } })
  addSocket(app, '/any')
}

const SECRETS: Expected = [
  ['/', false], [{ url: '/', headers: { secret: 'socket' } }, true], [{ url: '/', headers: { secret: 'page' } }, false],
  [{ url: '/', headers: { secret: 'other' } }, false], ['/any', true]
]

testRoutes('constraints with a strategy in the options', addSecrets, SECRETS, {
  routerOptions: { constraints: { secret: createStrategy() as never } }
})

testRoutes('constraints with a strategy of addConstraintStrategy()', async (app) => {
  await app.register(async (scope) => scope.addConstraintStrategy(createStrategy()))
  addSecrets(app)
}, SECRETS)

testRoutes('constraints with an asynchronous strategy', (app) => {
  app.addConstraintStrategy(createAsyncStrategy())
  addSecrets(app)
}, SECRETS)

testRoutes('a strategy with mustMatchWhenDerived hides routes without its constraint', (app) => {
  addSocket(app, '/before')
  app.addConstraintStrategy(createStrategy('secret', { mustMatchWhenDerived: true }))
  addSocket(app, '/after')
}, [
  ['/before', true], ['/after', true], [{ url: '/after', headers: { secret: 'a' } }, false],
  [{ url: '/before', headers: { secret: 'a' } }, false]
])

void t.test('if an asynchronous constraint fails, the answer is yes, so that Fastify responds', async (t) => {
  const app = await createApp(t, (app) => {
    app.addConstraintStrategy(createAsyncStrategy())
    addSecrets(app)
  })
  const request = { url: '/', headers: { secret: 'error' } }
  await t.rejects(isRoutedToWebsocket(app, request), { message: 'status 500' })
  t.equal(await isMatch(app, request), true)
})

void t.test('if a constraint throws an error, the answer is yes', async (t) => {
  const deriveConstraint = (): never => { throw new Error('failed') }
  const app = await createApp(t, (app) => {
    app.addConstraintStrategy(createStrategy('secret', { deriveConstraint }))
    addSecrets(app)
  })
  await t.rejects(isRoutedToWebsocket(app, { url: '/page' }), { message: 'failed' })
  t.equal(await isMatch(app, { url: '/page' }), true)
})

void t.test('the answer comes once, and at once unless a constraint is asynchronous', async (t) => {
  const sync = await createApp(t, withSocket('/'))
  const calls: boolean[] = []
  for (const url of ['/', '/page', '/%']) getRouteMatcher(sync).match(createRequest({ url }), (result) => calls.push(result))
  t.strictSame(calls, [true, false, false])

  const app = await createApp(t, (app) => {
    app.addConstraintStrategy(createAsyncStrategy())
    const deriveConstraint = (_request: unknown, _context: unknown, _done: unknown): never => { throw new Error('failed') }
    app.addConstraintStrategy(createStrategy('throwing', { deriveConstraint }))
    addSocket(app, '/', { constraints: { secret: 'socket', throwing: '' } })
  })
  calls.length = 0
  getRouteMatcher(app).match(createRequest({ url: '/', headers: { secret: 'error' } }), (result) => calls.push(result))
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  t.strictSame(calls, [true])
})

void t.test('an error that the callback throws reaches the caller, and the callback is not called again', async (t) => {
  const app = await createApp(t, withSocket('/'))
  let calls = 0
  t.throws(() => getRouteMatcher(app).match(createRequest({ url: '/' }), () => {
    calls++
    throw new Error('of the callback')
  }), { message: 'of the callback' })
  t.equal(calls, 1)
})

void t.test('an error that the callback throws later, after an asynchronous constraint, is not lost', async (t) => {
  const app = await createApp(t, (app) => {
    app.addConstraintStrategy(createAsyncStrategy())
    addSecrets(app)
  })
  const error = new Error('of the callback')
  const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  getRouteMatcher(app).match(createRequest({ url: '/' }), () => { throw error })
  t.equal(await thrown, error)
})

testRoutes('rewriteUrl', withSocket('/echo'), [['/old/echo', true], ['/old/page', false], ['/echo', true]], {
  rewriteUrl: (request) => request.url!.replace('/old', '')
})

void t.test('rewriteUrl is called as by Fastify, and its changes of the request are not seen by other listeners', async (t) => {
  const calls: unknown[] = []
  const app = await createApp(t, (app) => {
    app.decorate('target', '/echo')
    addSocket(app, '/echo')
  }, {
    rewriteUrl (request) {
      const { url, method, headers, originalUrl } = request as RawRequest & { originalUrl?: string }
      calls.push([this.server === app.server, url, method, headers.host, originalUrl])
      Object.assign(request, { tenant: 'a', url: '/changed' })
      return (this as FastifyInstance & { target: string }).target
    }
  })
  const request = createRequest({ url: '/old' })
  const before = Reflect.ownKeys(request)
  const results: boolean[] = []
  getRouteMatcher(app).match(request, (result) => results.push(result))
  t.strictSame(results, [true])
  t.strictSame(calls, [[true, '/old', 'GET', 'localhost', '/old']])
  t.equal(request.url, '/old')
  t.strictSame(Reflect.ownKeys(request), before)
})

void t.test('if rewriteUrl fails, or does not return a string, the answer is yes, so that Fastify reports it', async (t) => {
  const app = await createApp(t, withSocket('/echo'), {
    rewriteUrl: (request) => {
      if (request.url === '/throw') throw new Error('of rewriteUrl')
      return undefined as never
    }
  })
  await t.rejects(isRoutedToWebsocket(app, { url: '/throw' }), { message: 'of rewriteUrl' })
  for (const url of ['/throw', '/page']) t.equal(await isMatch(app, { url }), true)
})

void t.test('the method of a request does not matter: it is matched as a GET', async (t) => {
  const app = await createApp(t, withSocket('/echo'))
  for (const method of ['GET', 'POST', 'CONNECT']) t.equal(await isMatch(app, { url: '/echo', method }), true)
})

void t.test('requests of node:http and node:http2 are matched by their host, and stay as they are', async (t) => {
  const app = await createApp(t, (app) => addSocket(app, '/echo', { constraints: { host: 'a.example' } }), {
    rewriteUrl: (request) => request.url!.replace('/old', '/echo')
  })
  const results: unknown[] = []
  const onRequest = (request: RawRequest, response: { end: () => unknown }): void => {
    const { url } = request
    getRouteMatcher(app).match(request, (result) => results.push([request.httpVersionMajor, url, result]))
    t.equal(request.url, url)
    t.notOk('originalUrl' in request)
    response.end()
  }
  const http1 = createHttp1Server(onRequest).listen(0)
  const http2 = createHttp2Server(onRequest).listen(0)
  t.teardown(() => { for (const server of [http1, http2]) server.close() })
  const portOf = (server: Server): number => (server.address() as AddressInfo).port
  const session = connect(`http://localhost:${portOf(http2)}`)
  for (const [host, path] of [['a.example', '/old'], ['b.example', '/old'], ['a.example', '/page']] as const) {
    const stream = session.request({ ':authority': host, ':path': path }).resume()
    await once(stream, 'close')
    const [response] = await once(get({ port: portOf(http1), path, headers: { host }, agent: false }), 'response')
    response.resume()
    await once(response, 'close')
  }
  session.close()
  t.strictSame(results, [
    [2, '/old', true], [1, '/old', true], [2, '/old', false], [1, '/old', false], [2, '/page', false], [1, '/page', false]
  ])
})

void t.test('plain routes that are added before the plugin, or outside of its scope, count', async (t) => {
  const app = await createApp(t, () => {})
  t.equal(await isMatch(app, { url: '/' }), false)
  const scoped: FastifyInstance = fastify()
  t.teardown(() => scoped.close())
  recordRouting(scoped)
  scoped.get('/before', page)
  await scoped.register(async (scope) => {
    await scope.register(websocket)
    addSocket(scope, '/*')
  })
  scoped.get('/after', page)
  await scoped.register(async (sibling) => { sibling.get('/', page) }, { prefix: '/sibling' })
  await scoped.ready()
  await check(t, scoped, [['/before', false], ['/after', false], ['/sibling', false], ['/sibling/', false], ['/a', true]])
})

void t.test('routes that are added after a request was matched, because another server listens already, count', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  recordRouting(app)
  await app.register(websocket)
  addSocket(app, '/first')
  t.equal(await isMatch(app, { url: '/first' }), true)
  t.equal(await isMatch(app, { url: '/second' }), false)
  app.addConstraintStrategy(createStrategy())
  addSocket(app, '/second')
  addSecrets(app)
  await app.ready()
  await check(t, app, [['/first', true], ['/second', true], ...SECRETS])
})

void t.test('an onRoute hook can change the URL, the methods and the constraints of a route', async (t) => {
  const app = await createApp(t, (app) => {
    app.addHook('onRoute', (route) => {
      if (route.url === '/url') route.url = '/changed'
      if (route.url === '/method') route.method = 'POST'
      if (route.url === '/host') route.constraints = { host: 'a.example' }
    })
    for (const url of ['/url', '/method', '/host']) addSocket(app, url, { exposeHeadRoute: false })
  })
  await check(t, app, [
    ['/url', false], ['/changed', true], ['/method', false], ['/host', false],
    [{ url: '/host', headers: { host: 'a.example' } }, true]
  ])
})

void t.test('a route that Fastify refuses, and whose error the app ignores, has no effect', async (t) => {
  const app = await createApp(t, (app) => {
    addSocket(app, '/echo')
    t.throws(() => app.get('/echo', page), { code: 'FST_ERR_DUPLICATED_ROUTE' })
    t.throws(() => app.get('/*/a', page), /Wildcard/)
    t.throws(() => app.get('/secret', { constraints: { secret: '' } }, page), /No strategy/)
  })
  await check(t, app, [['/echo', true], ['/secret', false]])
})

void t.test('websocket: true without the plugin is no websocket route', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  recordRouting(app)
  app.get('/', { websocket: true }, page as never)
  await app.ready()
  await check(t, app, [['/', false]])
})

void t.test('apps are collected as garbage', async (t) => {
  const apps: Array<WeakRef<FastifyInstance>> = []
  for (let count = 0; count < 10; count++) {
    const app: FastifyInstance = fastify()
    app.route(asWebsocketRoute({ url: '/' }))
    if (count % 2 === 0) await isMatch(app, { url: '/' })
    await app.close()
    apps.push(new WeakRef(app))
  }
  await collectGarbage()
  t.ok(apps.filter((app) => app.deref() !== undefined).length <= 2)
})

// An app that is older than the module: app.register(require('fastify-websocket-h2'))

let copies = 0

/** Imports a new copy of the module, which does not know the apps that exist. */
async function importCopy (): Promise<typeof routeMatcher> {
  const url = new URL(`../../lib/route-matcher.ts?copy=${++copies}`, import.meta.url)
  return await import(url.href) as typeof routeMatcher
}

void t.test('getRouteMatcher: of an app that is older than the module, it knows the later routes', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  app.get('/before', page)
  const matcher = (await importCopy()).getRouteMatcher(app)
  await app.register(websocket)
  addSocket(app, '/a')
  addSocket(app, '/b/*')
  app.get('/b/page', page)
  for (const [url, expected] of [['/a', true], ['/b/a', true], ['/b/page', false], ['/before', false]] as const) {
    t.equal(await isMatch(app, { url }, matcher), expected, url)
  }
})

void t.test('getRouteMatcher: if the strategy of a websocket route is unknown, every answer is yes', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  app.addConstraintStrategy(createStrategy())
  const matcher = (await importCopy()).getRouteMatcher(app)
  app.route({ method: 'GET', url: '/', handler: page, constraints: { secret: 'page' } })
  app.route(asWebsocketRoute({ url: '/known' }))
  t.equal(await isMatch(app, { url: '/' }, matcher), false)
  t.equal(await isMatch(app, { url: '/known' }, matcher), true)
  app.route(asWebsocketRoute({ url: '/', constraints: { secret: 'socket' } }))
  for (const url of ['/', '/known', '/page']) t.equal(await isMatch(app, { url }, matcher), true)
})

void t.test('getRouteMatcher: all scopes of an app have the same matcher', async (t) => {
  const app = await createApp(t, () => {})
  const other = await createApp(t, async (app) => await app.register(async (scope) => {
    t.equal(getRouteMatcher(scope), getRouteMatcher(app))
  }))
  t.not(getRouteMatcher(app), getRouteMatcher(other))
})
