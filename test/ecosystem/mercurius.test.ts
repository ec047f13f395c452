import type { FastifyInstance } from 'fastify'
import mercurius from 'mercurius'
import t from 'tap'
import { H1, H2C, start } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

const schema = 'type Query { add(x: Int, y: Int): Int } type Subscription { tick: Int }'

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: mercurius serves its subscriptions over the plugin`, async (t) => {
    const { app, open } = await start(t, transport, async (app: FastifyInstance) => {
      await app.register(mercurius, {
        schema,
        subscription: true,
        resolvers: {
          Query: { add: async (_root: unknown, { x, y }: { x: number, y: number }) => x + y },
          Subscription: {
            tick: {
              subscribe: async (_root: unknown, _parameters: unknown, { pubsub }: mercurius.MercuriusContext) => {
                const ticks = await pubsub!.subscribe('ticks')
                setImmediate(() => pubsub!.publish({ topic: 'ticks', payload: { tick: 42 } }))
                return ticks
              }
            }
          }
        }
      })
    })
    const socket = await open('/graphql', { protocols: 'graphql-transport-ws' })
    socket.send(JSON.stringify({ type: 'connection_init' }))
    t.same(JSON.parse(await nextText(socket)), { type: 'connection_ack' })

    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { tick }' } }))
    t.same(JSON.parse(await nextText(socket)), { type: 'next', id: '1', payload: { data: { tick: 42 } } })

    const end = closed(socket)
    await app.close()
    t.equal((await end).code, 1001)
  })
}
