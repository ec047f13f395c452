import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import middie from '@fastify/middie'
import t from 'tap'
import type { Test } from 'tap'
import type { ViteDevServer } from 'vite'
import type { WebsocketPluginOptions } from '../../index.ts'
import { checkEcho } from '../behaviour/checks.ts'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { upgradeRequest } from '../helpers/upgrade-request.ts'
import { ViteProject, acceptedModule, reloadedModule } from '../helpers/vite.js'
import { allClosed, closed, nextText, roundTrip } from '../helpers/waiting.ts'

const ALL = [H1, H1_TLS, H1_BESIDE_H2, H2C, H2_TLS]
const HMR = { protocols: ['vite-hmr'] }
const PING = { protocols: ['vite-ping'] }

interface ViteFixture extends Fixture {
  project: ViteProject
  vite: ViteDevServer
  /** The connections of all upgrades: over HTTP/2 they are streams. */
  connections: Array<Duplex & { session?: object }>
}

/** Starts an app with a page, a websocket route, and the middleware and the HMR sockets of Vite. */
async function startApp (t: Test, transport: Transport, options?: WebsocketPluginOptions): Promise<ViteFixture> {
  const project = await ViteProject.create()
  t.teardown(() => project.remove())
  const connections: ViteFixture['connections'] = []
  let vite: ViteDevServer
  const fixture = await start(t, transport, async (app) => {
    app.server.on('upgrade', (_request: IncomingMessage, connection: Duplex) => connections.push(connection))
    vite = await project.start(app.server, 'custom')
    await app.register(middie)
    app.use(vite.middlewares)
    app.get('/', async (request, reply) => {
      const html = await readFile(`${project.root}/index.html`, 'utf8')
      return reply.type('text/html').send(await vite.transformIndexHtml(request.url, html))
    })
    addEcho(app)
    app.addHook('preClose', () => vite.close())
  }, options)
  return Object.assign(fixture, { project, vite: vite!, connections })
}

for (const transport of ALL) {
  const { name, httpVersion } = transport
  const overHttp2 = httpVersion === '2.0'

  void t.test(`${name}: Vite HMR sends updates over the port of the plugin, beside a websocket route`, async (t) => {
    const fixture = await startApp(t, transport)
    const { app, project, vite, connections, connect, session } = fixture
    await vite.environments.client.transformRequest('/main.js')

    const socket = connect('/', HMR)
    t.same(JSON.parse(await nextText(socket)), { type: 'connected' })
    t.equal(socket.protocol, 'vite-hmr')
    t.equal(connections[0]!.session !== undefined, overHttp2)
    await checkEcho(t, fixture)

    const accepted = nextText(socket)
    await project.write('accepted.js', acceptedModule('second'), accepted)
    t.match(JSON.parse(await accepted), { type: 'update', updates: [{ acceptedPath: '/accepted.js', path: '/main.js' }] })

    const reloaded = nextText(socket)
    await project.write('reloaded.js', reloadedModule('second'), reloaded)
    t.match(JSON.parse(await reloaded), { type: 'full-reload' })

    const received: unknown[] = []
    vite.ws.on('test:event', (data) => received.push(data))
    const answered = nextText(socket)
    vite.ws.on('test:event', (_data, client) => client.send('test:answer', { x: 1 }))
    socket.send(JSON.stringify({ type: 'custom', event: 'test:event', data: 'from the client' }))
    t.same(JSON.parse(await answered), { type: 'custom', event: 'test:answer', data: { x: 1 } })
    t.same(received, ['from the client'])

    const ended = closed(socket)
    session?.close()
    await app.close()
    t.match(await ended, { code: 1006 })
    t.same(errorsIn(fixture.logs), [])
    t.notOk(fixture.logs.some(({ msg }) => msg.includes('shutdownTimeout')), 'nothing waits for the HMR socket')
  })

  void t.test(`${name}: Vite refuses a handshake with an Origin and without its token`, async (t) => {
    const { vite, open, refused } = await startApp(t, transport)
    const options = { ...HMR, origin: 'https://example.org' }
    t.match(await refused('/?token=wrong', options), { status: 400 })
    const socket = await open(`/?token=${vite.config.webSocketToken}`, options)
    socket.terminate()
  })

  void t.test(`${name}: after a restart of Vite its client is answered again, with vite-ping and vite-hmr`, async (t) => {
    const { vite, open, connect } = await startApp(t, transport)
    const socket = await open('/', HMR)
    const ended = closed(socket)
    await vite.restart()
    t.match(await ended, { code: 1006 })

    const ping = await open('/', PING)
    t.match(await closed(ping), { code: 1000 })
    const next = connect('/', HMR)
    t.same(JSON.parse(await nextText(next)), { type: 'connected' })
    next.terminate()
  })
}

