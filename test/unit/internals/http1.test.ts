import { once } from 'node:events'
import { ServerResponse, createServer as createHttpServer, request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect, createSecureServer, createServer as createHttp2Server } from 'node:http2'
import type { Http2ServerRequest } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import {
  assignResponse, createUpgradeRequest, injectConnection, narrowUpgrades, parseAgain, readResponse, releaseConnection,
  whenEnded
} from '../../../lib/internals/http1.ts'
import { createCertificate } from '../../helpers/certificate.js'
import { waitTurns } from '../../helpers/waiting.ts'

const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n'
const hasShouldUpgradeCallback = 'shouldUpgradeCallback' in createHttpServer()

function respond (_request: unknown, response: { end: (text: string) => unknown }): void {
  response.end('served')
}

void t.test('injectConnection: a server with or without TLS serves HTTP/1.1 on the connection', async (t) => {
  const certificate = await createCertificate()
  for (const server of [
    createHttpServer(respond), createHttpsServer(certificate, respond),
    createSecureServer({ ...certificate, allowHTTP1: true }, respond)
  ]) {
    const [client, connection] = createLoopback()
    injectConnection(server, connection, 'http/1.1')
    const request = requestHttp('http://localhost', { createConnection: () => client }).end()
    const [response] = await once(request, 'response')
    t.equal((await response.toArray()).join(''), 'served')
    t.equal(response.httpVersion, '1.1')
  }
})

void t.test('injectConnection: a server with or without TLS serves HTTP/2 on the connection', async (t) => {
  const certificate = await createCertificate()
  for (const server of [
    createHttp2Server(respond), createSecureServer(certificate, respond),
    createSecureServer({ ...certificate, allowHTTP1: true }, respond)
  ]) {
    const [client, connection] = createLoopback()
    injectConnection(server, connection, 'h2')
    const session = connect('http://localhost', { createConnection: () => client })
    t.equal((await session.request().toArray()).join(''), 'served')
    session.close()
  }
})

void t.test('narrowUpgrades: an upgrade that does not match is served as a request, until it is undone', {
  skip: hasShouldUpgradeCallback ? false : 'this version of Node has no shouldUpgradeCallback'
}, async (t) => {
  const certificate = await createCertificate()
  const servers = [
    createHttpServer(), createHttpsServer(certificate), createSecureServer({ ...certificate, allowHTTP1: true })
  ]
  for (const server of servers) {
    server.on('request', (_request, response) => { response.end('request') })
    server.on('upgrade', (_request, socket) => { socket.end('upgrade') })
    t.match(await send(server), /upgrade$/)
    const undo = narrowUpgrades(server, ({ headers }) => headers.upgrade !== 'tea')
    t.match(await send(server), /request$/)
    undo?.()
    t.match(await send(server), /upgrade$/)
  }

  async function send (server: typeof servers[number]): Promise<string> {
    const [client, connection] = createLoopback()
    injectConnection(server, connection, 'http/1.1')
    client.end(UPGRADE)
    return (await client.toArray()).join('')
  }
})

void t.test('narrowUpgrades: shouldUpgradeCallback of the user decides about the others, and is restored', {
  skip: hasShouldUpgradeCallback ? false : 'this version of Node has no shouldUpgradeCallback'
}, async (t) => {
  const shouldUpgradeCallback = ({ url }: IncomingMessage): boolean => url === '/yes'
  const server = createHttpServer({ shouldUpgradeCallback } as object)
  const undo = narrowUpgrades(server, ({ headers }) => headers.upgrade === 'tea')
  const narrowed = Reflect.get(server, 'shouldUpgradeCallback')
  t.equal(narrowed({ url: '/yes', headers: { upgrade: 'tea' } }), true)
  t.equal(narrowed({ url: '/no', headers: { upgrade: 'tea' } }), false)
  t.equal(narrowed({ url: '/yes', headers: { upgrade: 'coffee' } }), false)
  undo?.()
  t.equal(Reflect.get(server, 'shouldUpgradeCallback'), shouldUpgradeCallback)
})

void t.test('narrowUpgrades: returns undefined if Node does not support it', async (t) => {
  const server = createHttpServer()
  Reflect.deleteProperty(server, 'shouldUpgradeCallback')
  t.equal(narrowUpgrades(server, () => true), undefined)
  t.notOk('shouldUpgradeCallback' in server)
})

