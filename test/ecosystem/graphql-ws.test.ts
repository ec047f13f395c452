import { EventEmitter, on, once } from 'node:events'
import { GraphQLError, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createClient } from 'graphql-ws'
import type { Client, ClientOptions } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { TRANSPORTS, WAYS, checkOwnRoute, startBeside } from '../helpers/beside.ts'
import type { Beside } from '../helpers/beside.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

/** Events of the server: 'ended' when the generator of a subscription has ended. */
const server = new EventEmitter()

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      hello: { type: GraphQLString, resolve: () => 'world' },
      fails: { type: GraphQLString, resolve () { throw new GraphQLError('refused by the resolver') } }
    }
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      count: {
        type: GraphQLInt,
        subscribe: async function * () { for (let count = 1; count <= 5; count++) yield { count } }
      },
      endless: {
        type: GraphQLInt,
        // Not a generator: one that waits for a value cannot be ended.
        subscribe (_root: unknown, _parameters: unknown, { name }: { name: string }) {
          const values = on(server, name)
          const end = values.return!.bind(values)
          return Object.assign(values, {
            return () {
              server.emit('ended', name)
              return end()
            }
          })
        },
        resolve: (event: unknown) => (event as [number])[0]
      }
    }
  })
})

for (const transport of TRANSPORTS) {
  for (const way of WAYS) {
    const scenario = (title: string, run: (t: Test, graphql: GraphqlServer) => Promise<unknown>): void => {
      void t.test(`${transport.name}: ${title}, by ${way}`, async (t) => {
        const wss = new WebSocketServer({ noServer: true })
        const name = `${transport.name} ${way} ${title}`
        useServer({
          schema,
          context: () => ({ name }),
          onConnect: ({ connectionParams }) => connectionParams?.['token'] !== 'wrong'
        }, wss)
        const beside = await startBeside(t, transport, way, '/graphql', wss, { shutdownTimeout: 300 })
        await run(t, { ...members(t, beside), name, beside, wss })
        t.ok(beside.carriers.length > 0)
        t.same(new Set(beside.carriers), new Set([transport.name]))
      })
    }

    scenario('graphql-ws answers a query and sends the values of a subscription', async (t, { client, collect, beside }) => {
      const subscription = collect('subscription { count }')
      t.same(await collect('{ hello }'), [{ data: { hello: 'world' } }])
      t.same(await subscription, [1, 2, 3, 4, 5].map((count) => ({ data: { count } })))
      t.equal(beside.carriers.length, 1, 'on one socket')
      await checkOwnRoute(t, beside)
      await client.dispose()
    })

    scenario('a client of graphql-ws that completes a subscription ends it alone', async (t, { client, collect, beside, name }) => {
      const other = collect('subscription { endless }').catch(() => {})
      const iterator = client.iterate({ query: 'subscription { endless }' })
      const first = iterator.next()
      await waitUntil(() => server.listenerCount(name) === 2)
      server.emit(name, 42)
      t.same((await first).value, { data: { endless: 42 } })
      const ended = once(server, 'ended')
      await iterator.return!()
      t.same(await ended, [name])
      t.same(await collect('{ hello }'), [{ data: { hello: 'world' } }])
      t.equal(server.listenerCount(name), 1)
      t.equal(beside.carriers.length, 1, 'on one socket')
      await client.dispose()
      await other
    })

    scenario('graphql-ws reports errors of an operation, and the socket stays open', async (t, { client, collect, beside }) => {
      const other = collect('subscription { endless }').catch(() => {})
      const [error] = await collect('{ unknown }').catch((errors) => errors)
      t.match(error, { message: /Cannot query field "unknown"/ })
      const [{ errors }] = await collect('{ fails }') as [{ errors: Array<{ message: string }> }]
      t.equal(errors[0]!.message, 'refused by the resolver')
      t.equal(beside.carriers.length, 1, 'on one socket')
      await client.dispose()
      await other
    })

    scenario('graphql-ws refuses connectionParams with 4403', async (t, { createClient }) => {
      const client = createClient({ connectionParams: { token: 'wrong' }, retryAttempts: 0 })
      await t.rejects(collectOf(client, '{ hello }'), { code: 4403, reason: 'Forbidden' })
    })

    scenario('a subscription of graphql-ws ends when its client disconnects', async (t, { beside, name }) => {
      const socket = new beside.ClientWebSocket(beside.url, 'graphql-transport-ws')
      await once(socket, 'open')
      socket.send(JSON.stringify({ type: 'connection_init' }))
      t.same(JSON.parse(await nextText(socket)), { type: 'connection_ack' })
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { endless }' } }))
      await waitUntil(() => server.listenerCount(name) === 1)
      const ended = once(server, 'ended')
      socket.terminate()
      t.same(await ended, [name])
    })

    scenario('app.close() ends within shutdownTimeout with sockets of graphql-ws', async (t, { beside, wss }) => {
      const socket = new beside.ClientWebSocket(beside.url, 'graphql-transport-ws')
      await once(socket, 'open')
      t.equal(socket.protocol, 'graphql-transport-ws')
      const own = closed(await beside.open('/echo'))
      const end = closed(socket)
      await beside.app.close()
      t.equal((await own).code, 1001)
      t.equal((await end).code, 1006)
      t.equal(wss.clients.size, 0)
    })
  }
}

interface GraphqlServer {
  beside: Beside
  wss: WebSocketServer
  /** Name of the event that causes a value of the subscription `endless`. */
  name: string
  client: Client
  createClient (options: Partial<ClientOptions>): Client
  /** Runs an operation, and returns all its results. */
  collect (query: string): Promise<unknown[]>
}

function members (t: Test, { url, ClientWebSocket }: Beside): Pick<GraphqlServer, 'client' | 'createClient' | 'collect'> {
  const create = (options: Partial<ClientOptions>): Client => {
    const client = createClient({ url, webSocketImpl: ClientWebSocket, retryAttempts: 0, ...options })
    t.teardown(() => client.dispose())
    return client
  }
  const client = create({})
  return { client, createClient: create, collect: async (query) => await collectOf(client, query) }
}

async function collectOf (client: Client, query: string): Promise<unknown[]> {
  const results: unknown[] = []
  await new Promise<void>((resolve, reject) => {
    client.subscribe({ query }, { next (result) { results.push(result) }, error: reject, complete: resolve })
  })
  return results
}
