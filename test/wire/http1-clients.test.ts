import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { addEcho, openEcho } from '../helpers/echo.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { waitTurns } from '../helpers/waiting.ts'

/** Sends a handshake of HTTP/1.1, and waits until the server has ended the connection. */
async function sendHandshake ({ port }: TestServer): Promise<void> {
  const client = connect(port, '127.0.0.1').resume()
  client.write('GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await once(client, 'close')
  await waitTurns(5)
}

void t.test('an HTTP/1.1 handshake to a server for HTTP/2 only is logged as a warning, once per process', async (t) => {
  const withoutRoute = await startServer(t)
  await sendHandshake(withoutRoute)
  t.strictSame(withoutRoute.warnings, [], 'a server without a websocket route logs nothing')

  const server = await startServer(t, addEcho)
  await sendHandshake(server)
  t.match(server.warnings, [{ level: 40, msg: /a client that offered only HTTP\/1.1 could not connect/ }])
  await sendHandshake(server)
  t.equal(server.warnings.length, 1)
  await openEcho(await server.client(), 1)

  const other = await startServer(t, addEcho)
  await sendHandshake(other)
  t.strictSame(other.warnings, [])
})
