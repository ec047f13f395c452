import dns from 'node:dns'
import { maxHeaderSize } from 'node:http'
import { networkInterfaces } from 'node:os'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { addEcho, echo, expectEcho, openEcho } from '../helpers/echo.ts'
import {
  SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_HEADER_LIST_SIZE
} from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import { ACCEPT, KEY } from '../helpers/upgrade-request.ts'
import { RSV1, TEXT, wsFrame, wsText } from '../helpers/ws-frames.ts'

// SETTINGS

for (const tls of [false, true]) {
  const over = tls ? 'TLS' : 'TCP'

  await t.test(`over ${over} the first SETTINGS enable Extended CONNECT and 1024 concurrent streams`, async (t) => {
    const server = await startServer(t, addEcho, { tls })
    const client = await server.client()
    t.strictSame(client.serverSettings, {
      [SETTINGS_ENABLE_CONNECT_PROTOCOL]: 1,
      [SETTINGS_MAX_CONCURRENT_STREAMS]: 1024,
      [SETTINGS_MAX_HEADER_LIST_SIZE]: maxHeaderSize
    })
  })

  await t.test(`over ${over} a socket opens and echoes`, async (t) => {
    const server = await startServer(t, addEcho, { tls })
    await openEcho(await server.client(), 1)
  })
}

await t.test('a server without a websocket route does not change its SETTINGS', async (t) => {
  const server = await startServer(t, (app) => { app.get('/', () => 'plain') })
  const client = await server.client()
  t.strictSame(client.serverSettings, {})
})

await t.test('a server without a websocket route resets an Extended CONNECT with PROTOCOL_ERROR', async (t) => {
  const server = await startServer(t, (app) => { app.get('/', () => 'plain') })
  const client = await server.client()
  client.connect(1, '/')
  t.strictSame(await client.untilReset(1), ['RST_STREAM PROTOCOL_ERROR'])
  client.get(3, '/')
  t.match(await client.response(3), { ':status': '200' })
})

await t.test('with advertise: false SETTINGS do not enable Extended CONNECT, and a CONNECT is reset', async (t) => {
  const server = await startServer(t, (app) => {
    addEcho(app)
    app.get('/', () => 'plain')
  }, { plugin: { advertise: false } })
  const client = await server.client()
  t.strictSame(client.serverSettings, {})
  client.connect(1, '/echo')
  t.strictSame(await client.untilReset(1), ['RST_STREAM PROTOCOL_ERROR'])
  client.get(3, '/')
  t.match(await client.response(3), { ':status': '200' })
})

await t.test('the option maxConcurrentStreams is sent in SETTINGS', async (t) => {
  const server = await startServer(t, addEcho, { plugin: { maxConcurrentStreams: 7 } })
  const client = await server.client()
  t.equal(client.serverSettings[SETTINGS_MAX_CONCURRENT_STREAMS], 7)
})

await t.test('maxConcurrentStreams of Fastify\'s http.settings overrides the default', async (t) => {
  const server = await startServer(t, addEcho, { server: { http: { settings: { maxConcurrentStreams: 50 } } } })
  const client = await server.client()
  t.strictSame(client.serverSettings, {
    [SETTINGS_ENABLE_CONNECT_PROTOCOL]: 1,
    [SETTINGS_MAX_CONCURRENT_STREAMS]: 50,
    [SETTINGS_MAX_HEADER_LIST_SIZE]: maxHeaderSize
  })
})

await t.test('the option maxConcurrentStreams overrides Fastify\'s http.settings', async (t) => {
  const server = await startServer(t, addEcho, {
    plugin: { maxConcurrentStreams: 7 }, server: { http: { settings: { maxConcurrentStreams: 50 } } }
  })
  const client = await server.client()
  t.equal(client.serverSettings[SETTINGS_MAX_CONCURRENT_STREAMS], 7)
})

await t.test('a socket that has ended no longer counts for maxConcurrentStreams', async (t) => {
  const server = await startServer(t, addEcho, { plugin: { maxConcurrentStreams: 2 } })
  const client = await server.client()
  await openEcho(client, 1)
  await openEcho(client, 3)
  const [stream] = server.streams
  client.rst(1)
  await new Promise((resolve) => stream!.once('close', resolve))
  await openEcho(client, 5)
  await expectEcho(client, 3)
})

