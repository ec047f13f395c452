import { createRequire } from 'node:module'
import fastify from 'fastify'
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type * as lateRoutes from '../../lib/late-routes.ts'
import { captureLogs } from '../helpers/logs.ts'
import { collectGarbage } from '../helpers/memory.ts'

const CODE = 'FST_WS_REGISTERED_TOO_LATE'

// Not imported, because its types would be merged into Fastify's and contradict ours.
const realWebsocket = createRequire(import.meta.url)('@fastify/websocket') as FastifyPluginCallback

const handler = (): void => {}

function createApp (t: Test, options: object = {}): FastifyInstance {
  const app: FastifyInstance = fastify(options)
  t.teardown(() => app.close())
  return app
}

/** Returns the URLs that the error of `app.ready()` names, in its order. */
async function lateUrls (app: FastifyInstance): Promise<string[]> {
  try {
    await app.ready()
    return []
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    t.equal(code, CODE)
    return message.match(/"\/[^"]*"/g)!.map((url) => JSON.parse(url) as string)
  }
}

void t.test('websocket routes that were added before the plugin make app.ready() reject', async (t) => {
  const app = createApp(t)
  void app.register(websocket)
  app.get('/true', { websocket: true }, handler)
  app.get('/object', { websocket: { maxPayload: 10 } }, handler)
  app.route({ method: 'GET', url: '/both', handler: async () => 'page', wsHandler: handler })
  app.get('/page', { websocket: false }, async () => 'page')
  await t.rejects(Promise.resolve(app.ready()), {
    code: CODE, message: /websocket routes: "\/true", "\/object", "\/both"\. .*"await app\.register\(websocket\)"/
  })
})

void t.test('app.listen() and app.inject() reject with FST_WS_REGISTERED_TOO_LATE', async (t) => {
  const starts = [
    async (app: FastifyInstance) => await app.listen({ port: 0 }), async (app: FastifyInstance) => await app.inject('/')
  ]
  for (const start of starts) {
    const app = createApp(t)
    app.get('/', { websocket: true }, handler)
    await app.register(websocket)
    await t.rejects(Promise.resolve(start(app)), { code: CODE })
  }
})

void t.test('websocket routes that are added after the plugin, in it, or in plugins registered after it, are served', async (t) => {
  const app = createApp(t)
  void app.register(websocket)
  void app.register(async (scope) => { scope.get('/', { websocket: true }, handler) }, { prefix: '/scope' })
  void app.register(fp(async (scope) => { scope.get('/nested', { websocket: true }, handler) }))
  app.after(() => { app.get('/after', { websocket: true }, handler) })
  t.same(await lateUrls(app), [])
  for (const url of ['/scope', '/scope/', '/nested', '/after']) (await app.injectWS(url)).terminate()
})

void t.test('a late route under a prefix is named once, by its URL', async (t) => {
  const app = createApp(t)
  await app.register(async (scope) => {
    scope.get('/', { websocket: true }, handler)
    scope.get('/inner', { websocket: true, exposeHeadRoute: false }, handler)
  }, { prefix: '/outer' })
  await app.register(websocket)
  t.same(await lateUrls(app), ['/outer', '/outer/inner'])
})

void t.test('websocket routes outside of the scope of the plugin are named', async (t) => {
  const app = createApp(t)
  await app.register(async (scope) => {
    await scope.register(websocket)
    scope.get('/inside', { websocket: true }, handler)
  })
  app.get('/outside', { websocket: true }, handler)
  await app.register(async (scope) => { scope.get('/sibling', { websocket: true }, handler) })
  t.same(await lateUrls(app), ['/outside', '/sibling'])
})

void t.test('websocket routes of another plugin\'s scope are not named', async (t) => {
  const app = createApp(t)
  await app.register(async (scope) => {
    await scope.register(realWebsocket)
    scope.get('/theirs', { websocket: true }, handler)
  })
  await app.register(async (scope) => {
    await scope.register(websocket)
    scope.get('/ours', { websocket: true }, handler)
  })
  t.same(await lateUrls(app), [])
})

void t.test('with the plugin in two scopes, each for a server of its own, the routes of both are served', async (t) => {
  const other = createApp(t)
  const app = createApp(t)
  for (const options of [{}, { options: { server: other.server } }]) {
    await app.register(async (scope) => {
      await scope.register(websocket, options)
      scope.get(`/${Object.keys(options).length}`, { websocket: true }, handler)
    })
  }
  t.same(await lateUrls(app), [])
})

void t.test('late routes of an app with options.server are named', async (t) => {
  const app = createApp(t)
  app.get('/late', { websocket: true }, handler)
  await app.register(websocket, { options: { server: createApp(t).server } })
  t.same(await lateUrls(app), ['/late'])
})

void t.test('an app without the plugin may have routes with websocket: true, next to an app that has it', async (t) => {
  const server = createApp(t).server
  const other = createApp(t, { serverFactory: () => server })
  const without = createApp(t, { serverFactory: () => server })
  without.get('/', { websocket: true }, ((_: unknown, reply: FastifyReply) => reply.send('page')) as never)
  await other.register(websocket)
  other.get('/', { websocket: true }, handler)
  t.equal((await without.inject('/')).body, 'page')
  t.same(await lateUrls(other), [])
})

void t.test('apps with websocket routes are collected as garbage', async (t) => {
  const apps: Array<WeakRef<FastifyInstance>> = []
  for (let count = 0; count < 10; count++) {
    const app: FastifyInstance = fastify()
    app.get('/', { websocket: true }, handler)
    if (count % 2 === 0) await app.register(websocket)
    await lateUrls(app)
    await app.close()
    apps.push(new WeakRef(app))
  }
  await collectGarbage()
  t.ok(apps.filter((app) => app.deref() !== undefined).length <= 2)
})

// An app that is older than the module: app.register(require('fastify-websocket-h2'))

/** Imports a copy of the module, which does not know the apps that exist. */
async function importCopy (): Promise<typeof lateRoutes> {
  const url = new URL('../../lib/late-routes.ts?copy', import.meta.url)
  return await import(url.href) as typeof lateRoutes
}

void t.test('an app that is older than the module is warned if it has no websocket route', async (t) => {
  const { logger, logs } = captureLogs('warn')
  const app = createApp(t, { logger })
  const { checkLateRoutes, markServed } = await importCopy()
  markServed(app, {} as RouteOptions)
  checkLateRoutes(app, true)
  t.same(logs, [])
  checkLateRoutes(app, false)
  t.match(logs, [{ msg: /no websocket route was added after.*"await app\.register\(websocket\)"/ }])
  t.equal(logs.length, 1)
})

void t.test('an app that is younger than the module, and has no websocket route, is not warned', async (t) => {
  const { logger, logs } = captureLogs('warn')
  const app = createApp(t, { logger })
  app.get('/page', async () => 'page')
  await app.register(websocket)
  await app.ready()
  t.same(logs, [])
})
