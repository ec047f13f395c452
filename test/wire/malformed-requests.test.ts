import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { createCertificate } from '../helpers/certificate.js'
import { addEcho, expectEcho, openEcho } from '../helpers/echo.ts'
import type { FrameClient, Overrides } from '../helpers/h2-frames.ts'
import type { Field } from '../helpers/hpack.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'

type MalformedRequest = [problem: string, (client: FrameClient) => Field[]]

function overriding (overrides: Overrides): (client: FrameClient) => Field[] {
  return (client) => client.connectFields('/echo', overrides)
}

const malformedRequests: MalformedRequest[] = [
  ['a missing :path', overriding({ ':path': undefined })],
  ['an empty :path', overriding({ ':path': '' })],
  ['a :path without a slash', overriding({ ':path': 'echo' })],
  ['the :path *', overriding({ ':path': '*' })],
  ['a missing :scheme', overriding({ ':scheme': undefined })],
  ['a missing :authority', overriding({ ':authority': undefined })],
  ['host in place of :authority', overriding({ ':authority': undefined, host: 'localhost' })],
  ['a missing :method', overriding({ ':method': undefined })],
  ['an empty :protocol', overriding({ ':protocol': '' })],
  ['a :protocol with CR and LF', overriding({ ':protocol': 'websocket\r\n' })],
  ['a second :protocol', overriding({ ':protocol': ['websocket', 'websocket'] })],
  ['a second :path', overriding({ ':path': ['/echo', '/echo'] })],
  ['an unknown pseudo-header', overriding({ ':upgrade': 'websocket' })],
  [':protocol on a GET', overriding({ ':method': 'GET' })],
  [':protocol after a regular field', (client) => [
    ...client.connectFields('/echo', { ':protocol': undefined }), [':protocol', 'websocket']
  ]],
  ['a connection field', overriding({ connection: 'Upgrade' })],
  ['an upgrade field', overriding({ upgrade: 'websocket' })],
  ['transfer-encoding', overriding({ 'transfer-encoding': 'chunked' })],
  ['te with other than trailers', overriding({ te: 'gzip' })],
  ['a field name in upper case', overriding({ 'Sec-WebSocket-Key': 'x' })]
]

await t.test('a malformed CONNECT is reset with PROTOCOL_ERROR, and its session continues', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const [problem, fieldsOf] of malformedRequests) {
    streamId += 2
    client.headers(streamId, fieldsOf(client))
    t.strictSame(await client.untilReset(streamId), ['RST_STREAM PROTOCOL_ERROR'], problem)
  }
  t.strictSame(server.events, [[]])
  await expectEcho(client, 1)
})

for (const [character, value] of [['CR and LF', 'chat\r\nset-cookie: a=1'], ['NUL', 'chat\0']] as const) {
  await t.test(`a subprotocol with ${character} is not sent back`, async (t) => {
    const server = await startServer(t, addEcho)
    const client = await server.client()
    client.connect(1, '/echo', { 'sec-websocket-protocol': value })
    await client.until(() => client.trace(1)[0])
    const headers = client.frames.find((frame) => frame.streamId === 1)?.headers ?? {}
    t.notOk('sec-websocket-protocol' in headers)
    t.notOk('set-cookie' in headers)
    await openEcho(client, 3)
  })
}

await t.test('more header fields than Node accepts are reset with ENHANCE_YOUR_CALM, and the session continues', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  const many = Array.from({ length: 200 }, (_, index): Field => [`x-${index}`, 'x'])
  client.headers(1, [...client.connectFields('/echo'), ...many])
  t.strictSame(await client.untilReset(1), ['RST_STREAM ENHANCE_YOUR_CALM'])
  await openEcho(client, 3)
})

await t.test('header fields larger than Node accepts do not reach a handler, and the server continues', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo', { 'x-large': 'x'.repeat(MIB) })
  await client.until(() => client.frames.find(({ type }) => type === 'GOAWAY' || type === 'RST_STREAM'))
  t.strictSame(server.events, [])
  await openEcho(await server.client(), 1)
})

// HTTP/1.1 on the same port

await t.test('a CONNECT over HTTP/1.1 on a server with allowHTTP1 is refused with 405', async (t) => {
  const server = await startServer(t, addEcho, {
    tls: true, server: { https: { ...await createCertificate(), allowHTTP1: true } }
  })
  const socket = connectTls({
    port: server.port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], rejectUnauthorized: false
  })
  socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
  t.match(await text(socket), /^HTTP\/1\.1 405 Method Not Allowed\r\n.*\r\n\r\n$/s)
  await openEcho(await server.client(), 1)
})
