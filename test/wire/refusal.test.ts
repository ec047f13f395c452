import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { text } from 'node:stream/consumers'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { ERROR_CODES } from '../helpers/h2-frames.ts'
import type { FrameClient, Overrides } from '../helpers/h2-frames.ts'
import type { Field } from '../helpers/hpack.ts'
import { wsClose, wsText } from '../helpers/ws-frames.ts'
import type { WebsocketServerOptions } from '../../index.ts'
import { addEcho, certificate, echo, hearEcho, openEcho, serve } from './server.ts'

// RFC 9113 section 8.1: after a whole answer, RST_STREAM NO_ERROR tells a client to send no more of its request.
const REFUSED = ['HEADERS END_STREAM', 'RST_STREAM NO_ERROR']

interface Refusal {
  says: string
  path?: string
  overrides?: Overrides
  status: string
  headers?: Record<string, string>
}

const refusals: Refusal[] = [
  {
    says: 'an unknown :protocol is refused with 501',
    overrides: { ':protocol': 'connect-udp' },
    status: '501'
  },
  {
    says: 'a CONNECT without :protocol, which asks for a tunnel, is refused with 405',
    overrides: { ':protocol': undefined, ':scheme': undefined, ':path': undefined },
    status: '405',
    headers: { allow: '' }
  },
  {
    says: 'a missing sec-websocket-version is refused with 400 and the version that is served',
    overrides: { 'sec-websocket-version': undefined },
    status: '400',
    headers: { 'sec-websocket-version': '13' }
  },
  {
    says: 'sec-websocket-version 8 is refused with 400 and the version that is served',
    overrides: { 'sec-websocket-version': '8' },
    status: '400',
    headers: { 'sec-websocket-version': '13' }
  },
  { says: 'content-length 0 is refused with 400', overrides: { 'content-length': '0' }, status: '400' },
  { says: 'content-length 5 is refused with 400', overrides: { 'content-length': '5' }, status: '400' },
  {
    says: 'a sec-websocket-protocol that is no list of tokens is refused with 400',
    overrides: { 'sec-websocket-protocol': 'chat, ,' },
    status: '400'
  },
  {
    says: 'a subprotocol that is named twice is refused with 400',
    overrides: { 'sec-websocket-protocol': ['chat', 'chat'] },
    status: '400'
  },
  { says: 'a path without a route is refused with 404', path: '/nothing', status: '404' },
  { says: 'a path that cannot be decoded is refused with 400', path: '/%zz', status: '400' }
]

for (const { says, path = '/echo', overrides, status, headers = {} } of refusals) {
  await t.test(says, async (t) => {
    const wire = await serve(t, addEcho)
    const client = await wire.client()
    client.connect(1, path, overrides)
    t.strictSame(await client.untilReset(1), REFUSED)
    const { date, ...answer } = await client.response(1)
    t.strictSame(answer, { ':status': status, ...headers })
    t.ok(date)
    t.strictSame(wire.events, [])
    await openEcho(client, 3)
  })
}

await t.test('over TLS a refusal is the same', async (t) => {
  const wire = await serve(t, addEcho, { tls: true })
  const client = await wire.client()
  client.connect(1, '/echo', { ':protocol': 'connect-udp' })
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '501' })
  await openEcho(client, 3)
})

await t.test('END_STREAM on the CONNECT is refused with 400', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  client.connect(1, '/echo', {}, true)
  t.strictSame(await client.untilEnd(1), ['HEADERS END_STREAM'])
  t.match(await client.response(1), { ':status': '400' })
  t.strictSame(wire.events, [])
  await openEcho(client, 3)
})

