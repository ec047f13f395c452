import { createRequire } from 'node:module'
import fastify from 'fastify'
import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import websocket from '../../index.ts'

// Not imported, because its types would be merged into Fastify's and contradict ours.
const realWebsocket = createRequire(import.meta.url)('@fastify/websocket') as FastifyPluginCallback

const dependent = fp(async (fastify: FastifyInstance) => {
  fastify.get('/chat', { websocket: true }, (socket) => { socket.close(4000) })
}, { name: 'chat', dependencies: ['@fastify/websocket'], decorators: { fastify: ['websocketServer', 'injectWS'] } })

void t.test('a plugin that depends on @fastify/websocket loads, and its routes serve sockets', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  await app.register(dependent)
  await app.register(async (scope) => { await scope.register(dependent) }, { prefix: '/below' })
  for (const path of ['/chat', '/below/chat']) {
    const socket = await app.injectWS(path)
    t.same(await new Promise((resolve) => socket.on('close', resolve)), 4000)
  }
  t.ok(app.hasPlugin('@fastify/websocket'))
  t.ok(app.hasPlugin('fastify-websocket-h2'))
})

void t.test('a plugin that is registered in a scope does not satisfy the dependency @fastify/websocket outside of it', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(async (scope) => {
    await scope.register(websocket)
    await scope.register(dependent)
  })
  t.notOk(app.hasPlugin('@fastify/websocket'))
  const other = fp(async () => {}, { dependencies: ['@fastify/websocket'] })
  await t.rejects(Promise.resolve(app.register(other)), { code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED' })
})

void t.test('registering the plugin and @fastify/websocket throws for the second of them', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  t.throws(() => realWebsocket(app, {}, () => {}), { code: 'FST_ERR_DEC_ALREADY_PRESENT' })

  const theirs = fastify()
  await theirs.register(realWebsocket)
  await t.rejects(Promise.resolve(theirs.register(websocket)), { code: 'FST_WS_ALREADY_REGISTERED' })
})

void t.test('printPlugins() shows @fastify/websocket as a part of the plugin', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  await app.ready()
  t.match(app.printPlugins().replace(/ \d+ ms/g, ''), /fastify-websocket-h2\n.*@fastify\/websocket/)
})
