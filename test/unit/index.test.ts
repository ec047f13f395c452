import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import websocket, { fastifyWebsocketH2 } from '../../index.ts'
import { H1, H1_BESIDE_H2, H2C, start } from '../helpers/transports.ts'
import { closed } from '../helpers/waiting.ts'

void t.test('the plugin has a name, and is both the default and a named export', async (t) => {
  t.equal(websocket, fastifyWebsocketH2)
  t.equal(Reflect.get(websocket, Symbol.for('fastify.display-name')), 'fastify-websocket-h2')
})

void t.test('registering twice is refused', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  await t.rejects(Promise.resolve(app.register(websocket)), { code: 'FST_WS_ALREADY_REGISTERED' })
})

void t.test('registering in two scopes of one server is refused', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(async (scope) => { await scope.register(websocket) })
  await t.rejects(Promise.resolve(app.register(async (scope) => { await scope.register(websocket) })), {
    code: 'FST_WS_ALREADY_REGISTERED'
  })
})

void t.test('a websocket route with another method than GET is refused', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  t.throws(() => app.route({ method: 'POST', url: '/x', websocket: true, handler () {} }), {
    code: 'FST_WS_INVALID_METHOD',
    message: 'websocket route "/x" must have the method GET, got POST'
  })
  t.throws(() => app.route({ method: ['GET', 'PUT'], url: '/y', handler () {}, wsHandler () {} }), {
    message: 'websocket route "/y" must have the method GET, got GET, PUT'
  })
})

void t.test('a wsHandler that is not a function is refused', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  t.throws(() => app.route({ method: 'GET', url: '/x', handler () {}, wsHandler: 'no' as never }), {
    code: 'FST_WS_INVALID_HANDLER',
    message: 'wsHandler of websocket route "/x" must be a function, got string'
  })
})

void t.test('a websocket route is hidden from API documents', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  const schemas: unknown[] = []
  app.addHook('onRoute', (route) => { if (route.method === 'GET') schemas.push(route.schema) })
  app.get('/hidden', { websocket: true, schema: { querystring: {} } }, () => {})
  app.route({ method: 'GET', url: '/shown', handler () {}, wsHandler () {} })
  t.same(schemas, [{ querystring: {}, hide: true }, undefined])
})

void t.test('a server without a websocket route has no listener of the plugin', async (t) => {
  const app = fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(websocket)
  app.get('/', async () => 'plain')
  await app.ready()
  t.equal(app.server.listenerCount('upgrade'), 0)
  t.equal(app.server.listenerCount('connect'), 0)
})

void t.test('HTTP/1.1: an Upgrade to another protocol is served as a plain request', async (t) => {
  const { app } = await start(t, H1, (app) => {
    app.get('/plain', async (request) => ({ ws: request.ws }))
    app.get('/ws', { websocket: true }, () => t.fail('not a socket'))
  })
  const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
  connection.write('GET /plain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n')
  const answer = await text(connection)
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(answer, /\r\nconnection: close\r\n/i)
  t.ok(answer.endsWith('{"ws":false}'))
})

void t.test('HTTP/1.1: an invalid handshake is answered like by ws, and the connection ends', async (t) => {
  const { app } = await start(t, H1, (app) => {
    app.get('/ws', { websocket: true }, () => t.fail('not a socket'))
  })
  for (const fields of ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12']) {
    const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
    connection.write(`GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${fields}\r\n\r\n`)
    t.match(await text(connection), /^HTTP\/1\.1 400 Bad Request\r\n/)
  }
})

void t.test('HTTP/1.1: bytes after a refused Upgrade are not parsed as a request', async (t) => {
  const { app } = await start(t, H1, (app) => {
    app.get('/secret', async () => t.fail('smuggled'))
    app.get('/ws', { websocket: true, onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
  })
  const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
  connection.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    'Sec-WebSocket-Version: 13\r\n\r\nGET /secret HTTP/1.1\r\nHost: x\r\n\r\n')
  const answer = await text(connection)
  t.match(answer, /^HTTP\/1\.1 403 Forbidden\r\n/)
  t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1)
})

