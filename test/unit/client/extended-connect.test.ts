import { once } from 'node:events'
import { connect as openSession, createServer } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { createLossError, offersExtendedConnect, offersHttp2 } from '../../../lib/client/extended-connect.ts'

async function open (t: Test, settings: object): Promise<ClientHttp2Session> {
  const server = createServer({ settings })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const session = openSession(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  return session
}

void t.test('offersExtendedConnect: the setting of the server, asked for once', async (t) => {
  for (const enableConnectProtocol of [true, false]) {
    const session = await open(t, { enableConnectProtocol })
    const both = [offersExtendedConnect(session), offersExtendedConnect(session)]
    t.same(await Promise.all(both), [enableConnectProtocol, enableConnectProtocol])
    t.equal(await offersExtendedConnect(session), enableConnectProtocol)
    t.equal(await offersHttp2(session, 'http://a'), enableConnectProtocol)
  }
})

void t.test('offersExtendedConnect: rejects with the code of a lost connection if the session closes', async (t) => {
  const session = await open(t, { enableConnectProtocol: true })
  const offered = offersExtendedConnect(session)
  session.destroy()
  await t.rejects(offered, createLossError())
  t.match(createLossError(), { code: 'ECONNRESET' })
})

void t.test('offersHttp2: rejects with FST_WS_NO_EXTENDED_CONNECT if the server closes before its first frame', async (t) => {
  const server = createTcpServer((connection) => connection.once('data', () => connection.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const session = openSession(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await t.rejects(offersHttp2(session, 'http://a'), { code: 'FST_WS_NO_EXTENDED_CONNECT', cause: { code: 'ECONNRESET' } })
})
