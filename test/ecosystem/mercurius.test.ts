import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import mercurius from 'mercurius'
import t from 'tap'
import type { Test } from 'tap'
import { TRANSPORTS, carrierOf, checkOwnRoute } from '../helpers/beside.ts'
import { addEcho } from '../helpers/echo.ts'
import { start } from '../helpers/transports.ts'
import type { Fixture } from '../helpers/transports.ts'
import { closed, nextText, nextTexts, waitUntil } from '../helpers/waiting.ts'
import type { WebSocket } from '../../index.ts'

const schema = `
  type Query { add(x: Int, y: Int): Int }
  type Subscription { tick: Int, carrier: String }
`

interface MercuriusServer extends Fixture {
  /** Publishes a value of the subscription `tick`. */
  publish (tick: number): void
  /** Opens a socket, and waits until mercurius has acknowledged it. */
  connectGraphql (payload?: object): Promise<WebSocket>
}

async function startMercurius (t: Test, transport: typeof TRANSPORTS[number]): Promise<MercuriusServer> {
  const fixture = await start(t, transport, async (app: FastifyInstance) => {
    await app.register(mercurius, {
      schema,
      subscription: {
        fullWsTransport: true,
        context: (_socket, { raw }) => {
          return { carrier: carrierOf('stream' in raw ? raw.stream as ServerHttp2Stream : raw.socket) }
        },
        onConnect: ({ payload }) => (payload as { token?: string } | undefined)?.token !== 'wrong'
      },
      resolvers: {
        Query: { add: async (_root: unknown, { x, y }: { x: number, y: number }) => x + y },
        Subscription: {
          tick: {
            subscribe: async (_root: unknown, _parameters: unknown, { pubsub }: mercurius.MercuriusContext) => {
              const ticks = await pubsub!.subscribe('ticks')
              setImmediate(() => app.server.emit('subscribed'))
              return ticks
            }
          },
          carrier: {
            subscribe: async function * (_root: unknown, _parameters: unknown, context: unknown) {
              yield context as { carrier: string }
            }
          }
        }
      }
    })
    addEcho(app)
  }, { shutdownTimeout: 300 })
  const { app, open } = fixture
  return Object.assign(Object.create(fixture) as Fixture, {
    publish (tick: number) { app.graphql.pubsub.publish({ topic: 'ticks', payload: { tick } }, () => {}) },
    async connectGraphql (payload?: object) {
      const socket = await open('/graphql', { protocols: 'graphql-transport-ws' })
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
      t.same(JSON.parse(await nextText(socket)), { type: 'connection_ack' })
      return socket
    }
  })
}

function subscribe (socket: WebSocket, id: string, query: string): void {
  socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }))
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: mercurius serves its subscriptions over the plugin`, async (t) => {
    const { app, publish, connectGraphql } = await startMercurius(t, transport)
    const socket = await connectGraphql()
    const subscribed = once(app.server, 'subscribed')
    subscribe(socket, '1', 'subscription { tick }')
    await subscribed
    const texts = nextTexts(socket, 3)
    for (const tick of [1, 2, 3]) publish(tick)
    t.same((await texts).map((text) => JSON.parse(text)), [1, 2, 3].map((tick) => {
      return { type: 'next', id: '1', payload: { data: { tick } } }
    }))

    const end = closed(socket)
    await app.close()
    t.equal((await end).code, 1001)
  })

  void t.test(`${transport.name}: mercurius answers queries on the socket, which the transport carries`, async (t) => {
    const fixture = await startMercurius(t, transport)
    const socket = await fixture.connectGraphql()
    subscribe(socket, '1', '{ add(x: 40, y: 2) }')
    const [data, complete] = (await nextTexts(socket, 2)).map((text) => JSON.parse(text))
    t.same(data, { type: 'next', id: '1', payload: { data: { add: 42 } } })
    t.match(complete, { type: 'complete', id: '1' })

    subscribe(socket, '2', 'subscription { carrier }')
    t.match(JSON.parse(await nextText(socket)), { id: '2', payload: { data: { carrier: transport.name } } })
    await checkOwnRoute(t, fixture)
  })

  void t.test(`${transport.name}: onConnect of mercurius refuses a client by closing its socket`, async (t) => {
    const { open, app } = await startMercurius(t, transport)
    const socket = await open('/graphql', { protocols: 'graphql-transport-ws' })
    const end = closed(socket)
    socket.send(JSON.stringify({ type: 'connection_init', payload: { token: 'wrong' } }))
    t.equal((await end).code, 1005)
    await waitUntil(() => app.websocketServer.clients.size === 0)
  })

  void t.test(`${transport.name}: mercurius closes a socket with an unknown subprotocol with 1002`, async (t) => {
    t.capture(console, 'log', () => {})
    const { open } = await startMercurius(t, transport)
    const socket = await open('/graphql', { protocols: 'unknown' })
    t.equal((await closed(socket)).code, 1002)
  })
}
