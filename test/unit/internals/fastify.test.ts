import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { prependOnRequest, readFastifyOptions, readSecondaryServers } from '../../../lib/internals/fastify.ts'

void t.test('readSecondaryServers: returns one server for each further address of localhost', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  t.same(readSecondaryServers(app), [])
  await app.listen({ port: 0, host: 'localhost' })
  const addresses = [app.server, ...readSecondaryServers(app)].map((server) => server.address())
  t.strictSame(addresses, app.addresses())
})

void t.test('prependOnRequest: adds a hook that runs before those that were added earlier, in children too', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  const calls: string[] = []
  const add = (instance: FastifyInstance, name: string): void => {
    instance.addHook('onRequest', async () => { calls.push(name) })
  }
  add(app, 'before')
  await app.register(async () => {
    prependOnRequest(app, (_request, _reply, done) => {
      calls.push('prepended')
      done()
    })
  })
  add(app, 'after')
  await app.register(async (child) => {
    add(child, 'child')
    child.get('/child', async () => '')
  })
  app.get('/', async () => '')
  await app.inject('/child')
  t.same(calls.splice(0), ['prepended', 'before', 'after', 'child'])
  await app.inject('/')
  t.same(calls, ['prepended', 'before', 'after'])
})

void t.test('readFastifyOptions: returns the options that Fastify was created with, in its scopes too', async (t) => {
  const app = fastify({ trustProxy: true, http2: true })
  t.teardown(() => app.close())
  t.match(readFastifyOptions(app as never), { trustProxy: true, http2: true })
  await app.register(async (scope) => { t.equal(readFastifyOptions(scope as never), readFastifyOptions(app as never)) })
  t.notOk('trustProxy' in readFastifyOptions(fastify()))
})