void t.test('HTTP/1.1: an Upgrade behind an unanswered request ends only its own connection', async (t) => {
  const { app, open } = await start(t, H1, (app) => {
    app.get('/slow', async (request) => { await once(request.raw.socket, 'close') })
    app.get('/ws', { websocket: true }, (socket) => socket.close(4000))
  })
  const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
  connection.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  t.equal(await text(connection), '')
  t.equal((await closed(await open('/ws'))).code, 4000)
})

void t.test('HTTP/1.1: a peer that never ends its side is disconnected after the closing handshake', async (t) => {
  const { app } = await start(t, H1, (app) => {
    app.get('/ws', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  })
  const seen = once(app.server, 'seen')
  const connection = connectTcp({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  connection.resume()
  connection.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    'Sec-WebSocket-Version: 13\r\n\r\n')
  connection.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1]))
  t.same(await seen, [4001])
})

void t.test('perMessageDeflate: HTTP/1.1 compresses, HTTP/2 declines', async (t) => {
  const options = { options: { perMessageDeflate: true } }
  for (const [transport, extensions] of [[H1, 'permessage-deflate'], [H2C, '']] as const) {
    const { open } = await start(t, transport, (app) => { app.get('/ws', { websocket: true }, () => {}) }, options)
    t.equal((await open('/ws', { perMessageDeflate: true })).extensions, extensions)
  }
})

void t.test('HTTP/2: a reply with an interim status opens no socket', async (t) => {
  const { app, refused } = await start(t, H2C, (app) => {
    app.addHook('onRequest', async (request, reply) => reply.code(Number(request.url.slice(1))).send())
    app.get('/101', { websocket: true }, () => t.fail('not a socket'))
    app.get('/103', { websocket: true }, () => t.fail('not a socket'))
  })
  t.equal((await refused('/101')).status, 502)
  t.equal((await refused('/103')).status, 502)
  t.equal(app.websocketServer.clients.size, 0)
})

void t.test('HTTP/2: a refused stream is freed even if a hook reads the request', async (t) => {
  const { app, session, refused } = await start(t, H2C, (app) => {
    app.server.on('stream', (stream: ServerHttp2Stream) => stream.once('close', () => app.server.emit('freed')))
    app.addHook('onRequest', async (request, reply) => {
      request.raw.resume()
      return reply.code(401).send()
    })
    app.get('/ws', { websocket: true }, () => t.fail('not a socket'))
  })
  const freed = once(app.server, 'freed')
  t.equal((await refused('/ws')).status, 401)
  await freed
  t.equal(session?.destroyed, false)
})

void t.test('a logger that fails to serialize an error does not end the process', async (t) => {
  for (const transport of [H1, H2C]) {
    const lines: string[] = []
    const { connect, refused } = await start(t, transport, (app) => {
      app.get('/fails', { websocket: true }, () => { throw new Error('boom') })
    }, {
      options: { verifyClient: async ({ req }, done) => req.url === '/fails' ? done(true) : Promise.reject(new Error('no')) }
    }, {
      logger: {
        stream: { write (line: string) { lines.push(JSON.parse(line).msg) } },
        serializers: { err () { throw new Error('not today') } }
      }
    } as FastifyServerOptions)
    t.equal((await closed(connect('/fails'))).code, 1011)
    t.ok(lines.some((line) => line.includes('boom')))
    t.equal((await refused('/fails?not')).status, 500)
    t.ok(lines.some((line) => line.includes('verifyClient failed: no')))
  }
})

void t.test('advertise: false keeps HTTP/2 clients on the HTTP/1.1 upgrade', async (t) => {
  const { open } = await start(t, H1_BESIDE_H2, (app) => {
    app.get('/ws', { websocket: true }, (socket) => socket.close(4000))
  }, { advertise: false })
  t.equal((await closed(await open('/ws'))).code, 4000)
})