await t.test('a route without websocket is refused with 404, and its handler is not called', async (t) => {
  let called = false
  const wire = await serve(t, (app) => {
    addEcho(app)
    app.all('/plain', () => { called = true; return 'plain' })
    app.setNotFoundHandler((_request, reply) => { called = true; reply.send('for pages only') })
  })
  const client = await wire.client()
  for (const [streamId, path] of [[1, '/plain'], [3, '/nothing']] as const) {
    client.connect(streamId, path)
    t.strictSame(await client.untilReset(streamId), REFUSED)
    t.match(await client.response(streamId), { ':status': '404' })
  }
  t.notOk(called)
})

// Hooks that answer

function addHook (hook: (reply: FastifyReply) => unknown): (app: FastifyInstance) => void {
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

await t.test('a 401 of a hook goes out with its headers and without its body', async (t) => {
  const wire = await serve(t, addHook((reply) => {
    reply.code(401).headers({ 'www-authenticate': 'Bearer', 'set-cookie': ['a=1', 'b=2'] }).send({ because: 'no token' })
  }))
  const client = await wire.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  const { date, ...answer } = await client.response(1)
  t.strictSame(answer, { ':status': '401', 'www-authenticate': 'Bearer', 'set-cookie': ['a=1', 'b=2'] })
  t.strictSame(wire.events, [])
  t.strictSame(wire.warnings, [])
  await openEcho(client, 3)
})

await t.test('a redirect of a hook goes out as it is', async (t) => {
  const wire = await serve(t, addHook((reply) => { reply.redirect('/elsewhere', 307) }))
  const client = await wire.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '307', location: '/elsewhere' })
})

await t.test('an error of a hook goes out as its status', async (t) => {
  const wire = await serve(t, addHook(() => { throw Object.assign(new Error('no'), { statusCode: 403 }) }))
  const client = await wire.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '403' })
})

await t.test('a header of a hook that HTTP does not allow is refused with 500', async (t) => {
  const wire = await serve(t, (app) => {
    app.addHook('onRequest', async (request, reply) => { if (request.url === '/hook') reply.header('x-bad', 'a\r\nb: c') })
    addEcho(app)
    app.get('/hook', { websocket: true }, echo)
  })
  const client = await wire.client()
  client.connect(1, '/hook')
  t.strictSame(await client.untilReset(1), REFUSED)
  const headers = await client.response(1)
  t.equal(headers[':status'], '500')
  t.notOk('x-bad' in headers)
  t.notOk('b' in headers)
  await openEcho(client, 3)
})

// RFC 8441 section 5: any 2xx opens the socket.
const successes: Array<[what: string, (reply: FastifyReply) => unknown]> = [
  ['200', (reply) => reply.send('hello')],
  ['204', (reply) => reply.code(204).send()],
  ['206', (reply) => reply.code(206).send('part')],
  ['200 with a stream', (reply) => reply.send(Readable.from(['a', 'b', 'c']))],
  ['200 with a large body', (reply) => reply.send('x'.repeat(1024 * 1024))],
  ['200 behind reply.hijack()', (reply) => { reply.hijack(); reply.raw.end() }],
  ['200 behind reply.hijack(), in pieces', (reply) => {
    reply.hijack()
    reply.raw.write('one')
    reply.raw.end('two')
  }]
]

for (const [what, answer] of successes) {
  await t.test(`a hook that replies ${what} is a 502, with one warning in the log`, async (t) => {
    const wire = await serve(t, addHook(answer))
    const client = await wire.client()
    client.connect(1, '/hook')
    t.strictSame(await client.untilReset(1), REFUSED)
    t.match(await client.response(1), { ':status': '502' })
    t.strictSame(wire.events, [])
    await openEcho(client, 3)
    t.equal(wire.warnings.length, 1)
    t.match(wire.warnings[0], { level: 40, msg: /2xx.*502/ })
  })
}

// Clients that do not wait for the answer

const hasty: Array<[says: string, path: string, overrides: Overrides]> = [
  ['501', '/echo', { ':protocol': 'connect-udp' }],
  ['400', '/echo', { 'sec-websocket-version': '8' }],
  ['400', '/echo', { 'sec-websocket-protocol': ',' }],
  ['404', '/nothing', {}],
  ['401', '/hook', {}]
]

