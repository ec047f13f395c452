import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import websocket from '../../../index.ts'
import { watchWrites } from '../../../lib/handshake/other-upgrade.ts'
import { createLoopback } from '../../../lib/inject/loopback.ts'
import { assignResponse } from '../../../lib/internals/http1.ts'
import { addEcho } from '../../helpers/echo.ts'
import { H1, H1_BESIDE_H2, H1_TLS, start } from '../../helpers/transports.ts'
import type { Fixture, Transport } from '../../helpers/transports.ts'
import { nextText } from '../../helpers/waiting.ts'

/** The fields that Java's HttpClient sends with its first request. */
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n'
const HOST = 'Host: localhost\r\n'
const LAST = `GET /plain HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
const HANDSHAKE = `GET /echo HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

function addRoutes (app: FastifyInstance): void {
  addEcho(app)
  app.get('/plain', async (request) => ({ ws: request.ws }))
  app.post('/body', async (request) => ({ body: request.body, type: request.headers['content-type'] }))
}

function connect ({ app }: Pick<Fixture, 'app'>, { secure }: Transport): Socket {
  const { port } = app.server.address() as AddressInfo
  return secure
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    : connectTcp(port, '127.0.0.1')
}

/** Waits for the next data. Returns an empty string if the connection ends. */
async function receive (connection: Socket): Promise<string> {
  if (connection.closed) return ''
  const [data = ''] = await Promise.race([once(connection, 'data'), once(connection, 'close').then(() => [])])
  return String(data)
}

function bodiesOf (answers: string): string[] {
  return answers.split('HTTP/1.1 ').slice(1).map((answer) => `${answer.slice(0, 3)} ${answer.split('\r\n\r\n')[1]}`)
}

