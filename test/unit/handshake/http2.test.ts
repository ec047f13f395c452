import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http2'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { onExtendedConnect } from '../../../lib/handshake/extended-connect.ts'
import { serveStream } from '../../../lib/handshake/http2.ts'
import type { RawRequest, Upgrade } from '../../../lib/handshake/upgrade.ts'
import { createWebSocketServer } from '../../../lib/handshake/websocket-server.ts'
import { Sessions } from '../../../lib/http2/sessions.ts'
import { StreamSocket } from '../../../lib/http2/stream-socket.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { kUpgrade } from '../../../lib/symbols.ts'
import { addEcho } from '../../helpers/echo.ts'
import { FrameClient } from '../../helpers/h2-frames.ts'
import { WARN } from '../../helpers/logs.ts'
import type { LogLine } from '../../helpers/logs.ts'
import { createLog } from '../../helpers/pending-upgrade.ts'
import { H1, H2C, start } from '../../helpers/transports.ts'
import { ACCEPT, KEY } from '../../helpers/upgrade-request.ts'
import { nextText } from '../../helpers/waiting.ts'
import { wsText } from '../../helpers/ws-frames.ts'

interface Handshakes {
  client: FrameClient
  logs: LogLine[]
  /** Requests that were dispatched. */
  requests: RawRequest[]
  /** Sends a CONNECT, and waits until it is dispatched. */
  receive (streamId: number, overrides?: Record<string, string | undefined>): Promise<Received>
  stop (): void
}

interface Received {
  request: Http2ServerRequest & RawRequest
  response: ServerResponse
  upgrade: Upgrade
}

