import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { readSecondaryServers } from '../../../lib/internals/fastify.ts'

void t.test('readSecondaryServers: returns one server for each further address of localhost', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  t.same(readSecondaryServers(app), [])
  await app.listen({ port: 0, host: 'localhost' })
  const addresses = [app.server, ...readSecondaryServers(app)].map((server) => server.address())
  t.strictSame(addresses, app.addresses())
})