for (const [status, path, overrides] of hasty) {
  for (const end of [false, true]) {
    const what = end ? 'data and END_STREAM' : 'data'
    await t.test(`${what} ahead of a ${status} (${path} ${JSON.stringify(overrides)}) leave nothing behind`, async (t) => {
      const wire = await serve(t, addHook(async (reply) => {
        await client.settled()
        await reply.code(401).send()
      }))
      const client = await wire.client()
      client.together(() => {
        client.connect(1, path, overrides)
        for (let count = 0; count < 4; count++) client.data(1, Buffer.alloc(10000), end && count === 3)
      })
      t.match(await client.response(1), { ':status': status })
      await wire.emptied()

      // RFC 9113 section 6.9.1: what was received counts against the window of the connection until it is given back.
      await client.frame(({ type, streamId }) => type === 'WINDOW_UPDATE' && streamId === 0)
      await openEcho(client, 3)
    })
  }
}

// The options of ws that refuse

type VerifyClient = Extract<WebsocketServerOptions['verifyClient'], (info: never, done: never) => void>

const verifiers: Array<[says: string, verifyClient: VerifyClient, answer: Record<string, string>]> = [
  ['refuses', (_info, done) => done(false), { ':status': '401' }],
  ['refuses later', (_info, done) => setImmediate(done, false), { ':status': '401' }],
  [
    'refuses with a code, a text and headers',
    (_info, done) => done(false, 403, 'not you', { 'X-Reason': 'age' }),
    { ':status': '403', 'x-reason': 'age' }
  ],
  ['throws', () => { throw new Error('boom') }, { ':status': '500' }]
]

for (const [says, verifyClient, expected] of verifiers) {
  await t.test(`a verifyClient that ${says} is ${expected[':status']}, with its headers and without a body`, async (t) => {
    const wire = await serve(t, addEcho, { plugin: { options: { verifyClient } } })
    const client = await wire.client()
    client.connect(1, '/echo')
    t.strictSame(await client.untilReset(1), REFUSED)
    const { date, ...answer } = await client.response(1)
    t.strictSame(answer, expected)
    await wire.emptied()
    t.strictSame(wire.events, [])
  })
}

await t.test('a handleProtocols that throws is 500', async (t) => {
  const handleProtocols = (): never => { throw new Error('boom') }
  const wire = await serve(t, addEcho, { plugin: { options: { handleProtocols } } })
  const client = await wire.client()
  client.connect(1, '/echo', { 'sec-websocket-protocol': 'chat' })
  t.strictSame(await client.untilReset(1), REFUSED)
  t.match(await client.response(1), { ':status': '500' })
  await wire.emptied()
})

await t.test('a refusal on one stream leaves a socket on another as it was', async (t) => {
  const wire = await serve(t, addHook((reply) => reply.code(401).send()))
  const client = await wire.client()
  await openEcho(client, 1)
  for (const [streamId, overrides] of [[3, {}], [5, { ':protocol': 'x' }], [7, { ':path': '/nothing' }]] as const) {
    client.connect(streamId, '/hook', overrides)
    await client.untilReset(streamId)
    await hearEcho(client, 1, `after ${streamId}`)
  }
  t.strictSame(wire.events, [[]])
})

// Clients that go before they are answered

interface Waiting {
  routes: (app: FastifyInstance) => void
  entered: Promise<void>
  goOn: () => void
  called: string[]
}

/** A route whose hook waits until it is told to go on. */
function addWaiting (): Waiting {
  const [entered, enter] = deferred()
  const [told, goOn] = deferred()
  const called: string[] = []
  return { routes, entered, goOn, called }

  function routes (app: FastifyInstance): void {
    addEcho(app)
    app.get('/waiting', { websocket: true, preValidation: wait }, () => { called.push('handler') })
  }

  async function wait (request: FastifyRequest, reply: FastifyReply): Promise<void> {
    enter()
    await told
    if (request.url.endsWith('?refuse')) await reply.code(401).send({ because: 'no token' })
  }
}

