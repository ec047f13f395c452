import { once } from 'node:events'
import { createServer as createHttpServer, maxHeaderSize } from 'node:http'
import { connect, createSecureServer, createServer } from 'node:http2'
import type { Http2Server, Settings } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { advertiseExtendedConnect, isHttp2Server } from '../../../lib/http2/server.ts'
import { readServerOptions } from '../../../lib/internals/http2.ts'

/** The least value of `receiveWindow.sessionBudget`, which is less than a megabyte. */
const BUDGET = 65_535

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

void t.test('Extended CONNECT, 1024 streams and the limit of header lists are advertised in the first SETTINGS', async (t) => {
  const server = createServer()
  t.equal(advertiseExtendedConnect(server, {}, BUDGET), undefined)
  t.match(await readSettings(t, server), {
    enableConnectProtocol: true, maxConcurrentStreams: 1024, maxHeaderListSize: maxHeaderSize
  })
})

void t.test('maxSessionMemory is raised to what the settings of the server and of the options need', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 7, maxHeaderListSize: 1_000_000 } })
  t.equal(advertiseExtendedConnect(server, {}, BUDGET), undefined)
  t.equal(readServerOptions(server).maxSessionMemory, 19 + 7 + 1 + 1)
  const other = createServer({ settings: { maxHeaderListSize: 1_000_000 }, maxSessionMemory: 10 })
  t.match(advertiseExtendedConnect(other, { maxConcurrentStreams: 9 }, BUDGET), /9 streams .* need 30 MB/)
})

void t.test('the maxConcurrentStreams of the server and of the options are kept, and so are other settings', async (t) => {
  const server = createServer({ settings: { maxConcurrentStreams: 7, maxFrameSize: 20_000, maxHeaderListSize: 9000 } })
  advertiseExtendedConnect(server, { initialWindowSize: 100_000, enableConnectProtocol: false }, BUDGET)
  t.match(await readSettings(t, server), {
    enableConnectProtocol: true,
    maxConcurrentStreams: 7,
    maxFrameSize: 20_000,
    initialWindowSize: 100_000,
    maxHeaderListSize: 9000
  })

  const other = createServer({ settings: { maxConcurrentStreams: 7 } })
  advertiseExtendedConnect(other, { maxConcurrentStreams: 9 }, BUDGET)
  t.match(await readSettings(t, other), { maxConcurrentStreams: 9 })
})
