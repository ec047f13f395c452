import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createSecureServer, createServer } from 'node:http2'
import type { Http2Server, Settings } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { advertiseExtendedConnect, isHttp2Server } from '../../../lib/http2/server.ts'

/** Returns the first SETTINGS that a client of a server receives. */
async function readSettings (t: Test, server: Http2Server): Promise<Settings> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { client.destroy(); server.close() })
  const [settings] = await once(client, 'remoteSettings') as [Settings]
  return settings
}

void t.test('isHttp2Server recognizes servers that speak HTTP/2, with and without TLS', async (t) => {
  t.same([createServer(), createSecureServer(), createHttpServer(), {}].map(isHttp2Server), [true, true, false, false])
})

void t.test('Extended CONNECT and 1024 concurrent streams are advertised in the first SETTINGS', async (t) => {
  const server = createServer()
  advertiseExtendedConnect(server, {})
  t.match(await readSettings(t, server), { enableConnectProtocol: true, maxConcurrentStreams: 1024 })
})

void t.test('the maxConcurrentStreams of the server and of the options are kept, and so are other settings', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 7, maxFrameSize: 20_000 } })
  advertiseExtendedConnect(server, { initialWindowSize: 100_000, enableConnectProtocol: false })
  t.match(await readSettings(t, server), {
    enableConnectProtocol: true, maxConcurrentStreams: 7, maxFrameSize: 20_000, initialWindowSize: 100_000
  })

  const other = createServer({ settings: { maxConcurrentStreams: 7 } })
  advertiseExtendedConnect(other, { maxConcurrentStreams: 9 })
  t.match(await readSettings(t, other), { maxConcurrentStreams: 9 })
})