void t.test('parseAgain: the server parses requests on a connection that it has reported as an upgrade', async (t) => {
  const server = createHttpServer((request, response) => { response.end(`${request.url}`) })
  server.on('upgrade', (_request, socket, head) => {
    t.equal(String(head), 'GET /two')
    socket.unshift(Buffer.concat([Buffer.from('GET /one HTTP/1.1\r\nHost: x\r\n\r\n'), head]))
    setImmediate(parseAgain, server, socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const connections: unknown[] = []
  server.on('connection', (connection) => connections.push(connection))

  const client = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
  client.write(`${UPGRADE}GET /two`)
  t.match(String((await once(client, 'data'))[0]), /\/one$/)
  client.write(' HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(String((await once(client, 'data'))[0]), /\/two$/)
  t.equal(connections.length, 1, '\'connection\' is not emitted again')

  server.closeIdleConnections()
  await once(client, 'close')
})

/** Returns the request of an upgrade, the server's end of its connection, and the client's. */
async function receiveUpgrade (): Promise<[request: IncomingMessage, connection: Duplex, client: Duplex]> {
  const server = createHttpServer()
  const upgraded = once(server, 'upgrade')
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'http/1.1')
  client.write(UPGRADE)
  const [request, socket] = await upgraded
  return [request, socket, client]
}

void t.test('readResponse: returns the response that is assigned to a connection, or undefined', async (t) => {
  const [request, connection, client] = await receiveUpgrade()
  t.equal(readResponse(connection), undefined)
  const response = new ServerResponse(request)
  response.assignSocket(connection as Socket)
  t.equal(readResponse(connection), response)
  t.equal(readResponse(connection)?.req, request)
  response.detachSocket(connection as Socket)
  t.equal(readResponse(connection), undefined)
  client.destroy()
})

void t.test('readResponse: returns the response of a request that Node itself answers', async (t) => {
  const server = createHttpServer()
  const requested = once(server, 'request')
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'http/1.1')
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const [, response] = await requested
  t.equal(readResponse(connection), response)
  response.end()
  client.destroy()
})

void t.test('assignResponse: the response to an upgrade is sent on its connection', async (t) => {
  const [request, connection, client] = await receiveUpgrade()
  const response = assignResponse(request, connection)
  t.equal(response.req, request)
  response.shouldKeepAlive = false
  response.writeHead(403, { 'x-a': 'b', 'content-length': 2 }).end('no', () => connection.end())
  const sent = (await client.toArray()).join('')
  t.match(sent, /^HTTP\/1\.1 403 Forbidden\r\nx-a: b\r\ncontent-length: 2\r\n/)
  t.match(sent, /\r\nconnection: close\r\n/i)
  t.match(sent, /\r\n\r\nno$/)
})

void t.test('assignResponse: the response to an HTTP/2 request is encoded as HTTP/1.1, into a Writable', async (t) => {
  const server = createHttp2Server(() => {})
  const requested = once(server, 'request')
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'h2')
  const session = connect('http://localhost', { createConnection: () => client })
  session.request({ ':path': '/path' }).on('error', () => {})
  const [request] = await requested as [Http2ServerRequest]

  const written: string[] = []
  const sink = new Writable({ write (chunk, _encoding, done) { written.push(chunk.toString('latin1')); done() } })
  const response = assignResponse(request, sink)
  t.equal(response.req, request)
  response.writeHead(401, { 'set-cookie': ['a=1', 'b=2'], 'x-name': 'caf\xe9', 'content-length': 0 }).end()
  await once(response, 'finish')
  t.match(written.join(''), /^HTTP\/1\.1 401 Unauthorized\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-name: caf\xe9\r\n/)
  session.destroy()
})

void t.test('assignResponse: throws if another response is assigned to the connection', async (t) => {
  const [request, connection, client] = await receiveUpgrade()
  assignResponse(request, connection)
  t.throws(() => assignResponse(request, connection), { code: 'ERR_HTTP_SOCKET_ASSIGNED' })
  client.destroy()
})

void t.test('releaseConnection: what is written to the response later is not sent on the connection', async (t) => {
  const [request, connection, client] = await receiveUpgrade()
  const response = assignResponse(request, connection)
  releaseConnection(response)
  t.equal(readResponse(connection), undefined)
  response.writeHead(200).end('late')
  connection.end('another protocol')
  t.equal((await client.toArray()).join(''), 'another protocol')
})

void t.test('createUpgradeRequest: the request equals that of Node\'s parser', async (t) => {
  const server = createHttpServer()
  const upgraded = once(server, 'upgrade')
  const [client, connection] = createLoopback()
  injectConnection(server, connection, 'http/1.1')
  const fields = ['Host', 'x', 'Connection', 'Upgrade', 'upgrade', 'websocket', 'X-A', '1', 'x-a', '2', 'Set-Cookie', 'a', 'set-cookie', 'b',
    'User-Agent', 'one', 'user-agent', 'two', 'cookie', 'c=1; d=2', 'x-latin', 'caf\xe9']
  const lines = fields.flatMap((text, index) => index % 2 === 0 ? [`${text}: ${fields[index + 1]}`] : [])
  client.write(['GET /path?a=b HTTP/1.1', ...lines, '', ''].join('\r\n'), 'latin1')
  const [parsed, socket] = await upgraded as [IncomingMessage, Duplex]
  const created = createUpgradeRequest(socket, '/path?a=b', fields)
  for (const name of [
    'method', 'url', 'headers', 'headersDistinct', 'rawHeaders', 'trailers', 'rawTrailers', 'complete', 'upgrade', 'aborted',
    'httpVersion', 'httpVersionMajor', 'httpVersionMinor', 'socket', 'readable', 'readableLength', 'destroyed'
  ]) t.strictSame(Reflect.get(created, name), Reflect.get(parsed, name), name)
  t.match(created.headers, { 'x-a': '1, 2', 'set-cookie': ['a', 'b'], 'user-agent': 'one' })
  created.resume()
  await once(created, 'end')
  client.destroy()
})

void t.test('whenEnded: resolves when a request without a connection is ended, which Node does not report', async (t) => {
  let connected: (error: null, connection: Duplex) => void
  const request = requestHttp('http://localhost', {
    createConnection (_options, callback) {
      connected = callback as never
      return undefined
    }
  })
  const events: string[] = []
  for (const event of ['prefinish', 'finish', 'close']) request.on(event, () => events.push(event))
  let hasEnded = false
  const ended = whenEnded(request).then(() => { hasEnded = true })
  await waitTurns()
  t.equal(hasEnded, false)
  request.setHeader('x-late', 'a')
  request.setHeader('content-length', 4)
  t.equal(request.end('body'), request)
  await ended
  await waitTurns(2)
  t.same(events, [], 'if this fails, the event can replace whenEnded')

  const [client, server] = createLoopback()
  connected!(null, client)
  const [sent] = await once(server, 'data')
  t.match(String(sent), /^GET \/ HTTP\/1\.1\r\n[^]*x-late: a\r\n[^]*\r\n\r\nbody$/)
  request.on('error', () => {}).destroy()
})
