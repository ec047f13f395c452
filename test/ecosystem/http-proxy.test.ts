import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import proxy from '@fastify/http-proxy'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket as WsWebSocket } from 'ws'
import websocket from '../../index.ts'
import type { WebSocket, WebsocketPluginOptions } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { carrierOf } from '../helpers/beside.ts'
import { addEcho } from '../helpers/echo.ts'
import { captureLogs } from '../helpers/logs.ts'
import type { LogLine } from '../helpers/logs.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, start } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { upgradeRequest } from '../helpers/upgrade-request.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

interface Upstream {
  url: string
  sockets: Set<WsWebSocket>
  /** Codes that its sockets were closed with. */
  codes: number[]
}

/** Starts a server of ws that echoes, and closes a socket with 4002 on the message "close". */
async function startUpstream (t: Test): Promise<Upstream> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.teardown(() => server.close())
  const codes: number[] = []
  server.on('connection', (socket) => {
    socket.on('close', (code) => codes.push(code))
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'close') socket.close(4002, 'on request')
      else socket.send(data, { binary: isBinary })
    })
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets: server.clients, codes }
}

const TRANSPORTS = [H1, H1_TLS, H1_BESIDE_H2, H2C, H2_TLS]

type Order = 'before' | 'after'

interface ProxyApp {
  app: FastifyInstance
  logs: LogLine[]
  /** Transports of the upgrades that the server has received, by name. */
  carriers: string[]
  connect (path: string): WebSocket
  open (path: string): Promise<WebSocket>
}

