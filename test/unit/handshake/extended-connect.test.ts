import { once } from 'node:events'
import { maxHeaderSize } from 'node:http'
import { createSecureServer, createServer } from 'node:http2'
import type { Http2Server, Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { onExtendedConnect } from '../../../lib/handshake/extended-connect.ts'
import { sizeOfHeaderList } from '../../../lib/http2/header-list.ts'
import { Sessions } from '../../../lib/http2/sessions.ts'
import { StreamSocket } from '../../../lib/http2/stream-socket.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { FrameClient } from '../../helpers/h2-frames.ts'
import { INFO } from '../../helpers/logs.ts'
import type { LogLine } from '../../helpers/logs.ts'
import { createLog, readToEnd } from '../../helpers/pending-upgrade.ts'

interface Fixture {
  client: FrameClient
  logs: LogLine[]
  received: Array<[request: Http2ServerRequest, streamSocket: StreamSocket]>
  stop: () => void
}

async function listen (t: Test, server: Http2Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Serves Extended CONNECTs. The listener answers each with 403. */
async function serve (t: Test, isLogging = true): Promise<Fixture> {
  const server = createServer({ settings: { enableConnectProtocol: true } })
  const { log, logs } = createLog()
  const received: Fixture['received'] = []
  const sessions = new Sessions({ receiveWindow: {} })
  const stop = onExtendedConnect(server, sessions, isLogging ? log : undefined, (...each) => {
    received.push(each)
    each[0].stream.respond({ ':status': 403 }, { endStream: true })
  })
  const client = await FrameClient.open(await listen(t, server))
  t.teardown(() => client.destroy())
  return { client, logs, received, stop }
}

void t.test('onExtendedConnect: passes a handshake on with its stream, and :authority as its host', async (t) => {
  const { client, logs, received } = await serve(t)
  client.connect(1, '/path?q', { ':authority': 'example.org', host: 'other.org' })
  t.match(await client.response(1), { ':status': '403' })
  const [[request, streamSocket]] = received as [Fixture['received'][0]]
  t.match(request, { method: 'CONNECT', url: '/path?q', httpVersion: '2.0', headers: { host: 'example.org' } })
  t.ok(streamSocket instanceof StreamSocket)
  t.equal(streamSocket.stream, request.stream)
  t.same(logs, [])
})

void t.test('onExtendedConnect: refuses and logs an invalid CONNECT, and does not pass it on', async (t) => {
  const { client, logs, received } = await serve(t)
  client.connect(1, '/path', { 'sec-websocket-version': '12' })
  t.match(await client.response(1), { ':status': '400', 'sec-websocket-version': '13' })
  t.same(await client.untilEnd(1), ['HEADERS END_STREAM'])
  t.same(received, [])
  t.match(logs, [{ level: INFO, url: '/path', status: 400, msg: /^websocket handshake refused: missing or unsupported/ }])
})

void t.test('onExtendedConnect: refuses an invalid CONNECT without a logger', async (t) => {
  const { client, received } = await serve(t, false)
  client.connect(1, '/path', { ':protocol': 'tea' })
  t.match(await client.response(1), { ':status': '501' })
  t.same(received, [])
})

void t.test('onExtendedConnect: refuses a header list larger than the limit of the server with 431', async (t) => {
  const { client, logs, received } = await serve(t)
  const rest = maxHeaderSize - sizeOfHeaderList(client.connectFields('/path?q', { cookie: '' }).flat())
  client.connect(1, '/path?q', { cookie: 'x'.repeat(rest) })
  t.match(await client.response(1), { ':status': '403' })
  client.connect(3, '/path?q', { cookie: 'x'.repeat(rest + 1) })
  t.match(await client.response(3), { ':status': '431' })
  t.equal(received.length, 1)
  t.match(logs, [{ level: INFO, status: 431, msg: /larger than maxHeaderListSize/ }])
})

for (const [ends, end] of Object.entries({
  'has answered': (stream: ServerHttp2Stream) => { stream.respond({ ':status': 200 }, { endStream: true }) },
  'has closed': (stream: ServerHttp2Stream) => { stream.close() },
  'has destroyed': (stream: ServerHttp2Stream) => { stream.destroy() }
})) {
  void t.test(`onExtendedConnect: ignores a stream that a listener for 'stream' ${ends}`, async (t) => {
    const server = createServer({ settings: { enableConnectProtocol: true } }).on('stream', end)
    onExtendedConnect(server, new Sessions({ receiveWindow: {} }), undefined, () => t.fail('passed on'))
    const client = await FrameClient.open(await listen(t, server))
    t.teardown(() => client.destroy())
    client.connect(1, '/')
    client.connect(3, '/', { 'sec-websocket-version': '12' })
    // Versions of Node end the stream with END_STREAM, or reset it.
    await client.until(() => [1, 3].every((id) => /END_STREAM|RST_STREAM/.test(client.trace(id).join())) || undefined)
  })
}

void t.test('onExtendedConnect: refuses a tunnel over HTTP/1.1 with 405', async (t) => {
  const server = createSecureServer({ ...await createCertificate(), allowHTTP1: true })
  onExtendedConnect(server, new Sessions({ receiveWindow: {} }), undefined, () => t.fail('passed on'))
  const client = connectTls({ port: await listen(t, server), rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n')
  t.match(await readToEnd(client), /^HTTP\/1\.1 405 /)
})

void t.test('onExtendedConnect: the returned function stops it', async (t) => {
  const { client, received, stop } = await serve(t)
  stop()
  client.connect(1, '/')
  t.match(await client.response(1), { ':status': '405' })
  t.same(received, [])
})