function deferred (): [promise: Promise<void>, resolve: () => void] {
  let settle = (): void => {}
  const promise = new Promise<void>((resolve) => { settle = resolve })
  return [promise, settle]
}

for (const path of ['/waiting', '/waiting?refuse']) {
  await t.test(`RST_STREAM while a hook of ${path} waits: no handler, no answer, no error`, async (t) => {
    const { routes, entered, goOn, called } = addWaiting()
    const wire = await serve(t, routes)
    const client = await wire.client()
    client.connect(1, path)
    await entered
    client.rst(1)
    await wire.emptied()
    goOn()
    await turn()
    await openEcho(client, 3)
    t.strictSame(called, [])
    t.strictSame(client.trace(1), [])
    t.equal(wire.app.websocketServer.clients.size, 1)
    t.strictSame(wire.warnings, [])
  })

  for (const tls of [false, true]) {
    await t.test(`a ${tls ? 'TLS' : 'TCP'} connection reset while a hook of ${path} waits: no handler, no error`, async (t) => {
      const { routes, entered, goOn, called } = addWaiting()
      const wire = await serve(t, routes, { tls })
      const client = await wire.client()
      client.connect(1, path)
      await entered
      client.resetConnection()
      await wire.emptied()
      goOn()
      await turn()
      await openEcho(await wire.client(), 1)
      t.strictSame(called, [])
      t.equal(wire.app.websocketServer.clients.size, 1)
      t.strictSame(wire.warnings, [])
    })
  }
}

await t.test('RST_STREAM with any code before the answer: no answer and no socket, and its sibling goes on', async (t) => {
  const { routes, goOn, called } = addWaiting()
  const wire = await serve(t, routes)
  const client = await wire.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const code of ERROR_CODES) {
    streamId += 2
    client.connect(streamId, '/waiting')
    client.data(streamId, wsText('early'))
    await client.settled()
    client.rst(streamId, code)
    await hearEcho(client, 1, `after ${code}`)
  }
  goOn()
  await hearEcho(client, 1, 'after all')
  for (let id = 3; id <= streamId; id += 2) t.strictSame(client.trace(id), [])
  t.equal(wire.streams.size, 1)
  t.strictSame(called, [])
  t.strictSame(wire.events, [[]])
})

await t.test('a Close and END_STREAM while a hook waits reach the handler', async (t) => {
  const { routes, entered, goOn, called } = addWaiting()
  const wire = await serve(t, routes)
  const client = await wire.client()
  client.connect(1, '/waiting')
  await entered
  client.data(1, Buffer.concat([wsText('early'), wsClose(4000)]), true)
  await client.settled()
  goOn()
  await client.untilEnd(1)
  t.strictSame(client.wsTrace(1), ['HEADERS', 'Close 4000', 'END_STREAM'])
  await wire.emptied()
  t.strictSame(called, ['handler'])
  t.strictSame(wire.events, [['close 4000']])
})

await t.test('END_STREAM while a hook waits leaves nothing behind', async (t) => {
  const { routes, entered, goOn } = addWaiting()
  const wire = await serve(t, routes)
  const client = await wire.client()
  client.connect(1, '/waiting')
  await entered
  client.end(1)
  await client.settled()
  goOn()
  await wire.emptied()
  t.ok(wire.events.every((events) => events.join() === 'close 1006'))
  await openEcho(client, 3)
})

await t.test('app.close() while a hook waits: 503, then the connection ends', async (t) => {
  const { routes, entered, goOn, called } = addWaiting()
  const wire = await serve(t, routes)
  const client = await wire.client()
  client.connect(1, '/waiting')
  await entered
  const closing = wire.app.close()
  await client.frame(({ type }) => type === 'GOAWAY')
  goOn()
  t.match(await client.response(1), { ':status': '503' })
  await Promise.all([closing, client.closed])
  await wire.ended()
  t.strictSame(called, [])
})

