import { once } from 'node:events'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { createNetworkPath } from '../helpers/network-path.ts'
import { findPort } from '../helpers/ports.js'
import { H1 } from '../helpers/transports.ts'
import { WAYS, exchange, killBelow, openAndExchange, reconnecting, startServer } from './setup.ts'

/** A process takes long to start. */
const KILLED = WAYS.filter(({ transport, options }) => transport === H1 || options.session === 'shared')

for (const way of KILLED) {
  void t.test(`${way.title}: a socket reconnects after the server process is killed and started again`, async (t) => {
    const port = await findPort()
    const path = await createNetworkPath(t, port)
    const server = await startServer(t, way.transport, port)
    const recorded = await openAndExchange(t, way, path.port, 'before')
    const { socket, texts, ends } = recorded

    await killBelow(recorded, server)
    t.match(ends[0], { attempt: 1, code: 1006, reason: '', error: undefined })
    await once(socket, 'reconnecting')
    t.match(ends[1], { attempt: 2, code: 1006, error: Error })

    const reconnected = once(socket, 'reconnected')
    await startServer(t, way.transport, port)
    await reconnected
    await exchange(recorded, 'after')
    t.same(texts, ['before', 'after'])
    t.equal(path.peak, 1, 'never two connections at once')

    socket.close(1000)
    t.same(await once(socket, 'close'), [1000, Buffer.alloc(0)])
  })
}

for (const way of WAYS) {
  void t.test(`${way.title}: a socket reconnects after app.close() and a restart on the same port`, async (t) => {
    const port = await findPort()
    const path = await createNetworkPath(t, port)
    let app = await serve()
    t.teardown(() => app.close())
    const recorded = reconnecting(t, way, path.port)
    const { socket, texts, ends } = recorded
    await once(socket, 'open')

    for (const text of ['first', 'second', 'third']) {
      await exchange(recorded, text)
      const lost = once(socket, 'reconnecting')
      await app.close()
      await lost
      const reconnected = once(socket, 'reconnected')
      app = await serve()
      await reconnected
    }
    t.equal(ends.filter(({ code, error }) => code === 1001 && error === undefined).length, 3)
    t.same(texts, ['first', 'second', 'third'])
    t.equal(path.peak, 1, 'never two connections at once')

    async function serve (): Promise<FastifyInstance> {
      const app: FastifyInstance = fastify(way.transport.server)
      await app.register(websocket)
      addEcho(app)
      await app.listen({ port, host: '127.0.0.1' })
      return app
    }
  })
}