/** Serves handshakes on a plain HTTP/2 server, with a client that sends single frames. */
async function serve (t: Test): Promise<Handshakes> {
  const server = createServer({ settings: { enableConnectProtocol: true } })
  const { log, logs } = createLog()
  const sessions = new Sessions({ receiveWindow: {}, log })
  const requests: RawRequest[] = []
  const untrack = sessions.track(server)
  const unserve = onExtendedConnect(server, sessions, log, (connect, streamSocket) => {
    serveStream(connect, streamSocket, (request, response) => {
      requests.push(request)
      server.emit('dispatched', request, response)
    }, log)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = await FrameClient.open((server.address() as AddressInfo).port)
  t.teardown(() => { client.destroy(); server.close() })
  return { client, logs, requests, receive, stop () { unserve(); untrack() } }

  async function receive (streamId: number, overrides = {}): Promise<Received> {
    const dispatched = once(server, 'dispatched')
    client.connect(streamId, '/path?q', overrides)
    const [request, response] = await dispatched
    return { request, response, upgrade: request[kUpgrade] }
  }
}

async function accept ({ upgrade }: Received): Promise<[socket: PluginSocket, connection: unknown]> {
  const server = createWebSocketServer({}, upgrade.log)
  return await new Promise((resolve) => {
    upgrade.accept(server as never, (socket, connection) => resolve([socket, connection]))
  })
}

void t.test('serveStream: dispatches a CONNECT as a GET with a Host field and an Upgrade', async (t) => {
  const { receive } = await serve(t)
  const { request, response, upgrade } = await receive(1, { ':authority': 'example.org', host: 'other.org' })
  t.match(request, { method: 'GET', url: '/path?q', httpVersion: '2.0', headers: { host: 'example.org' } })
  t.equal(upgrade.response, response)
  t.equal(response.req, request)
  t.match(upgrade, { headerLines: [], isAnswered: false, timer: undefined })
})

void t.test('serveStream: the response refuses with its status and headers, and without its body', async (t) => {
  const { client, receive } = await serve(t)
  const { response } = await receive(1)
  response.setHeader('x-a', ['b', 'c']).setHeader('etag', ['"1"', '"2"']).setHeader('content-type', 'text/plain')
  response.writeHead(403).end('body')
  t.strictSame(Object.entries(await client.response(1)).filter(([name]) => name !== 'date'), [
    [':status', '403'], ['x-a', 'b, c'], ['etag', '"1", "2"']
  ])
  t.same(await client.untilEnd(1), ['HEADERS END_STREAM'])
})

void t.test('serveStream: a response with 200 is sent as 502, with a warning', async (t) => {
  const { client, logs, receive } = await serve(t)
  const { response } = await receive(1)
  response.writeHead(200).end()
  t.match(await client.response(1), { ':status': '502' })
  t.match(logs, [{ level: WARN, url: '/path?q', status: 200 }])
})

void t.test('serveStream: a response with more headers than HTTP/2 allows is sent as 500, and the session continues', async (t) => {
  const { client, logs, receive } = await serve(t)
  const { response } = await receive(1)
  response.writeHead(403, { 'x-large': 'x'.repeat(70_000) }).end()
  t.match(await client.response(1), { ':status': '500' })
  t.match(logs, [{ err: { code: 'FST_WS_HEADERS_TOO_LARGE' } }])
  await client.roundTrip()

  const { upgrade } = await receive(3)
  upgrade.headerLines = [`x-large: ${'x'.repeat(70_000)}`]
  t.throws(() => upgrade.accept(createWebSocketServer({}, upgrade.log) as never, () => {}), {
    code: 'FST_WS_HEADERS_TOO_LARGE'
  })
  upgrade.abort()
  t.same(await client.untilReset(3), ['RST_STREAM CANCEL'])
  await client.roundTrip()
})

void t.test('serveStream: an interim response is omitted', async (t) => {
  const { client, logs, receive } = await serve(t)
  const { response } = await receive(1)
  response.writeProcessing()
  response.writeHead(403).end()
  t.match(await client.response(1), { ':status': '403' })
  t.same(logs, [])
})

void t.test('serveStream: response.destroy() resets the stream', async (t) => {
  const { client, receive } = await serve(t)
  const { response } = await receive(1)
  response.destroy()
  t.same(await client.untilReset(1), ['RST_STREAM CANCEL'])
})

void t.test('serveStream: the response emits \'close\' when the client resets the stream', async (t) => {
  const { client, receive } = await serve(t)
  const { response } = await receive(1)
  const closed = once(response, 'close')
  client.rst(1)
  await closed
  response.writeHead(200).end('late')
  await client.roundTrip()
  t.same(client.trace(1), [])
})

void t.test('serveStream: a reply with an interim status is sent as 502, and opens no socket', async (t) => {
  const { app, refused } = await start(t, H2C, (app) => {
    app.addHook('onRequest', async (request, reply) => reply.code(Number(request.url.slice(1))).send())
    app.get('/101', { websocket: true }, () => t.fail('not a socket'))
    app.get('/103', { websocket: true }, () => t.fail('not a socket'))
  })
  t.equal((await refused('/101')).status, 502)
  t.equal((await refused('/103')).status, 502)
  t.equal(app.websocketServer.clients.size, 0)
})

void t.test('serveStream: a refused stream is closed although a hook reads the request', async (t) => {
  const { app, session, refused } = await start(t, H2C, (app) => {
    app.server.on('stream', (stream: ServerHttp2Stream) => stream.once('close', () => app.server.emit('stream closed')))
    app.addHook('onRequest', async (request, reply) => {
      request.raw.resume()
      return reply.code(401).send()
    })
    app.get('/ws', { websocket: true }, () => t.fail('not a socket'))
  })
  const streamClosed = once(app.server, 'stream closed')
  t.equal((await refused('/ws')).status, 401)
  await streamClosed
  t.equal(session?.destroyed, false)
})

void t.test('accept: opens a socket on the stream, and passes it on with its StreamSocket', async (t) => {
  const { client, receive } = await serve(t)
  const received = await receive(1)
  const [socket, connection] = await accept(received)
  t.match(await client.response(1), { ':status': '200' })
  t.type(connection, StreamSocket)
  t.equal((connection as StreamSocket).stream, received.request.stream)
  t.ok((connection as StreamSocket).receiver.reader, 'frames are read ahead of ws')
  t.equal(received.upgrade.isAnswered, true)
  const text = nextText(socket)
  client.data(1, wsText('hello'))
  t.equal(await text, 'hello')
})

void t.test('accept: Sec-WebSocket-Accept answers the key of the CONNECT', async (t) => {
  const { client, receive } = await serve(t)
  await accept(await receive(1, { 'sec-websocket-key': KEY }))
  t.match(await client.response(1), { ':status': '200', 'sec-websocket-accept': ACCEPT })
  await accept(await receive(3))
  t.notOk('sec-websocket-accept' in await client.response(3))
})

void t.test('accept: a late reply is not sent on the stream of the socket', async (t) => {
  const { client, receive } = await serve(t)
  const received = await receive(1)
  const [socket, connection] = await accept(received)
  t.equal(received.response.socket, null)
  t.equal((connection as StreamSocket).handshake, undefined, 'the socket does not retain its handshake')
  received.response.writeHead(200).end('late')
  socket.send('message')
  t.same(await client.untilReceived(1, 'Text message'), ['HEADERS', 'Text message'])
})

void t.test('refuseUnprocessed: resets the stream with REFUSED_STREAM', async (t) => {
  const { client, receive } = await serve(t)
  const { upgrade } = await receive(1)
  upgrade.refuseUnprocessed()
  t.same(await client.untilReset(1), ['RST_STREAM REFUSED_STREAM'])
})

void t.test('abort: resets the stream without a response, and the session continues', async (t) => {
  const { client, receive } = await serve(t)
  const { upgrade } = await receive(1)
  upgrade.abort()
  t.same(await client.untilReset(1), ['RST_STREAM CANCEL'])
  await accept(await receive(3))
  t.match(await client.response(3), { ':status': '200' })
})

for (const transport of [H1, H2C]) {
  void t.test(`${transport.name}: 'headers' and 'connection' listeners receive request.raw itself`, async (t) => {
    const raws: unknown[] = []
    const { app, open } = await start(t, transport, (app) => {
      app.addHook('onRequest', async ({ raw }) => { raws.push(raw) })
      addEcho(app)
    })
    app.websocketServer.on('headers', (_lines, request) => raws.push(request))
    app.websocketServer.on('connection', (_socket, request) => raws.push(request))
    await open('/echo')
    t.equal(raws.length, 3)
    for (const raw of raws) t.equal(raw, raws[0])
  })

  void t.test(`${transport.name}: 'wsClientError' listeners receive request.raw itself, and may answer`, async (t) => {
    const raws: unknown[] = []
    const { app, refused } = await start(t, transport, (app) => {
      app.addHook('onRequest', async ({ raw }) => { raws.push(raw) })
      addEcho(app)
    })
    app.websocketServer.on('wsClientError', (error, socket, request) => {
      t.match(error.message, /Sec-WebSocket-Protocol/)
      raws.push(request)
      socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    t.equal((await refused('/echo', { headers: { 'sec-websocket-protocol': 'a,,b' } })).status, 418)
    t.equal(raws.length, 2)
    t.equal(raws[0], raws[1])
  })
}
