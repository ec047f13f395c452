import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import t from 'tap'
import type { WebsocketServerOptions } from '../../index.ts'
import { addEcho, echo, expectEcho, openEcho } from '../helpers/echo.ts'
import type { Overrides } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'

/** RFC 9113 section 8.1: RST_STREAM NO_ERROR after a complete response asks the client to stop sending its request. */
const REFUSED = ['HEADERS END_STREAM', 'RST_STREAM NO_ERROR']

interface Refusal {
  problem: string
  path?: string
  overrides?: Overrides
  status: string
  headers?: Record<string, string>
}

const refusals: Refusal[] = [
  {
    problem: 'an unknown :protocol',
    overrides: { ':protocol': 'connect-udp' },
    status: '501'
  },
  {
    problem: 'a CONNECT without :protocol, which asks for a tunnel,',
    overrides: { ':protocol': undefined, ':scheme': undefined, ':path': undefined },
    status: '405',
    headers: { allow: '' }
  },
  {
    problem: 'a missing sec-websocket-version',
    overrides: { 'sec-websocket-version': undefined },
    status: '400',
    headers: { 'sec-websocket-version': '13' }
  },
  {
    problem: 'sec-websocket-version 8',
    overrides: { 'sec-websocket-version': '8' },
    status: '400',
    headers: { 'sec-websocket-version': '13' }
  },
  { problem: 'content-length 0', overrides: { 'content-length': '0' }, status: '400' },
  { problem: 'content-length 5', overrides: { 'content-length': '5' }, status: '400' },
  {
    problem: 'a sec-websocket-protocol that is not a list of tokens',
    overrides: { 'sec-websocket-protocol': 'chat, ,' },
    status: '400'
  },
  {
    problem: 'a subprotocol that is offered twice',
    overrides: { 'sec-websocket-protocol': ['chat', 'chat'] },
    status: '400'
  },
  { problem: 'a path without a route', path: '/nothing', status: '404' },
  { problem: 'a path that cannot be decoded', path: '/%zz', status: '400' }
]

for (const { problem, path = '/echo', overrides, status, headers = {} } of refusals) {
  await t.test(`${problem} is refused with ${status}`, async (t) => {
    const server = await startServer(t, addEcho)
    const client = await server.client()
    client.connect(1, path, overrides)
    t.strictSame(await client.untilReset(1), REFUSED)
    const { date, ...response } = await client.response(1)
    t.strictSame(response, { ':status': status, ...headers })
    t.ok(date)
    t.strictSame(server.events, [])
    await openEcho(client, 3)
  })
}

await t.test('an unknown :protocol is refused with 501 over TLS, too', async (t) => {
  const server = await startServer(t, addEcho, { tls: true })
  const client = await server.client()
  client.connect(1, '/echo', { ':protocol': 'connect-udp' })
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '501' })
  await openEcho(client, 3)
})

await t.test('END_STREAM on the CONNECT is refused with 400', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client()
  client.connect(1, '/echo', {}, true)
  t.strictSame(await client.untilEnd(1), ['HEADERS END_STREAM'])
  t.match(await client.response(1), { ':status': '400' })
  t.strictSame(server.events, [])
  await openEcho(client, 3)
})

await t.test('the path of a plain route is refused with 404, and its handler does not run', async (t) => {
  let called = false
  const server = await startServer(t, (app) => {
    addEcho(app)
    app.all('/plain', () => { called = true; return 'plain' })
    app.setNotFoundHandler((_request, reply) => { called = true; reply.send('for pages only') })
  })
  const client = await server.client()
  for (const [streamId, path] of [[1, '/plain'], [3, '/nothing']] as const) {
    client.connect(streamId, path)
    t.strictSame(await client.untilReset(streamId), REFUSED)
    t.match(await client.response(streamId), { ':status': '404' })
  }
  t.notOk(called)
})

// Replies of hooks

function addHookRoute (hook: (reply: FastifyReply) => unknown): (app: FastifyInstance) => void {
  return (app) => {
    addEcho(app)
    app.get('/hook', {
      websocket: true,
      preValidation: async (_request, reply) => {
        await hook(reply)
        return reply
      }
    }, echo)
  }
}

await t.test('a 401 of a hook is sent with its headers and without its body', async (t) => {
  const server = await startServer(t, addHookRoute((reply) => {
    reply.code(401).headers({ 'www-authenticate': 'Bearer', 'set-cookie': ['a=1', 'b=2'] }).send({ because: 'no token' })
  }))
  const client = await server.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  const { date, ...response } = await client.response(1)
  t.strictSame(response, { ':status': '401', 'www-authenticate': 'Bearer', 'set-cookie': ['a=1', 'b=2'] })
  t.strictSame(server.events, [])
  t.strictSame(server.warnings, [])
  await openEcho(client, 3)
})

await t.test('a redirect of a hook is sent with its status and location', async (t) => {
  const server = await startServer(t, addHookRoute((reply) => { reply.redirect('/elsewhere', 307) }))
  const client = await server.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '307', location: '/elsewhere' })
})

await t.test('an error of a hook is sent with its statusCode', async (t) => {
  const server = await startServer(t, addHookRoute(() => { throw Object.assign(new Error('no'), { statusCode: 403 }) }))
  const client = await server.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '403' })
})

