import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import t from 'tap'
import { nextText } from '../helpers/waiting.ts'

type Build = (args: string[], options: object) => Promise<FastifyInstance>

const { build } = createRequire(import.meta.url)('fastify-cli/helper.js') as { build: Build }
const APP = fileURLToPath(new URL('autoload-app/app.js', import.meta.url))
const { default: app } = await import(APP) as { default: FastifyPluginAsync<Record<string, unknown>> }

void t.test('the plugin loads by @fastify/autoload in an app of fastify-cli, with --options and skipOverride', async (t) => {
  const app = await build([APP, '--options', '--log-level', 'silent'], { skipOverride: true })
  t.teardown(() => app.close())
  const context = { headers: { 'x-forwarded-for': '192.0.2.7' } }
  t.equal(await nextText(await app.injectWS('/echo', context)), '2.0 192.0.2.7')
})

void t.test('the plugin loads by @fastify/autoload with the prefix and logLevel of the app', async (t) => {
  const server = fastify()
  t.teardown(() => server.close())
  await server.register(app, { prefix: '/v1', logLevel: 'silent' })
  await server.ready()
})

void t.test('another option that @fastify/autoload passes on is refused by its name', async (t) => {
  const server = fastify()
  t.teardown(() => server.close())
  await t.rejects(Promise.resolve(server.register(app, { database: 'postgres://localhost' })), {
    code: 'FST_WS_INVALID_OPTION', message: /^option "database" must be one of /
  })
})
