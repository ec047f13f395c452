import { EventEmitter, on, once } from 'node:events'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { TRPCClient, TRPCWebSocketClient } from '@trpc/client'
import { TRPCError, initTRPC } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { TRANSPORTS, WAYS, carrierOf, checkOwnRoute, startBeside } from '../helpers/beside.ts'
import type { Beside } from '../helpers/beside.ts'
import { closed, waitUntil } from '../helpers/waiting.ts'

/** Context of a procedure: the transport that carries it, and the source of its subscriptions. */
interface Context {
  carrier: string
  source: EventEmitter
}

const { router, procedure } = initTRPC.context<Context>().create()

const appRouter = router({
  carrier: procedure.query(({ ctx }) => ctx.carrier),
  forbidden: procedure.query(() => { throw new TRPCError({ code: 'FORBIDDEN', message: 'not for you' }) }),
  values: procedure.subscription(async function * ({ ctx, signal }) {
    try {
      for await (const [value] of on(ctx.source, 'value', { signal: signal! })) yield value as number
    } finally {
      ctx.source.emit('ended')
    }
  })
})

interface TrpcServer {
  beside: Beside
  source: EventEmitter
  handler: ReturnType<typeof applyWSSHandler>
  wsClient: TRPCWebSocketClient
  client: TRPCClient<typeof appRouter>
}

for (const transport of TRANSPORTS) {
  for (const way of WAYS) {
    const scenario = (title: string, run: (t: Test, trpc: TrpcServer) => Promise<unknown>): void => {
      void t.test(`${transport.name}: ${title}, by ${way}`, async (t) => {
        const wss = new WebSocketServer({ noServer: true })
        const source = new EventEmitter()
        const handler = applyWSSHandler({
          wss, router: appRouter, createContext: ({ req }) => ({ carrier: carrierOf(req.socket), source })
        })
        const beside = await startBeside(t, transport, way, '/trpc', wss, { shutdownTimeout: 300 })
        const wsClient = createWSClient({
          url: beside.url, WebSocket: beside.ClientWebSocket as never, retryDelayMs: () => 0, onError () {}
        })
        t.teardown(() => wsClient.close())
        const client = createTRPCClient<typeof appRouter>({ links: [wsLink({ client: wsClient })] })
        t.equal(await client.carrier.query(), transport.name)
        await run(t, { beside, source, handler, wsClient, client })
        t.same(new Set(beside.carriers), new Set([transport.name]))
      })
    }

    scenario('@trpc/server answers queries and errors', async (t, { client, beside, wsClient }) => {
      await t.rejects(client.forbidden.query(), { message: 'not for you', data: { code: 'FORBIDDEN' } })
      t.same(await Promise.all([client.carrier.query(), client.carrier.query()]), [transport.name, transport.name])
      t.equal(beside.carriers.length, 1, 'on one socket')
      await checkOwnRoute(t, beside)
      await wsClient.close()
    })

    scenario('a subscription of @trpc/server receives values until the client stops it', async (t, { client, source }) => {
      const values: number[] = []
      const subscription = client.values.subscribe(undefined, { onData (value) { values.push(value) } })
      await waitUntil(() => source.listenerCount('value') === 1)
      for (const value of [1, 2, 3]) source.emit('value', value)
      await waitUntil(() => values.length === 3)
      t.same(values, [1, 2, 3])
      const ended = once(source, 'ended')
      subscription.unsubscribe()
      await ended
      t.equal(await client.carrier.query(), transport.name, 'the socket stays open')
    })

    scenario('clients of @trpc/server open a new socket after broadcastReconnectNotification()', async (t, trpc) => {
      const { client, source, handler, beside } = trpc
      const values: number[] = []
      client.values.subscribe(undefined, { onData (value) { values.push(value) } })
      await waitUntil(() => source.listenerCount('value') === 1)
      const ended = once(source, 'ended')
      handler.broadcastReconnectNotification()
      await waitUntil(() => beside.carriers.length === 2)
      await ended
      await waitUntil(() => source.listenerCount('value') === 1)
      source.emit('value', 4)
      await waitUntil(() => values.length > 0)
      t.same(values, [4])
      t.equal(beside.carriers.length, 2)
    })

    scenario('a subscription of @trpc/server ends when its client disconnects', async (t, { client, source, wsClient }) => {
      client.values.subscribe(undefined, {})
      await waitUntil(() => source.listenerCount('value') === 1)
      const ended = once(source, 'ended')
      const { connection } = wsClient
      ;(connection!.ws as unknown as { terminate (): void }).terminate()
      await ended
      t.equal(await client.carrier.query(), transport.name, 'the client has reconnected')
    })

    scenario('app.close() ends within shutdownTimeout with sockets of @trpc/server', async (t, { beside, wsClient }) => {
      const own = closed(await beside.open('/echo'))
      const end = new Promise<{ code: number }>((resolve) => {
        wsClient.connection!.ws.addEventListener('close', resolve as never)
      })
      await beside.app.close()
      t.equal((await own).code, 1001)
      t.equal((await end).code, 1006)
      await wsClient.close()
    })
  }
}