/** Starts an app with a websocket route, and a proxy that is registered before or after the plugin and its route. */
async function startApp (
  t: Test, transport: Transport, upstream: string, order: Order, plugin: WebsocketPluginOptions = {}, prefix = '/proxied'
): Promise<ProxyApp> {
  const { logger, logs } = captureLogs('warn')
  const app: FastifyInstance = fastify({ ...transport.server, logger })
  t.teardown(() => app.close())
  const carriers: string[] = []
  const registerProxy = (): PromiseLike<unknown> => app.register(proxy, {
    upstream, prefix, websocket: true, wsClientOptions: { rejectUnauthorized: false }
  })
  if (order === 'before') await registerProxy()
  await app.register(websocket, plugin)
  addEcho(app)
  if (order === 'after') await registerProxy()
  app.server.on('upgrade', (_request, socket) => carriers.push(carrierOf(socket)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `${transport.secure ? 'wss' : 'ws'}://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const http = transport.httpVersion === '2.0' ? '2' : '1.1'
  const connectTo = (path: string): WebSocket => connect(origin + path, { http, rejectUnauthorized: false })
  return {
    app,
    logs,
    carriers,
    connect: connectTo,
    open: async (path) => {
      const socket = connectTo(path)
      await once(socket, 'open')
      return socket
    }
  }
}

/** Name of a transport in `carrierOf()`. */
function nameOf (transport: Transport): string {
  return transport === H1_BESIDE_H2 ? H1_TLS.name : transport.name
}

for (const transport of TRANSPORTS) {
  for (const order of ['before', 'after'] as const) {
    const scenario = (title: string, run: (t: Test) => Promise<unknown>): void => {
      void t.test(`${transport.name}: ${title}, with the proxy registered ${order} the plugin`, run)
    }

    scenario('@fastify/http-proxy proxies its own sockets', async (t) => {
      const upstream = await startUpstream(t)
      const { app, open, carriers } = await startApp(t, transport, upstream.url, order)

      const [one, two, own] = await Promise.all([open('/proxied/one'), open('/proxied/two'), open('/echo')])
      for (const socket of [one, two, own]) {
        const echoed = nextText(socket)
        socket.send('proxied')
        t.equal(await echoed, 'proxied')
      }
      t.equal(upstream.sockets.size, 2)
      t.equal(app.websocketServer.clients.size, 1)

      one.send('close')
      t.same(await closed(one), { code: 4002, reason: 'on request' })
      const [peer] = [...upstream.sockets].filter((socket) => socket.readyState === socket.OPEN)
      const peerClosed = once(peer!, 'close')
      two.close(4003)
      t.equal((await closed(two)).code, 4003)
      await peerClosed
      t.same(upstream.codes, [4002, 4003])
      t.equal(upstream.sockets.size, 0)

      const ended = closed(own)
      await app.close()
      t.equal((await ended).code, 1001)
      // Over HTTP/2 the plugin serves its own routes without an event.
      t.same(new Set(carriers), new Set([nameOf(transport)]))
      t.equal(carriers.length, transport.httpVersion === '2.0' ? 2 : 3)
    })

    scenario('the upstream socket of @fastify/http-proxy closes when its client disconnects', async (t) => {
      const upstream = await startUpstream(t)
      const { open } = await startApp(t, transport, upstream.url, order)
      const socket = await open('/proxied')
      socket.send('x')
      await nextText(socket)
      const [peer] = upstream.sockets
      const ended = once(peer!, 'close')
      socket.terminate()
      await ended
    })

    scenario('an upgrade that @fastify/http-proxy ignores is refused with 503 after handshakeTimeout', async (t) => {
      const upstream = await startUpstream(t)
      const { app, logs, connect } = await startApp(t, transport, upstream.url, order, { handshakeTimeout: 200 })
      const socket = connect('/nowhere')
      const [{ statusCode }] = await once(socket, 'error')
      t.equal(statusCode, 503)
      t.same(logs, [], 'no warning')
      await app.close()
    })

    scenario('@fastify/http-proxy refuses an invalid path with 400', async (t) => {
      const upstream = await startUpstream(t)
      const { app, connect } = await startApp(t, transport, upstream.url, order)
      const socket = connect('/proxied/a%5c..%5c..')
      const [{ statusCode }] = await once(socket, 'error')
      t.equal(statusCode, 400)
      await app.close()
    })

    scenario('app.close() ends within shutdownTimeout though proxied clients do not close', async (t) => {
      const upstream = await startUpstream(t)
      const { app, open } = await startApp(t, transport, upstream.url, order, { shutdownTimeout: 300 })
      const socket = await open('/proxied')
      socket.send('x')
      await nextText(socket)
      // It does not read the Close frame of the proxy.
      socket.pause()
      await app.close()
      socket.resume()
      await closed(socket)
      await waitUntil(() => upstream.sockets.size === 0)
    })
  }
}

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: @fastify/http-proxy at "/" takes the websocket routes of the app over HTTP/1.1 only`, async (t) => {
    const upstream = await startUpstream(t)
    const { app, logs, connect, open } = await startApp(t, transport, upstream.url, 'before', {}, '/')
    const socket = await open('/other')
    socket.send('proxied')
    t.equal(await nextText(socket), 'proxied')
    t.equal(upstream.sockets.size, 1)
    const own = connect('/echo')
    if (transport.httpVersion === '2.0') {
      await once(own, 'open')
      t.equal(app.websocketServer.clients.size, 1)
      t.same(logs, [])
    } else {
      const [{ statusCode }] = await once(own, 'error')
      t.equal(statusCode, 426)
      t.match(logs, [{ msg: /another listener for 'upgrade' has answered the handshake of a websocket route/ }])
      t.equal(logs.length, 1)
    }
    socket.terminate()
    await app.close()
  })
}

for (const front of TRANSPORTS) {
  for (const back of [H1, H1_TLS, H1_BESIDE_H2]) {
    void t.test(`@fastify/http-proxy over ${front.name} proxies to the plugin over ${back.name}`, async (t) => {
      const carriers: string[] = []
      const upstream = await start(t, back, (app) => {
        app.get('/chat/:room', { websocket: true }, (socket, request) => {
          carriers.push(carrierOf(request.raw.socket))
          socket.send(`${(request.params as { room: string }).room} ${request.headers.cookie}`)
          socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
        })
      })
      const { app, carriers: inFront, connect } = await startApp(t, front, upstream.origin, 'before')
      const socket = connect('/proxied/chat/one')
      t.equal(await nextText(socket), 'one undefined')
      const message = Buffer.alloc(0x200000, 'x')
      const echoed = once(socket, 'message')
      socket.send(message)
      const [data, isBinary] = await echoed
      t.ok(isBinary && message.equals(data))
      const end = closed(socket)
      const [peer] = upstream.app.websocketServer.clients
      peer!.close(4005, 'done')
      t.same(await end, { code: 4005, reason: 'done' })
      t.same([inFront, carriers], [[nameOf(front)], [nameOf(back)]])
      await app.close()
    })
  }
}

void t.test('with the proxy, an upgrade that follows an unanswered request ends its own connection only', async (t) => {
  const upstream = await startUpstream(t)
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(proxy, { upstream: upstream.url, prefix: '/proxied', websocket: true })
  await app.register(websocket)
  addEcho(app)
  app.get('/slow', async (request) => { await once(request.raw.socket, 'close') })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const connection = connectTcp((app.server.address() as AddressInfo).port, '127.0.0.1')
  connection.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n' + upgradeRequest('/echo'))
  t.equal(await readAll(connection), '')
})