// Response

await t.test('the response has :status 200, and no header of a body or a connection', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo')
  const headers = await client.response(1)
  t.strictSame(Object.keys(headers).sort(), [':status', 'date'])
  t.equal(headers[':status'], '200')
  await client.roundTrip()
  t.strictSame(client.trace(1), ['HEADERS'])
})

await t.test('a valid sec-websocket-key is answered with sec-websocket-accept', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo', { 'sec-websocket-key': KEY })
  t.match(await client.response(1), { ':status': '200', 'sec-websocket-accept': ACCEPT })
})

for (const key of ['', 'short', `${KEY}, ${KEY}`, 'A'.repeat(5000)]) {
  await t.test(`the malformed sec-websocket-key "${key.slice(0, 60)}" is ignored`, async (t) => {
    const server = await startServer(t, addEcho)
    const client = await server.client()
    client.connect(1, '/echo', { 'sec-websocket-key': key })
    const headers = await client.response(1)
    t.equal(headers[':status'], '200')
    t.notOk('sec-websocket-accept' in headers)
  })
}

await t.test(':protocol is case-insensitive', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo', { ':protocol': 'WebSocket' })
  t.match(await client.response(1), { ':status': '200' })
})

await t.test('the first subprotocol is selected, from one header or several', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo', { 'sec-websocket-protocol': 'chat, superchat' })
  t.match(await client.response(1), { ':status': '200', 'sec-websocket-protocol': 'chat' })
  client.connect(3, '/echo', { 'sec-websocket-protocol': ['superchat', 'chat'] })
  t.match(await client.response(3), { ':status': '200', 'sec-websocket-protocol': 'superchat' })
})

await t.test('handleProtocols selects the subprotocol, or none', async (t) => {
  const server = await startServer(t, addEcho, {
    plugin: { options: { handleProtocols: (offered) => offered.has('chat') && 'chat' } }
  })
  const client = await server.client()
  client.connect(1, '/echo', { 'sec-websocket-protocol': 'superchat, chat' })
  t.match(await client.response(1), { ':status': '200', 'sec-websocket-protocol': 'chat' })
  client.connect(3, '/echo', { 'sec-websocket-protocol': 'superchat' })
  const headers = await client.response(3)
  t.equal(headers[':status'], '200')
  t.notOk('sec-websocket-protocol' in headers)
})

await t.test('permessage-deflate is not negotiated unless the option is set, and RSV1 is a protocol error', async (t) => {
  const offers: unknown[] = []
  const server = await startServer(t, (app) => {
    app.addHook('preValidation', async ({ headers }) => { offers.push(headers) })
    addEcho(app)
  })
  const client = await server.client()
  const offer = 'permessage-deflate; client_max_window_bits'
  client.connect(1, '/echo', { 'sec-websocket-extensions': offer })
  const headers = await client.response(1)
  t.equal(headers[':status'], '200')
  t.notOk('sec-websocket-extensions' in headers)
  t.match(offers, [{ 'sec-websocket-extensions': offer }], 'request.headers has what the client has sent')
  await expectEcho(client, 1)
  client.data(1, wsFrame(TEXT, 'compressed', { rsv: RSV1 }))
  await client.untilReceived(1, 'Close 1002')
})

await t.test('a header and several cookies that hooks set are sent with the 200', async (t) => {
  const server = await startServer(t, (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('X-Request', 'one') })
    app.addHook('preHandler', async (_request, reply) => { reply.header('set-cookie', ['a=1; Path=/', 'b=2']) })
    addEcho(app)
  })
  const client = await server.client()
  client.connect(1, '/echo')
  t.match(await client.response(1), {
    ':status': '200', 'x-request': 'one', 'set-cookie': ['a=1; Path=/', 'b=2']
  })
})

await t.test('headers of 60 KB that a hook sets arrive intact, in CONTINUATION frames', async (t) => {
  const value = '~'.repeat(20000)
  const server = await startServer(t, (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('x-large', [value, value, value]) })
    addEcho(app)
  })
  const client = await server.client()
  client.connect(1, '/echo')
  t.strictSame((await client.response(1))['x-large'], [value, value, value])
  await expectEcho(client, 1)
})