for (const transport of ALL) {
  void t.test(`${transport.name}: beside a websocket route "/" the HMR sockets of Vite need a path of their own`, async (t) => {
    const project = await ViteProject.create()
    t.teardown(() => project.remove())
    const { connect } = await start(t, transport, async (app) => {
      const vite = await project.start(app.server, 'custom', 'hmr')
      app.get('/', { websocket: true }, (socket) => socket.send('the route'))
      app.addHook('preClose', () => vite.close())
    })
    const [route, hmr] = [connect('/'), connect('/hmr', HMR)]
    t.same(await Promise.all([nextText(route), nextText(hmr)]), ['the route', '{"type":"connected"}'])
  })
}

for (const transport of ALL) {
  const server = transport.httpVersion === '2.0' ? 'the route' : 'Vite'
  void t.test(`${transport.name}: ${server} alone answers if both serve the URL of a handshake`, async (t) => {
    const project = await ViteProject.create()
    t.teardown(() => project.remove())
    const { connect, logs } = await start(t, transport, async (app) => {
      app.get('/', { websocket: true }, (socket) => socket.send('the route'))
      const vite = await project.start(app.server, 'custom')
      app.addHook('preClose', () => vite.close())
    })
    const socket = connect('/', HMR)
    t.equal(await nextText(socket), server === 'Vite' ? '{"type":"connected"}' : 'the route')
    await roundTrip(socket)
    const warned = logs.filter(({ msg }) => msg.startsWith('another listener for \'upgrade\' has answered'))
    t.equal(warned.length, server === 'Vite' ? 1 : 0)
  })
}

for (const transport of ALL) {
  const title = `${transport.name}: a handshake that Vite ignores is answered with 503 after handshakeTimeout`
  void t.test(title, async (t) => {
    const fixture = await startApp(t, transport, { handshakeTimeout: 50 })
    for (const [path, options] of [['/unknown', HMR], ['/', { protocols: ['other'] }]] as const) {
      t.match(await fixture.refused(path, options), { status: 503 })
    }
    t.equal(fixture.connections.length, 2)
    await allClosed(fixture.connections.filter(({ closed }) => !closed))
    t.same(errorsIn(fixture.logs), [])
  })
}

for (const transport of [H1, H1_TLS, H1_BESIDE_H2]) {
  const title = `${transport.name}: the client of a handshake that Vite ignores may reset its connection`
  void t.test(title, async (t) => {
    const fixture = await startApp(t, transport)
    const { app, origin, connections } = fixture
    const tcp = connectTcp(Number(new URL(origin).port), '127.0.0.1')
    const client = transport.secure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp
    client.on('error', () => {})
    const upgraded = once(app.server, 'upgrade')
    client.write(upgradeRequest('/unknown', ['Sec-WebSocket-Protocol: vite-hmr']))
    await upgraded
    await checkEcho(t, fixture)
    const [connection] = connections as [Socket]
    t.equal(connection.bytesWritten, 0, 'nothing has answered')
    const ended = allClosed([connection])
    tcp.resetAndDestroy()
    await ended
    await checkEcho(t, fixture)
    t.same(errorsIn(fixture.logs), [])
  })
}
