import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'
import type { Http2Server } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { warnOfHttp1Clients } from '../../../lib/handshake/http1-warning.ts'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import { injectConnection } from '../../../lib/internals/http1.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { FrameClient } from '../../helpers/h2-frames.ts'
import type { LogLine } from '../../helpers/logs.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'

const certificate = await createCertificate()
const REQUEST = 'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

interface Fixture {
  server: Http2Server
  port: number
  logs: LogLine[]
  /** Sends text over TCP or TLS, and returns everything that the server sends until it ends. */
  send (text: string, options?: ConnectionOptions): Promise<string>
  stop: () => void
}

async function serve (t: Test, server: Http2Server, state = { hasWarned: false }): Promise<Fixture> {
  const { log, logs } = createLog()
  const stop = warnOfHttp1Clients(server, log, state)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => server.close())
  return { server, port, logs, send, stop }

  async function send (text: string, options?: ConnectionOptions): Promise<string> {
    const client: Socket = options === undefined
      ? connectTcp(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
    const received: Buffer[] = []
    client.on('error', ({ message }) => received.push(Buffer.from(message)))
    client.on('data', (chunk: Buffer) => received.push(chunk))
    client.write(text)
    const closed = new Promise((resolve) => client.once('close', resolve))
    await Promise.race([closed, new Promise((resolve) => client.once('end', resolve))])
    client.destroy()
    await closed
    for (let count = 0; count < 20; count++) await new Promise(setImmediate)
    return Buffer.concat(received).toString('latin1')
  }
}

const messages = (logs: LogLine[]): string[] => logs.map(({ msg }) => msg)

const OVER_TLS = /`https.allowHTTP1: true`/
const WITHOUT_TLS = /clear-text server with `http2: true` serves HTTP\/2 only.*`https.allowHTTP1: true`, or `http2: f/

// TLS

void t.test('a connection in memory, as of injectWS over HTTP/1.1, is not a client to warn of', async (t) => {
  const { server, logs } = await serve(t, createSecureServer(certificate))
  const [client, connection] = createLoopback()
  t.teardown(() => client.destroy())
  connection.on('error', () => {})
  injectConnection(server, Object.assign(connection, { encrypted: true }), 'http/1.1')
  client.write(REQUEST)
  await new Promise((resolve) => client.once('data', resolve).once('close', resolve))
  for (let count = 0; count < 20; count++) await new Promise(setImmediate)
  t.same(messages(logs), [])
})

void t.test('a client that offers only http/1.1 in ALPN is logged once, and is refused as without the plugin', async (t) => {
  const { logs, send } = await serve(t, createSecureServer(certificate))
  for (let count = 0; count < 2; count++) {
    t.match(await send(REQUEST, { ALPNProtocols: ['http/1.1'] }), /no application protocol/)
  }
  t.match(messages(logs), [OVER_TLS])
  t.equal(logs.length, 1)
  t.equal(logs[0]!.level, 40)
})

void t.test('a client without ALPN that sends an HTTP/1.1 request is logged once, and receives the 403 of Node', async (t) => {
  const { logs, send } = await serve(t, createSecureServer(certificate))
  for (let count = 0; count < 2; count++) {
    const response = await send(REQUEST, {})
    t.match(response, /^HTTP\/1\.0 403 Forbidden\r\n[^]*`unknownProtocol` event\.\n$/)
  }
  t.match(messages(logs), [OVER_TLS])
  t.equal(logs.length, 1)
})

for (const [name, text] of [['nothing', ''], ['garbage', '\0\x01\x02 garbage\r\n\r\n'], ['TLS in TLS', '\x16\x03\x01']] as const) {
  void t.test(`a client without ALPN that sends ${name} is not logged`, async (t) => {
    const { logs, send } = await serve(t, createSecureServer(certificate))
    t.match(await send(text, {}), /^HTTP\/1\.0 403 Forbidden/)
    t.strictSame(logs, [])
  })
}

void t.test('bytes that are no TLS, on a server with TLS, are not logged', async (t) => {
  const { logs, send } = await serve(t, createSecureServer(certificate))
  await send(REQUEST)
  await send('garbage garbage garbage garbage garbage')
  t.strictSame(logs, [])
})

void t.test('a listener for \'unknownProtocol\' receives the connection, with its data, and nothing is logged', async (t) => {
  const { server, logs, send } = await serve(t, createSecureServer(certificate))
  server.on('unknownProtocol', (connection: Socket) => {
    connection.once('data', (chunk: Buffer) => connection.end(`received ${chunk.length}`))
  })
  t.equal(await send(REQUEST, {}), `received ${REQUEST.length}`)
  t.strictSame(logs, [])
})

void t.test('a server with allowHTTP1 logs nothing', async (t) => {
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, (_request, response) => {
    response.writeHead(200, { connection: 'close' }).end()
  })
  const { logs, send } = await serve(t, server)
  for (const options of [{}, { ALPNProtocols: ['http/1.1'] }]) t.match(await send(REQUEST, options), /^HTTP\/1\.1 200/)
  await send(REQUEST, { ALPNProtocols: ['another'] })
  t.strictSame(logs, [])
})

// Without TLS

void t.test('an HTTP/1.1 request to an HTTP/2 server without TLS is logged once, and is answered as without the plugin', async (t) => {
  const { logs, send } = await serve(t, createServer())
  for (let count = 0; count < 2; count++) t.ok((await send(REQUEST)).endsWith('\0\0\0\x02'), 'GOAWAY with an error')
  t.match(messages(logs), [WITHOUT_TLS])
  t.equal(logs.length, 1)
})

void t.test('fewer bytes than a request has, on an HTTP/2 server without TLS, are not logged', async (t) => {
  const { logs, send } = await serve(t, createServer())
  for (const text of ['\r\n\r\n', '\0', 'GET / HTTP/1.1\r\n\r\n']) await send(text)
  t.strictSame(logs, [])
})

// All

void t.test('clients of HTTP/2 are not logged, even if they break the protocol later', async (t) => {
  for (const server of [createServer(), createSecureServer(certificate)]) {
    const { logs, port } = await serve(t, server as Http2Server)
    const client = await FrameClient.open(port, { tls: server.constructor.name === 'Http2SecureServer' })
    t.teardown(() => client.destroy())
    client.send('DATA', 0, Buffer.alloc(100))
    await client.waitForFrame(({ type }) => type === 'GOAWAY')
    t.strictSame(logs, [])
  }
})

void t.test('a second server of a process logs nothing', async (t) => {
  const state = { hasWarned: false }
  const first = await serve(t, createServer(), state)
  const second = await serve(t, createSecureServer(certificate), state)
  await first.send(REQUEST)
  await second.send(REQUEST, {})
  t.equal(first.logs.length, 1)
  t.strictSame(second.logs, [])
})

void t.test('after a server is no longer served, its clients are not logged', async (t) => {
  for (const server of [createServer(), createSecureServer(certificate)]) {
    const { logs, send, stop } = await serve(t, server as Http2Server)
    stop()
    await send(REQUEST, server.constructor.name === 'Http2SecureServer' ? {} : undefined)
    t.strictSame(logs, [])
  }
})