await t.test('RST_STREAM in the same packet as the CONNECT: no error, and nothing is left', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  client.together(() => {
    client.connect(1, '/echo')
    client.rst(1)
  })
  await client.settled()
  await wire.emptied()
  t.ok(wire.events.every((events) => events.join() === 'close 1006'))
  await openEcho(client, 3)
})

// What is no HTTP

type Disorder = [says: string, (client: FrameClient) => Field[]]

function overriding (overrides: Overrides): (client: FrameClient) => Field[] {
  return (client) => client.connectFields('/echo', overrides)
}

const disorders: Disorder[] = [
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
  [':protocol behind a regular field', (client) => [
    ...client.connectFields('/echo', { ':protocol': undefined }), [':protocol', 'websocket']
  ]],
  ['a connection field', overriding({ connection: 'Upgrade' })],
  ['an upgrade field', overriding({ upgrade: 'websocket' })],
  ['transfer-encoding', overriding({ 'transfer-encoding': 'chunked' })],
  ['te with other than trailers', overriding({ te: 'gzip' })],
  ['a field name in upper case', overriding({ 'Sec-WebSocket-Key': 'x' })]
]

await t.test('a malformed CONNECT is reset with PROTOCOL_ERROR, and the session goes on', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  await openEcho(client, 1)
  let streamId = 1
  for (const [says, fieldsOf] of disorders) {
    streamId += 2
    client.headers(streamId, fieldsOf(client))
    t.strictSame(await client.untilReset(streamId), ['RST_STREAM PROTOCOL_ERROR'], says)
  }
  t.strictSame(wire.events, [[]])
  await hearEcho(client, 1)
})

for (const [what, value] of [['CR and LF', 'chat\r\nset-cookie: a=1'], ['NUL', 'chat\0']] as const) {
  await t.test(`a subprotocol with ${what} never comes back`, async (t) => {
    const wire = await serve(t, addEcho)
    const client = await wire.client()
    client.connect(1, '/echo', { 'sec-websocket-protocol': value })
    await client.until(() => client.trace(1)[0])
    const headers = client.frames.find((frame) => frame.streamId === 1)?.headers ?? {}
    t.notOk('sec-websocket-protocol' in headers)
    t.notOk('set-cookie' in headers)
    await openEcho(client, 3)
  })
}

await t.test('more fields than Node takes are reset with ENHANCE_YOUR_CALM, and the session goes on', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  const many = Array.from({ length: 200 }, (_, index): Field => [`x-${index}`, 'x'])
  client.headers(1, [...client.connectFields('/echo'), ...many])
  t.strictSame(await client.untilReset(1), ['RST_STREAM ENHANCE_YOUR_CALM'])
  await openEcho(client, 3)
})

await t.test('fields larger than Node takes never reach a handler, and the server goes on', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client()
  client.connect(1, '/echo', { 'x-large': 'x'.repeat(1024 * 1024) })
  await client.until(() => client.frames.find(({ type }) => type === 'GOAWAY' || type === 'RST_STREAM'))
  t.strictSame(wire.events, [])
  await openEcho(await wire.client(), 1)
})

// HTTP/1.1 on the same port

await t.test('a CONNECT of HTTP/1.1 on an allowHTTP1 server is refused with 405', async (t) => {
  const wire = await serve(t, addEcho, {
    tls: true, server: { https: { ...await certificate(), allowHTTP1: true } }
  })
  const socket = connectTls({
    port: wire.port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], rejectUnauthorized: false
  })
  socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
  t.match(await text(socket), /^HTTP\/1\.1 405 Method Not Allowed\r\n.*\r\n\r\n$/s)
  await openEcho(await wire.client(), 1)
})
