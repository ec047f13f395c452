import { once } from 'node:events'
import type { Http2Server } from 'node:http2'
import { connect as startSession } from 'node:http2'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { connect } from '../../lib/client/index.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { addEcho, openEcho } from '../helpers/echo.ts'
import { ERROR_CODES } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { INFO, captureLogs, linesWithError } from '../helpers/logs.ts'
import type { LogLine } from '../helpers/logs.ts'
import { reportResets, reportResetsAsNode27 } from '../helpers/node-27.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { closed, waitTurns, waitUntil } from '../helpers/waiting.ts'
import { wsText } from '../helpers/ws-frames.ts'

const ABORTED = 'ERR_HTTP2_STREAM_ABORTED'
const MIB = 2 ** 20

interface Fixture {
  server: TestServer
  client: FrameClient
  /** Codes of the errors that Node 27 reports of the streams of the server. */
  codes: string[]
  /** Errors that errorHandler received. */
  errors: Error[]
  logs: LogLine[]
  callbacks: Callbacks
}

/** Starts a server, as on Node 27, whose routes end or wait in several ways. */
async function setUp (t: Test, windowUpdates = true): Promise<Fixture> {
  const errors: Error[] = []
  const callbacks = new Callbacks()
  const { logger, logs } = captureLogs('info')
  const server = await startServer(t, (app) => addRoutes(app, callbacks), {
    server: { logger },
    plugin: { errorHandler: (error, socket) => { errors.push(error); socket.close(1011) } }
  })
  const codes = reportResetsAsNode27(server.app.server as unknown as Http2Server)
  const client = await server.client({ windowUpdates })
  return { server, client, codes, errors, logs, callbacks }
}