const CHUNKED = [
  `POST /body HTTP/1.1\r\n${HOST}${H2C}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  '5\r\n{"a":\r\n', '4;x=y\r\n"b"}\r\n', '0\r\n\r\n'
]
const LENGTH = [
  `POST /body HTTP/1.1\r\n${HOST}${H2C}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n`, '{"a":', '"b"}'
]
const BODY = '200 {"body":{"a":"b"},"type":"application/json"}'
const PLAIN = '200 {"ws":false}'

for (const transport of [H1, H1_TLS, H1_BESIDE_H2]) {
  for (const [framing, parts] of [['content-length', LENGTH], ['chunked', CHUNKED]] as const) {
    void t.test(`${transport.name}: a request with Upgrade: h2c and a ${framing} body is served, from one segment or several`, async (t) => {
      const fixture = await start(t, transport, addRoutes)

      for (const segments of [[parts.join('')], parts]) {
        const connection = connect(fixture, transport).setNoDelay()
        const answered = receive(connection)
        for (const segment of segments) {
          connection.write(segment)
          await waitUntilRead(fixture)
        }
        t.same(bodiesOf(await answered), [BODY], `in ${segments.length} segments`)
        connection.write(LAST)
        t.same(bodiesOf(await text(connection)), [PLAIN], 'the next request on the connection is served')
      }
    })
  }

  void t.test(`${transport.name}: after requests with Upgrade: h2c the connection serves requests, and then a socket`, async (t) => {
    const fixture = await start(t, transport, addRoutes)
    const connection = connect(fixture, transport)
    for (let count = 0; count < 3; count++) {
      connection.write(`GET /plain HTTP/1.1\r\n${HOST}${H2C}\r\n`)
      t.match(await receive(connection), /^HTTP\/1\.1 200 OK\r\n[^]*\{"ws":false\}$/)
    }
    connection.write(LENGTH.join(''))
    t.match(await receive(connection), /"body":\{"a":"b"\}/)
    connection.write(HANDSHAKE)
    t.match(await receive(connection), /^HTTP\/1\.1 101 /)
    t.equal(fixture.app.websocketServer.clients.size, 1)
    connection.destroy()
  })

  void t.test(`${transport.name}: a request with Upgrade: h2c and Expect: 100-continue is answered with 100`, async (t) => {
    const fixture = await start(t, transport, addRoutes)
    const connection = connect(fixture, transport)
    const [head = '', ...rest] = LENGTH
    connection.write(head.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))
    t.equal(await receive(connection), 'HTTP/1.1 100 Continue\r\n\r\n')
    connection.write(rest.join(''))
    t.match(await receive(connection), /"body":\{"a":"b"\}/)
    connection.destroy()
  })
}

/** Waits until a server has read what was written: it answers a request on another connection. */
async function waitUntilRead (fixture: Fixture): Promise<void> {
  const connection = connectTcp((fixture.app.server.address() as AddressInfo).port, '127.0.0.1')
  connection.end('no request\r\n\r\n')
  await new Promise((resolve) => connection.on('error', () => {}).resume().on('close', resolve))
}

void t.test('requestTimeout limits the wait for the body of a request with Upgrade: h2c', async (t) => {
  const fixture = await start(t, H1, addRoutes, {}, {
    requestTimeout: 100, http: { headersTimeout: 100, connectionsCheckingInterval: 20 }
  } as object)
  const connection = connect(fixture, H1)
  connection.write(LENGTH[0]!)
  t.match(await text(connection), /^HTTP\/1\.1 408 /)
})

void t.test('app.close() closes an idle connection that served a request with Upgrade: h2c', async (t) => {
  const fixture = await start(t, H1, addRoutes)
  const connection = connect(fixture, H1)
  connection.write(`GET /plain HTTP/1.1\r\n${HOST}${H2C}\r\n`)
  await once(connection, 'data')
  connection.resume()
  await Promise.all([once(connection, 'close'), fixture.app.close()])
})

void t.test('another listener for "upgrade" receives upgrades to other protocols', async (t) => {
  const { app } = await start(t, H1, (app) => {
    app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      if (request.headers.upgrade === 'tea') socket.end(`HTTP/1.1 101 Switching Protocols\r\nX-For: ${request.url}\r\n\r\n`)
    })
    addRoutes(app)
  })
  const connection = connect({ app }, H1)
  connection.write(`GET /plain HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: tea\r\n\r\n`)
  t.match(await text(connection), /^HTTP\/1\.1 101 Switching Protocols\r\nX-For: \/plain\r\n\r\n/)
})

const hasShouldUpgradeCallback = 'shouldUpgradeCallback' in createServer()

void t.test('shouldUpgradeCallback of the user applies to WebSocket upgrades, and is restored by app.close()', {
  skip: hasShouldUpgradeCallback ? false : 'this version of Node has no shouldUpgradeCallback'
}, async (t) => {
  const asked: unknown[] = []
  const shouldUpgradeCallback = ({ url, headers }: IncomingMessage): boolean => {
    asked.push(headers.upgrade)
    return url !== '/echo?no'
  }
  const app: FastifyInstance = fastify({ http: { shouldUpgradeCallback } } as object)
  t.teardown(() => app.close())
  await app.register(websocket)
  addRoutes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  for (const [request, status] of [[LENGTH.join(''), 200], [HANDSHAKE.replace('/echo', '/echo?no'), 426], [HANDSHAKE, 101]]) {
    const connection = connect({ app }, H1)
    connection.write(String(request))
    t.equal((await receive(connection)).split(' ')[1], String(status))
    connection.destroy()
  }
  t.same(asked, ['websocket', 'websocket'])
  await app.close()
  t.equal(Reflect.get(app.server, 'shouldUpgradeCallback'), shouldUpgradeCallback)
})

void t.test('listen({ host: "localhost" }): each address serves a request with Upgrade: h2c and a body', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  addRoutes(app)
  await app.listen({ port: 0, host: 'localhost' })
  for (const { address, port } of app.addresses() as AddressInfo[]) {
    const connection = connectTcp(port, address)
    connection.write(LENGTH.join(''))
    t.same(bodiesOf(await receive(connection)), [BODY], address)
    connection.destroy()
  }
})

void t.test(`a pipelined request with Upgrade: h2c ${hasShouldUpgradeCallback ? 'is answered in order' : 'ends the connection'}`, async (t) => {
  const events = new EventEmitter()
  const fixture = await start(t, H1, (app) => {
    addRoutes(app)
    app.get('/slow', async () => {
      events.emit('asked')
      await once(events, 'answer')
      return 'slow'
    })
  })
  const connection = connect(fixture, H1)
  const [answer] = [text(connection), connection.write(`GET /slow HTTP/1.1\r\n${HOST}\r\n${LENGTH.join('')}`)]
  await once(events, 'asked')
  if (hasShouldUpgradeCallback) {
    events.emit('answer')
    await once(connection, 'data')
    connection.end()
  }
  t.same(bodiesOf(await answer), hasShouldUpgradeCallback ? ['200 slow', BODY] : [])
  events.emit('answer')
})

void t.test('a request with more header fields than Node keeps is not parsed again', async (t) => {
  const served: string[] = []
  const fixture = await start(t, H1, (app) => {
    addRoutes(app)
    app.get('/smuggled', async () => { served.push('smuggled') })
    app.addHook('onResponse', async (request, reply: { raw: ServerResponse }) => {
      served.push(`${request.url} ${reply.raw.statusCode}`)
    })
  })
  const connection = connect(fixture, H1)
  const body = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`
  connection.write(`POST /body HTTP/1.1\r\n${HOST}${H2C}${'a:\r\n'.repeat(1500)}Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  connection.end()
  await text(connection)
  t.notOk(served.includes('smuggled'))
})

void t.test('a handshake on a connection in memory opens a socket', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  addRoutes(app)
  const socket = await app.injectWS('/echo')
  socket.send('hello')
  t.equal(await nextText(socket), 'hello')
  socket.terminate()
})

void t.test('watchWrites: the responses to earlier requests of a connection do not count', async (t) => {
  const [, connection] = createLoopback() as unknown as [Socket, Socket]
  Object.defineProperty(connection, 'bytesWritten', { value: 10, writable: true })
  const isWritten = watchWrites(connection)
  t.equal(isWritten(), false)
  Object.assign(connection, { bytesWritten: 11 })
  t.equal(isWritten(), true)

  const earlier = assignResponse({ httpVersionMajor: 1 }, connection)
  const isWrittenAfter = watchWrites(connection)
  t.equal(isWrittenAfter(), false)
  Object.assign(connection, { bytesWritten: 20 })
  earlier.detachSocket(connection)
  earlier.emit('finish')
  t.equal(isWrittenAfter(), false)
  Object.assign(connection, { bytesWritten: 21 })
  t.equal(isWrittenAfter(), true)
})

for (const transport of [H1, H1_TLS]) {
  for (const [requests, pipelined] of [['has been answered', false], ['is pipelined before it', true]] as const) {
    void t.test(`${transport.name}: an upgrade that no server answers is refused with 503 if a request ${requests}`, async (t) => {
      const fixture = await start(t, transport, (app) => {
        addRoutes(app)
        app.server.on('upgrade', () => {})
      }, { handshakeTimeout: 100 })
      const connection = connect(fixture, transport)
      const received = text(connection)
      const plain = `GET /plain HTTP/1.1\r\n${HOST}\r\n`
      if (pipelined) {
        connection.write(plain + HANDSHAKE.replace('/echo', '/nowhere'))
      } else {
        connection.write(plain)
        await once(connection, 'readable')
        connection.write(HANDSHAKE.replace('/echo', '/nowhere'))
      }
      t.same(bodiesOf(await received), [PLAIN, '503 '])
    })
  }
}
