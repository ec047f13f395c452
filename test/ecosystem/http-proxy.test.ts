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
import type { WebSocket } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { addEcho } from '../helpers/echo.ts'
import { H1, H1_BESIDE_H2, H1_TLS } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { upgradeRequest } from '../helpers/upgrade-request.ts'
import { closed, nextText } from '../helpers/waiting.ts'

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

type Order = 'before' | 'after'

/** Starts an app with a websocket route, and a proxy that is registered before or after the plugin and its route. */
async function startApp (t: Test, transport: Transport, upstream: string, order: Order): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify(transport.server)
  t.teardown(() => app.close())
  const registerProxy = (): PromiseLike<unknown> => app.register(proxy, { upstream, prefix: '/proxied', websocket: true })
  if (order === 'before') await registerProxy()
  await app.register(websocket)
  addEcho(app)
  if (order === 'after') await registerProxy()
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

for (const transport of [H1, H1_TLS, H1_BESIDE_H2]) {
  for (const order of ['before', 'after'] as const) {
    void t.test(`${transport.name}: @fastify/http-proxy, registered ${order} the plugin, proxies its own sockets`, async (t) => {
      const upstream = await startUpstream(t)
      const app = await startApp(t, transport, upstream.url, order)
      const open = async (path: string): Promise<WebSocket> => {
        const origin = `${transport.secure ? 'wss' : 'ws'}://127.0.0.1:${(app.server.address() as AddressInfo).port}`
        const socket = connect(origin + path, { http: '1.1', rejectUnauthorized: false })
        await once(socket, 'open')
        return socket
      }

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
    })
  }
}

for (const order of ['before', 'after'] as const) {
  void t.test(`the upstream socket closes when its client disconnects, with the proxy registered ${order} the plugin`, async (t) => {
    const upstream = await startUpstream(t)
    const app = await startApp(t, H1, upstream.url, order)
    const socket = connect(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/proxied`, { http: '1.1' })
    await once(socket, 'open')
    socket.send('x')
    await nextText(socket)
    const [peer] = upstream.sockets
    const ended = once(peer!, 'close')
    socket.terminate()
    await ended
  })

  void t.test(`an upgrade to an unknown path is refused with 404, with the proxy registered ${order} the plugin`, async (t) => {
    const upstream = await startUpstream(t)
    const app = await startApp(t, H1, upstream.url, order)
    const socket = connect(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/nowhere`, { http: '1.1' })
    socket.on('error', () => {})
    const [request, response] = await once(socket, 'unexpected-response')
    t.equal(response.statusCode, 404)
    request.destroy()
  })
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
