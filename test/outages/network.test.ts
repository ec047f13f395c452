import { once } from 'node:events'
import t from 'tap'
import { addEcho } from '../helpers/echo.ts'
import { createNetworkPath } from '../helpers/network-path.ts'
import type { NetworkPath } from '../helpers/network-path.ts'
import { start } from '../helpers/transports.ts'
import { WAYS, exchange, reconnecting } from './setup.ts'
import type { Way } from './setup.ts'

async function createPath (t: Parameters<typeof start>[0], way: Way): Promise<NetworkPath> {
  const { app } = await start(t, way.transport, addEcho)
  return await createNetworkPath(t, (app.server.address() as { port: number }).port)
}

for (const way of WAYS) {
  void t.test(`${way.title}: a socket reconnects after its connection is reset`, async (t) => {
    const path = await createPath(t, way)
    const recorded = reconnecting(t, way, path.port)
    const { socket, texts, ends } = recorded
    await once(socket, 'open')
    for (const text of ['first', 'second']) {
      await exchange(recorded, text)
      const reconnected = once(socket, 'reconnected')
      path.reset()
      await reconnected
    }
    t.match(ends, [{ attempt: 1, code: 1006, error: undefined }, { code: 1006, error: undefined }])
    t.same(texts, ['first', 'second'])
    t.equal(path.accepted, 3)
    t.equal(path.peak, 1, 'never two connections at once')
  })

  void t.test(`${way.title}: a socket reconnects after the proxy is stopped and started again`, async (t) => {
    const path = await createPath(t, way)
    const recorded = reconnecting(t, way, path.port)
    const { socket, texts, ends } = recorded
    await once(socket, 'open')
    await exchange(recorded, 'before')
    const failed = new Promise<void>((resolve) => {
      socket.on('reconnecting', ({ attempt }) => { if (attempt === 3) resolve() })
    })
    await path.stop()
    await failed
    t.match(ends, [{ error: undefined }, { error: { code: 'ECONNREFUSED' } }, { error: { code: 'ECONNREFUSED' } }])
    const reconnected = once(socket, 'reconnected')
    await path.start()
    await reconnected
    await exchange(recorded, 'after')
    t.same(texts, ['before', 'after'])
    t.equal(path.peak, 1, 'never two connections at once')
  })

  void t.test(`${way.title}: heartbeat notices a network path that forwards nothing, and the socket reconnects`, async (t) => {
    const path = await createPath(t, way)
    const recorded = reconnecting(t, way, path.port, { heartbeat: 200, handshakeTimeout: 200 })
    const { socket, texts, ends } = recorded
    await once(socket, 'open')
    await exchange(recorded, 'before')
    path.silence()
    await once(socket, 'reconnecting')
    t.match(ends[0], { attempt: 1, code: 1006, error: undefined })
    await once(socket, 'reconnecting')
    t.match(ends[1], { attempt: 2, code: 1006, error: Error })

    const reconnected = once(socket, 'reconnected')
    path.restore()
    await reconnected
    await exchange(recorded, 'after')
    t.same(texts, ['before', 'after'])
    // A shared session that may be lost stays until its PING is unanswered, and carries no new sockets meanwhile.
    t.equal(path.peak, way.options.session === 'shared' ? 2 : 1, 'never two attempts at once')
  })
}

void t.test('a handshake over a network path that forwards nothing is given up, with its connection', async (t) => {
  for (const way of WAYS) {
    const path = await createPath(t, way)
    path.silence()
    const { socket } = reconnecting(t, way, path.port, { handshakeTimeout: 50, reconnect: { retries: 2, minDelay: 1 } })
    socket.removeAllListeners('error')
    const [error] = await once(socket, 'error')
    t.equal(error.message, 'Opening handshake has timed out', way.title)
    t.equal(path.peak, 1, 'never two connections at once')
    t.equal(path.accepted, 3)
  }
})
