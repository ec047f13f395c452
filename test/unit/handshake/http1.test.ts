import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { serveUpgrade } from '../../../lib/handshake/http1.ts'
import { createWebSocketServer } from '../../../lib/handshake/websocket-server.ts'
import { assignResponse } from '../../../lib/internals/http1.ts'
import type { Connection } from '../../../lib/socket/connection.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { kForwarded, kUpgrade } from '../../../lib/symbols.ts'
import { createLog, createOthers, readToEnd, receiveUpgrade, sendInMemory } from '../../helpers/pending-upgrade.ts'
import type { PendingUpgrade } from '../../helpers/pending-upgrade.ts'
import { H1, start } from '../../helpers/transports.ts'
import type { Fixture } from '../../helpers/transports.ts'
import { ACCEPT, upgradeRequest } from '../../helpers/upgrade-request.ts'
import { closed, nextText, waitTurns } from '../../helpers/waiting.ts'
import { wsClose, wsText } from '../../helpers/ws-frames.ts'

const { log } = createLog()

/** Accepts a handshake. Resolves with the open socket and its connection. */
async function accept ({ upgrade }: PendingUpgrade): Promise<[socket: PluginSocket, connection: Connection]> {
  return await new Promise((resolve) => {
    upgrade.accept(createWebSocketServer({}, log), (socket, connection) => resolve([socket, connection]))
  })
}

void t.test('serveUpgrade: dispatches a handshake with its Upgrade and the response that refuses it', async (t) => {
  const { request, response, upgrade, client } = await receiveUpgrade(log)
  t.equal(request.url, '/')
  t.equal(request[kUpgrade], upgrade)
  t.equal(upgrade.response, response)
  t.match(upgrade, { log, headerLines: [], isAnswered: false, timer: undefined })
  response.writeHead(404, { 'content-length': 0 }).end()
  t.match(await readToEnd(client), /^HTTP\/1\.1 404 Not Found\r\n/)
})