await t.test('an invalid response header of a hook is answered with 500', async (t) => {
  const server = await startServer(t, (app) => {
    app.addHook('onRequest', async (request, reply) => { if (request.url === '/hook') reply.header('x-bad', 'a\r\nb: c') })
    addEcho(app)
    app.get('/hook', { websocket: true }, echo)
  })
  const client = await server.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  const headers = await client.response(1)
  t.equal(headers[':status'], '500')
  t.notOk('x-bad' in headers)
  t.notOk('b' in headers)
  await openEcho(client, 3)
})

// RFC 8441 section 5: any 2xx opens the socket.
const successes: Array<[response: string, (reply: FastifyReply) => unknown]> = [
  ['200', (reply) => reply.send('hello')],
  ['204', (reply) => reply.code(204).send()],
  ['206', (reply) => reply.code(206).send('part')],
  ['200 with a stream', (reply) => reply.send(Readable.from(['a', 'b', 'c']))],
  ['200 with a large body', (reply) => reply.send('x'.repeat(MIB))],
  ['200 after reply.hijack()', (reply) => { reply.hijack(); reply.raw.end() }],
  ['200 after reply.hijack(), in several writes', (reply) => {
    reply.hijack()
    reply.raw.write('one')
    reply.raw.end('two')
  }]
]

for (const [response, respond] of successes) {
  await t.test(`a hook that replies with ${response} refuses with 502 and logs one warning`, async (t) => {
    const server = await startServer(t, addHookRoute(respond))
    const client = await server.client()
    client.connect(1, '/hook')
    t.strictSame(await client.untilReset(1), REFUSED)
    t.match(await client.response(1), { ':status': '502' })
    t.strictSame(server.events, [])
    await openEcho(client, 3)
    t.equal(server.warnings.length, 1)
    t.match(server.warnings[0], { level: 40, msg: /2xx.*502/ })
  })
}

// Clients that do not wait for the response

const hasty: Array<[status: string, path: string, overrides: Overrides]> = [
  ['501', '/echo', { ':protocol': 'connect-udp' }],
  ['400', '/echo', { 'sec-websocket-version': '8' }],
  ['400', '/echo', { 'sec-websocket-protocol': ',' }],
  ['404', '/nothing', {}],
  ['401', '/hook', {}]
]

for (const [status, path, overrides] of hasty) {
  for (const end of [false, true]) {
    const data = end ? 'data and END_STREAM' : 'data'
    await t.test(`${data} before the refusal with ${status} (${path} ${JSON.stringify(overrides)}) are returned to the window`, async (t) => {
      const server = await startServer(t, addHookRoute(async (reply) => {
        await client.roundTrip()
        await reply.code(401).send()
      }))
      const client = await server.client()
      client.batch(() => {
        client.connect(1, path, overrides)
        for (let count = 0; count < 4; count++) client.data(1, Buffer.alloc(10000), end && count === 3)
      })
      t.match(await client.response(1), { ':status': status })
      await server.socketsClosed()

      // RFC 9113 section 6.9.1: received data counts against the window of the connection until it is returned.
      await client.waitForFrame(({ type, streamId }) => type === 'WINDOW_UPDATE' && streamId === 0)
      await openEcho(client, 3)
    })
  }
}

// Options of ws

type VerifyClient = Extract<WebsocketServerOptions['verifyClient'], (info: never, done: never) => void>

const verifiers: Array<[behaviour: string, verifyClient: VerifyClient, response: Record<string, string>]> = [
  ['refuses', (_info, done) => done(false), { ':status': '401' }],
  ['refuses later', (_info, done) => setImmediate(done, false), { ':status': '401' }],
  [
    'refuses with a code, a text and headers',
    (_info, done) => done(false, 403, 'not you', { 'X-Reason': 'age' }),
    { ':status': '403', 'x-reason': 'age' }
  ],
  ['throws', () => { throw new Error('boom') }, { ':status': '500' }]
]

for (const [behaviour, verifyClient, expected] of verifiers) {
  await t.test(`verifyClient that ${behaviour} is answered with ${expected[':status']}, its headers and no body`, async (t) => {
    const server = await startServer(t, addEcho, { plugin: { options: { verifyClient } } })
    const client = await server.client()
    client.connect(1, '/echo')
    t.strictSame(await client.untilReset(1), REFUSED)
    const { date, ...response } = await client.response(1)
    t.strictSame(response, expected)
    await server.socketsClosed()
    t.strictSame(server.events, [])
  })
}

await t.test('handleProtocols that throws is answered with 500', async (t) => {
  const handleProtocols = (): never => { throw new Error('boom') }
  const server = await startServer(t, addEcho, { plugin: { options: { handleProtocols } } })
  const client = await server.client()
  client.connect(1, '/echo', { 'sec-websocket-protocol': 'chat' })
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '500' })
  await server.socketsClosed()
})

await t.test('a refusal on one stream does not affect a socket on another', async (t) => {
  const server = await startServer(t, addHookRoute((reply) => reply.code(401).send()))
  const client = await server.client()
  await openEcho(client, 1)
  for (const [streamId, overrides] of [[3, {}], [5, { ':protocol': 'x' }], [7, { ':path': '/nothing' }]] as const) {
    client.connect(streamId, '/hook', overrides)
    await client.untilReset(streamId)
    await expectEcho(client, 1, `after ${streamId}`)
  }
  t.strictSame(server.events, [[]])
})