function addRoutes (app: FastifyInstance, callbacks: Callbacks): void {
  addEcho(app)
  app.get('/sends', { websocket: true }, (socket) => {
    for (let count = 0; count < 3; count++) socket.send(Buffer.alloc(MIB), callbacks.next)
    socket.ping('', false, callbacks.next)
  })
  app.get('/forbidden', { websocket: true, onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
  app.get('/waits', { websocket: true, onRequest: async () => await new Promise(() => {}) }, () => {})
  app.get('/terminates', { websocket: true }, (socket) => { socket.on('message', () => socket.terminate()) })
  app.get('/page', async () => await new Promise(() => {}))
  app.post('/upload', async () => 'done')
}

async function waitForRequests ({ server }: Fixture): Promise<void> {
  await waitUntil(() => server.streams.size > 0, 'the server has a stream')
  await waitTurns(2)
}

/** Returns the lines with an error of Node. Fastify logs its own, such as a body that is shorter than announced. */
function resetErrorsIn (logs: LogLine[]): LogLine[] {
  return linesWithError(logs).filter(({ err }) => err!.code?.startsWith('ERR_HTTP2'))
}

/** Checks that a reset has no effect on anything but its stream. */
async function checkQuiet (t: Test, fixture: Fixture, codes: string[] = [ABORTED]): Promise<void> {
  const { server, client, errors, logs } = fixture
  await client.roundTrip()
  await server.socketsClosed()
  t.strictSame(fixture.codes, codes, 'Node 27 reports an error')
  t.strictSame(errors, [], 'errorHandler is not called')
  t.strictSame(logs.filter(({ level }) => level > INFO), [])
  t.strictSame(resetErrorsIn(logs), [])
  await openEcho(client, 99)
}

for (const code of ERROR_CODES.slice(1)) {
  void t.test(`a client that resets the stream of an open socket with ${code} closes it with 1006, without an error`, async (t) => {
    const fixture = await setUp(t)
    const { server, client } = fixture
    await openEcho(client, 1)
    client.rst(1, code)
    await checkQuiet(t, fixture, [code === 'CANCEL' ? ABORTED : 'ERR_HTTP2_STREAM_ERROR'])
    t.strictSame(server.events[0], ['close 1006'])
  })
}

void t.test('a reset while the data of a socket waits calls each send callback once, with an error', async (t) => {
  const fixture = await setUp(t, false)
  const { server, client, callbacks } = fixture
  client.connect(1, '/sends')
  await client.waitForFrame(({ type }) => type === 'DATA')
  client.rst(1)
  await server.socketsClosed()
  await callbacks.settled()
  t.strictSame(callbacks.results, Array(4).fill('not sent'))
  t.strictSame(server.events, [['close 1006']])
  client.windowUpdate(0, MIB)
  await checkQuiet(t, fixture)
})

void t.test('a reset behind a message in the same packet closes the socket with 1006, and the message is received', async (t) => {
  const fixture = await setUp(t)
  const { server, client } = fixture
  await openEcho(client, 1)
  const received = once(server.sockets[0]!, 'message')
  client.batch(() => {
    client.data(1, wsText('last'))
    client.rst(1)
  })
  t.equal(String((await received)[0]), 'last')
  await checkQuiet(t, fixture)
  t.strictSame(server.events[0], ['close 1006'])
})

void t.test('a reset of a stream that terminate() resets, too, is reported once', async (t) => {
  const fixture = await setUp(t)
  const { server, client } = fixture
  client.connect(1, '/terminates')
  await client.response(1)
  client.batch(() => {
    client.data(1, wsText('terminate'))
    client.rst(1)
  })
  await server.socketsClosed()
  t.strictSame(server.events, [['close 1006']])
  await checkQuiet(t, fixture, fixture.codes)
})

// Requests without an open socket

for (const [name, send] of Object.entries({
  'a handshake whose hook waits': (client) => client.connect(1, '/waits'),
  'a handshake that a hook refuses': (client) => client.connect(1, '/forbidden'),
  'a handshake that matches no route': (client) => client.connect(1, '/nowhere'),
  'a handshake with another version': (client) => client.connect(1, '/echo', { 'sec-websocket-version': '8' }),
  'a CONNECT with another :protocol': (client) => client.connect(1, '/echo', { ':protocol': 'connect-udp' }),
  'a CONNECT of a tunnel': (client) => client.headers(1, [[':method', 'CONNECT'], [':authority', 'example.org:80']]),
  'an upload': (client) => {
    client.headers(1, [
      [':method', 'POST'], [':scheme', 'http'], [':authority', 'localhost'], [':path', '/upload'],
      ['content-type', 'text/plain'], ['content-length', '10']
    ])
  }
} satisfies Record<string, (client: FrameClient) => void>)) {
  void t.test(`${name} and its reset in the same packet are quiet`, async (t) => {
    const fixture = await setUp(t)
    const { client } = fixture
    client.batch(() => {
      send(client)
      client.rst(1)
    })
    await checkQuiet(t, fixture)
  })

  void t.test(`${name} that is reset a turn later is quiet`, async (t) => {
    const fixture = await setUp(t)
    const { client } = fixture
    send(client)
    await waitForRequests(fixture)
    client.rst(1)
    await checkQuiet(t, fixture, fixture.codes)
  })
}

void t.test('a page that is left while its request and its socket are open causes no error', async (t) => {
  const fixture = await setUp(t)
  const { client } = fixture
  await openEcho(client, 1)
  client.get(3, '/page')
  await client.roundTrip()
  client.batch(() => {
    client.rst(1)
    client.rst(3)
  })
  await checkQuiet(t, fixture, fixture.codes)
})

void t.test('a reset of a stream that the plugin refuses during a shutdown causes no error', async (t) => {
  const fixture = await setUp(t)
  const { server, client, errors, logs } = fixture
  await openEcho(client, 1)
  const closing = server.app.close()
  client.batch(() => {
    client.connect(3, '/echo')
    client.rst(3)
    client.rst(1)
  })
  await closing
  t.strictSame(errors, [])
  t.strictSame(resetErrorsIn(logs), [])
})

// The error of Node 27 while something else happens

for (const path of ['/echo', '/waits', '/forbidden', '/nowhere']) {
  for (const moment of ['the tick of the request', 'a later turn']) {
    void t.test(`an error of the stream of ${path} in ${moment} is not logged, and errorHandler is not called`, async (t) => {
      const fixture = await setUp(t)
      const { server, client, errors, logs } = fixture
      server.app.server.on('stream', async (stream) => {
        if (stream.id !== 1) return
        if (moment === 'a later turn') await nextTurn()
        stream.destroy(Object.assign(new Error('The stream was aborted'), { code: ABORTED }))
      })
      client.connect(1, path)
      await client.untilReset(1)
      await server.socketsClosed()
      t.strictSame(errors, [])
      t.strictSame(resetErrorsIn(logs), [])
      t.ok(server.events.every((events) => events.join() === 'close 1006'))
      await openEcho(client, 99)
    })
  }
}

// The client of the plugin

void t.test('a server that resets the stream of an open client socket closes it with 1006, without an error', async (t) => {
  const { server } = await setUp(t)
  const session = startSession(`http://127.0.0.1:${server.port}`)
  t.teardown(() => session.destroy())
  const codes: string[] = []
  const { request } = session
  session.request = (...parameters) => {
    const stream = request.apply(session, parameters)
    reportResets(stream, codes)
    return stream
  }
  const socket = connect(session, { path: '/terminates' })
  socket.on('error', (error) => t.fail(error))
  await once(socket, 'open')
  socket.send('terminate')
  t.equal((await closed(socket)).code, 1006)
  t.strictSame(codes, [ABORTED])
})