void t.test('serveUpgrade: an upgrade to another protocol is served as a request, without an Upgrade', async (t) => {
  const server = createServer((_request, response) => { response.end('served') })
  serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  const client = sendInMemory(server, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n')
  t.match(await readToEnd(client), /^HTTP\/1\.1 200 OK\r\n[^]*served$/)
})

void t.test('serveUpgrade: with another listener an upgrade to another protocol is left to it', async (t) => {
  const server = createServer()
  serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  server.on('upgrade', (_request, connection: Duplex) => {
    setImmediate(() => connection.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\n\r\npoured'))
  })
  const client = sendInMemory(server, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n')
  t.match(await readToEnd(client), /^HTTP\/1\.1 101 [^]*poured$/)
})

const takers: Array<[string, (request: IncomingMessage, connection: Duplex) => void]> = [
  ['reads from', (_request, connection) => { connection.resume() }],
  ['ends', (_request, connection) => { connection.end('HTTP/1.1 400 Bad Request\r\n\r\n') }],
  ['destroys', (_request, connection) => { connection.destroy() }],
  ['has a response for', (request, connection) => { assignResponse(request, connection).writeHead(404) }]
]

for (const [takes, listener] of takers) {
  void t.test(`serveUpgrade: warns of a handshake that matches a route if another listener ${takes} its connection`, async (t) => {
    const { log, logs } = createLog()
    const server = createServer()
    serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
    server.on('upgrade', listener)
    const upgraded = once(server, 'upgrade')
    sendInMemory(server, upgradeRequest('/'))
    const [, connection] = await upgraded
    await waitTurns()
    t.match(logs, [{ msg: /^another listener for 'upgrade' has answered the handshake of a websocket route: / }])
    t.equal(logs.length, 1)
    t.ok(connection.listenerCount('error') > 0, 'a client that resets its connection does not end the process')
  })
}

for (const isMatch of [true, false]) {
  const title = `a handshake that ${isMatch ? 'matches' : 'does not match'} a route is not dispatched if a listener added with once() takes it`
  void t.test(`serveUpgrade: ${title}`, async (t) => {
    const server = createServer()
    serveUpgrade(server, createOthers(server, isMatch), () => t.fail('dispatched'), log)
    server.once('upgrade', (_request, connection: Duplex) => connection.resume())
    sendInMemory(server, upgradeRequest('/'))
    await waitTurns()
    t.equal(server.listenerCount('upgrade'), 1)
  })
}

void t.test('serveUpgrade: does not warn of a handshake whose connection has failed', async (t) => {
  const { log, logs } = createLog()
  const server = createServer()
  server.on('upgrade', (_request, connection: Duplex) => { connection.destroy(new Error('write EPIPE')) })
  serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  const upgraded = once(server, 'upgrade')
  sendInMemory(server, upgradeRequest('/'))
  await upgraded
  await waitTurns()
  t.same(logs, [])
})

void t.test('serveUpgrade: with another listener an offer of h2c is served as a request, without an Upgrade', async (t) => {
  const serve = (response: ServerResponse): unknown => response.writeHead(200, { connection: 'close' }).end('served')
  const server = createServer((_request, response) => serve(response)).on('upgrade', () => {})
  serveUpgrade(server, createOthers(server), (request, response) => {
    t.equal(request[kUpgrade], undefined)
    serve(response)
  }, log)
  const client = sendInMemory(server, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  t.match(await readToEnd(client), /^HTTP\/1\.1 200 [^]*served/)
})

void t.test('serveUpgrade: a handshake that matches no websocket route is left to another listener', async (t) => {
  const server = createServer()
  serveUpgrade(server, createOthers(server, false), () => t.fail('dispatched'), log)
  const [seen, other] = [[] as string[], (request: IncomingMessage, connection: Duplex) => {
    seen.push(request.url!)
    setImmediate(() => connection.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
  }] as const
  server.on('upgrade', other)
  t.equal(await readToEnd(sendInMemory(server, upgradeRequest('/x'))), 'HTTP/1.1 403 Forbidden\r\n\r\n')
  t.same(seen, ['/x'])
  server.off('upgrade', other)
})

void t.test('serveUpgrade: a forwarded upgrade is for other listeners only', async (t) => {
  const server = createServer()
  serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  server.emit('upgrade', { headers: {}, [kForwarded]: true })
  t.equal(server.listenerCount('upgrade'), 1)
})

void t.test('serveUpgrade: a handshake that another listener answers is not dispatched', async (t) => {
  const server = createServer()
  serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  server.on('upgrade', (request: IncomingMessage, connection: Duplex) => {
    assignResponse(request, connection).writeHead(403, { 'content-length': 0 }).end(() => connection.end())
  })
  t.match(await readToEnd(sendInMemory(server, upgradeRequest('/'))), /^HTTP\/1\.1 403 /)
})

void t.test('serveUpgrade: the returned function removes the listener', async (t) => {
  const server = createServer((_request, response) => { response.end('request') })
  const stop = serveUpgrade(server, createOthers(server), () => t.fail('dispatched'), log)
  t.equal(server.listenerCount('upgrade'), 1)
  stop()
  t.equal(server.listenerCount('upgrade'), 0)
  const client = sendInMemory(server, upgradeRequest('/', ['Connection: close']))
  t.match(await readToEnd(client), /^HTTP\/1\.1 200 OK\r\n[^]*request$/)
})

void t.test('accept: opens a socket, and passes it on with its connection', async (t) => {
  const pending = await receiveUpgrade(log)
  const [[socket, connection], [head]] = await Promise.all([accept(pending), once(pending.client, 'data')])
  t.match(String(head), `Sec-WebSocket-Accept: ${ACCEPT}`)
  t.equal(connection.duplex, pending.request.socket)
  t.equal(socket.readyState, socket.OPEN)
  pending.client.write(wsText('hello'))
  t.equal(await nextText(socket), 'hello')
  socket.terminate()
})

void t.test('accept: a message in the same packet as the handshake reaches the socket', async (t) => {
  const pending = await receiveUpgrade(log, upgradeRequest('/') + wsText('early').toString('latin1'))
  const [socket] = await accept(pending)
  t.equal(await nextText(socket), 'early')
  socket.terminate()
})

void t.test('accept: a late reply is not written into the connection of the socket', async (t) => {
  const pending = await receiveUpgrade(log)
  const [socket] = await accept(pending)
  pending.response.writeHead(200).end('late')
  await waitTurns()
  socket.terminate()
  t.notMatch(await readToEnd(pending.client), /late|200 OK/)
})

void t.test('accept: the response head is sent as Latin-1, and everything after it as UTF-8', async (t) => {
  const pending = await receiveUpgrade(log)
  pending.upgrade.headerLines = ['x-name: caf\xe9']
  const [socket] = await accept(pending)
  t.equal(pending.upgrade.isAnswered, true)
  socket.ping('\xe9')
  socket.close()
  pending.client.write(Buffer.of(0x88, 0x80, 0, 0, 0, 0))
  const received = await readToEnd(pending.client)
  t.match(received, /\r\nx-name: caf\xe9\r\n/)
  t.match(received, '\x89\x02\xc3\xa9')
})

void t.test('refuseUnprocessed: sends 503, and ends the connection', async (t) => {
  const { upgrade, client } = await receiveUpgrade(log)
  upgrade.refuseUnprocessed()
  t.match(await readToEnd(client), /^HTTP\/1\.1 503 Service Unavailable\r\ncontent-length: 0\r\n/)
})

void t.test('abort: destroys the connection without a response', async (t) => {
  const { upgrade, client } = await receiveUpgrade(log)
  upgrade.abort()
  t.equal(await readToEnd(client), '')
})

// Through the plugin

function connectTo ({ app }: Pick<Fixture, 'app'>, request: string): Socket {
  const connection = connectTcp({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  connection.write(request)
  return connection
}

void t.test('a handshake without a key, or with another version, is answered with 400, and the connection ends', async (t) => {
  const fixture = await start(t, H1, (app) => {
    app.get('/ws', { websocket: true }, () => t.fail('the handler runs'))
  })
  for (const invalid of [/Sec-WebSocket-Key: .*\r\n/, /Sec-WebSocket-Version: .*\r\n/]) {
    const connection = connectTo(fixture, upgradeRequest('/ws', ['X-A: b']).replace(invalid, ''))
    t.match(await readToEnd(connection), /^HTTP\/1\.1 400 Bad Request\r\n/)
    connection.end()
  }
})

void t.test('bytes that follow a refused handshake are not parsed as a request', async (t) => {
  const fixture = await start(t, H1, (app) => {
    app.get('/secret', async () => t.fail('request smuggling'))
    app.get('/ws', { websocket: true, onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
  })
  const connection = connectTo(fixture, `${upgradeRequest('/ws')}GET /secret HTTP/1.1\r\nHost: x\r\n\r\n`)
  const received = await readToEnd(connection)
  t.match(received, /^HTTP\/1\.1 403 Forbidden\r\n/)
  t.equal(received.match(/HTTP\/1\.1/g)?.length, 1)
  connection.end()
})

void t.test('a pipelined handshake ends its own connection only', async (t) => {
  const fixture = await start(t, H1, (app) => {
    app.get('/slow', async (request) => { await once(request.raw.socket, 'close') })
    app.get('/ws', { websocket: true }, (socket) => socket.close(4000))
  })
  const connection = connectTo(fixture, `GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${upgradeRequest('/ws')}`)
  t.equal(await readToEnd(connection), '')
  t.equal((await closed(await fixture.open('/ws'))).code, 4000)
  connection.end()
})

for (const [name, status, upgradeFallback] of [
  ['that nobody answers is refused with 503', 503, () => {}],
  ['whose upgradeFallback throws is refused with 500', 500, () => { throw new Error('broken') }]
] as const) {
  void t.test(`a handshake ${name}, on a connection that has served a request before`, async (t) => {
    const fixture = await start(t, H1, (app) => app.get('/', async () => 'served'), { handshakeTimeout: 20, upgradeFallback })
    const connection = connectTo(fixture, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(connection, 'data')
    connection.write(upgradeRequest('/other'))
    t.match(await readToEnd(connection), `HTTP/1.1 ${status} `)
    connection.end()
  })
}

void t.test('a client that does not end its side after the closing handshake is disconnected', async (t) => {
  const fixture = await start(t, H1, (app) => {
    app.get('/ws', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('socket closed', code))
    })
  }, { options: { closeTimeout: 2 ** 31 - 1 } })
  const socketClosed = once(fixture.app.server, 'socket closed')
  const connection = connectTo(fixture, upgradeRequest('/ws'))
  connection.resume()
  connection.write(wsClose(4001))
  t.same(await socketClosed, [4001])
  connection.end()
})