await t.test('headers of a hook about the handshake, the connection or a body are omitted', async (t) => {
  const server = await startServer(t, (app) => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.headers({
        connection: 'keep-alive',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        upgrade: 'h2c',
        'content-length': '5',
        'content-type': 'text/html',
        'sec-websocket-accept': ACCEPT,
        'sec-websocket-extensions': 'permessage-deflate',
        'sec-websocket-protocol': 'chat'
      })
    })
    addEcho(app)
  })
  const client = await server.client()
  client.connect(1, '/echo')
  t.strictSame(Object.keys(await client.response(1)).sort(), [':status', 'date'])
})

await t.test('path parameters, query and headers reach the handler', async (t) => {
  const seen: unknown[] = []
  const server = await startServer(t, (app) => {
    app.get('/rooms/:room', { websocket: true }, (_socket, { params, query, headers, method, ws }) => {
      seen.push(params, query, headers['x-token'], method, ws)
    })
  })
  const client = await server.client()
  client.connect(1, '/rooms/caf%C3%A9?since=5', { 'x-token': 'secret' })
  await client.response(1)
  t.same(seen, [{ room: 'café' }, { since: '5' }, 'secret', 'GET', true])
})

await t.test('a message in the same packet as the CONNECT reaches a handler that listens immediately', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.batch(() => {
    client.connect(1, '/echo')
    client.data(1, wsText('early'))
  })
  t.strictSame(await client.untilReceived(1, 'Text early'), ['HEADERS', 'Text early'])
})

await t.test('a message that arrives while an async hook runs reaches the handler', async (t) => {
  const server = await startServer(t, (app) => {
    app.addHook('preValidation', async () => { await client.roundTrip() })
    addEcho(app)
  })
  const client = await server.client()
  client.connect(1, '/echo')
  client.data(1, wsText('early'))
  t.strictSame(await client.untilReceived(1, 'Text early'), ['HEADERS', 'Text early'])
})

// Addresses

const skip = Object.values(networkInterfaces()).flat().some((each) => each?.address === '::1') ? false : 'no ::1'

/** Resolves "localhost" to 127.0.0.1 and ::1, independently of the hosts file. */
function resolveBoth (t: Test): void {
  const { lookup } = dns
  t.intercept(dns, 'lookup', {
    value: (name: string, options: object, done: (error: null, addresses: object[]) => void) => {
      if (name !== 'localhost' || done === undefined) return Reflect.apply(lookup, dns, [name, options, done])
      done(null, [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }])
    }
  })
}

for (const host of ['127.0.0.1', '::1']) {
  await t.test(`listen({ host: "localhost" }) serves sockets on ${host}`, { skip }, async (t) => {
    resolveBoth(t)
    const server = await startServer(t, addEcho, { host: 'localhost' })
    const client = await server.client({ host })
    t.strictSame(client.serverSettings, {
      [SETTINGS_ENABLE_CONNECT_PROTOCOL]: 1,
      [SETTINGS_MAX_CONCURRENT_STREAMS]: 1024,
      [SETTINGS_MAX_HEADER_LIST_SIZE]: maxHeaderSize
    })
    await openEcho(client, 1)
  })
}

// Plain requests

function addBoth (app: FastifyInstance): void {
  addEcho(app)
  app.route({ method: 'GET', url: '/both', handler: () => 'over HTTP', wsHandler: echo })
}

await t.test('a GET of a websocket route is answered with 405, and the connection continues', async (t) => {
  const server = await startServer(t, addBoth)
  const client = await server.client()
  client.get(1, '/echo')
  const headers = await client.response(1)
  t.match(headers, { ':status': '405', allow: 'CONNECT', 'cache-control': 'no-store' })
  for (const name of ['connection', 'upgrade', 'keep-alive']) t.notOk(name in headers, name)
  await openEcho(client, 3)
})

await t.test('a GET of a route with wsHandler calls its handler, and a CONNECT its wsHandler', async (t) => {
  const server = await startServer(t, addBoth)
  const client = await server.client()
  client.get(1, '/both')
  t.match(await client.response(1), { ':status': '200', 'content-length': '9' })
  client.connect(3, '/both')
  await expectEcho(client, 3)
})
