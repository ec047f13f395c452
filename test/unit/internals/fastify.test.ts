import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { ConstraintStrategy } from '../../../lib/internals/fastify.ts'
import {
  onConstraintStrategy, prependOnRequest, readFastifyOptions, readSecondaryServers
} from '../../../lib/internals/fastify.ts'

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

void t.test('onConstraintStrategy: calls back with each strategy that Fastify accepts, of scopes too', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  const names: string[] = []
  const createStrategy = (name: string): ConstraintStrategy => {
    return { name, storage: () => new Map(), deriveConstraint: () => '', validate: () => {} } as never
  }
  app.addConstraintStrategy(createStrategy('before'))
  onConstraintStrategy(app, ({ name }) => names.push(name))
  app.addConstraintStrategy(createStrategy('app'))
  await app.register(async (scope) => scope.addConstraintStrategy(createStrategy('scope')))
  t.throws(() => app.addConstraintStrategy(createStrategy('app')), /already exists/)
  t.same(names, ['app', 'scope'])
  for (const name of ['before', 'app', 'scope']) t.ok(app.hasConstraintStrategy(name))
})

void t.test('readFastifyOptions: has the options of the router, those of the strategies too', async (t) => {
  const routerOptions = { caseSensitive: false, ignoreTrailingSlash: true, constraints: {} }
  const app = fastify({ routerOptions })
  t.teardown(() => app.close())
  t.match(readFastifyOptions(app).routerOptions, routerOptions)
  const older: FastifyInstance = fastify({ maxParamLength: 7 })
  const options = readFastifyOptions(older)
  t.match({ ...options, ...options.routerOptions }, { maxParamLength: 7 })
})
