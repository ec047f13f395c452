import type { Duplex } from 'node:stream'
import t from 'tap'
import { callHandler } from '../../../lib/handshake/forwarded-upgrade.ts'
import type { StreamSocket } from '../../../lib/http2/stream-socket.ts'
import { connectionOf } from '../../../lib/socket/connection.ts'
import type { UpgradeHandler } from '../../../types/index.ts'
import { startGateway } from '../../helpers/gateway.ts'

for (const [title, handler] of Object.entries({
  'a 101': (_request, socket) => { socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n') },
  'a refusal': (_request, socket) => { socket.end('HTTP/1.1 403 Forbidden\r\n\r\n') },
  'an end without a response': (_request, socket) => { socket.end() },
  'an invalid response': (_request, socket) => { socket.write('nonsense') },
  'an exception': () => { throw new Error('boom') }
} satisfies Record<string, UpgradeHandler>)) {
  void t.test(`after ${title}, the stream keeps no handshake, timer or listener of it`, async (t) => {
    const sockets: Duplex[] = []
    let own: unknown
    const gateway = await startGateway(t, (request, socket, head) => {
      sockets.push(socket)
      own = socket.listeners('finish').at(-1)
      return (handler as UpgradeHandler)(request, socket, head)
    })
    const client = await gateway.client()
    client.connect(1, '/path')
    await client.response(1)
    t.equal((connectionOf(sockets[0]!) as StreamSocket).handshake, undefined)
    t.type(own, 'function')
    t.notOk(sockets[0]!.listeners('finish').includes(own as () => void))
  })
}

void t.test('a reset by the client before the response ends the handshake', async (t) => {
  const sockets: Duplex[] = []
  const gateway = await startGateway(t, (_request, socket) => { sockets.push(socket) })
  const client = await gateway.client()
  client.connect(1, '/path')
  await client.roundTrip()
  client.rst(1)
  await gateway.streamsClosed()
  t.equal((connectionOf(sockets[0]!) as StreamSocket).handshake, undefined)
})

void t.test('callHandler: what a handler throws or rejects with is converted to an Error', async (t) => {
  for (const handler of [
    () => { throw 'text' }, // eslint-disable-line no-throw-literal -- a handler may throw anything
    () => Promise.reject('text') // eslint-disable-line prefer-promise-reject-errors -- as above
  ]) {
    const error = await new Promise<Error>((resolve) => callHandler(handler as UpgradeHandler, [] as never, resolve))
    t.match(error, { message: 'a handler of upgrades threw \'text\'', cause: 'text' })
  }
})
