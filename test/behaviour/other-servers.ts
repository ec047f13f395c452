import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { UpgradeHandler } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { ERROR, INFO, errorsIn } from '../helpers/logs.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { allClosed, closed, nextText, roundTrip } from '../helpers/waiting.ts'
import { checkEcho } from './checks.ts'

/** Request as the other server has received it. */
interface Received {
  request: IncomingMessage
  socket: Duplex & { session?: object }
  head: Buffer
}

/** Another server of ws. It sends each client the HTTP version that its sockets come over. */
class OtherServer {
  readonly received: Received[] = []
  readonly server = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 })

  constructor () {
    this.server.on('connection', (socket, { socket: connection }) => {
      socket.send(versionOf(connection))
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }

  readonly handle: UpgradeHandler = (request, socket, head) => {
    this.received.push({ request, socket, head })
    this.server.handleUpgrade(request, socket, head, (websocket) => this.server.emit('connection', websocket, request))
  }

  /** Serves the paths that begin with /other, like socket.io, and ignores all others. */
  readonly listen = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (request.url!.startsWith('/other')) void this.handle(request, socket, head)
  }
}

function versionOf (connection: Duplex): '1.1' | '2.0' {
  return 'session' in connection ? '2.0' : '1.1'
}

/** Records the hooks that run for each request. */
function recordHooks (app: FastifyInstance): string[] {
  const urls: string[] = []
  app.addHook('onRequest', async ({ url }) => { urls.push(url) })
  app.addHook('onResponse', async ({ url }) => { urls.push(url) })
  app.addHook('onError', async ({ url }) => { urls.push(url) })
  return urls
}

/** Waits until a handshake has failed. Returns the status of its refusal, or the code of its error. */
async function failureOf (socket: ReturnType<Fixture['connect']>): Promise<number | string> {
  const [error] = await once(socket, 'error')
  return error.statusCode ?? error.code
}

/** Other WebSocket servers on the port, and the option `upgradeFallback`. */
export function testOtherServers (transport: Transport): void {
  const scenario = scenarios(transport)
  let other = new OtherServer()
  let hooks: string[] = []

  function addRoutes (app: FastifyInstance): void {
    other = new OtherServer()
    app.server.on('upgrade', other.listen)
    hooks = recordHooks(app)
    addEcho(app)
    app.get('/other/plain', async () => 'plain')
  }

  async function checkOther (t: Test, fixture: Fixture, path: string): Promise<void> {
    const socket = fixture.connect(path)
    t.equal(await nextText(socket), transport.httpVersion)
    const echoed = nextText(socket)
    socket.send('hello')
    t.equal(await echoed, 'hello')
    await checkEcho(t, fixture)
    const ended = closed(socket)
    socket.close(4001, 'done')
    t.match(await ended, { code: 4001 })
  }

  scenario('another listener for \'upgrade\' serves what matches no websocket route, without hooks or logs',
    addRoutes, async (t, fixture) => {
      fixture.logs.length = 0
      const socket = fixture.connect('/other/one?q', { origin: 'https://example.org' })
      t.equal(await nextText(socket), transport.httpVersion)
      t.same([hooks, fixture.logs, fixture.app.websocketServer.clients.size], [[], [], 0])
      const ended = closed(socket)
      socket.close()
      await ended
      await checkOther(t, fixture, '/other/plain')
    }, { maxSockets: 1 })

  scenario('the other listener receives the request of an HTTP/1.1 upgrade', addRoutes, async (t, { open, origin }) => {
    const socket = await open('/other?q=1', { headers: { 'x-name': 'value', cookie: 'a=1; b=2' }, protocols: ['chat'] })
    const { host } = new URL(origin)
    const [{ request, socket: connection, head }] = other.received as [Received]
    t.ok(request instanceof IncomingMessage)
    t.match(request, { method: 'GET', url: '/other?q=1', httpVersion: '1.1', httpVersionMajor: 1, complete: true })
    t.match(request.headers, {
      host,
      connection: /upgrade/i,
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': /^[+/0-9A-Za-z]{22}==$/,
      'sec-websocket-protocol': 'chat',
      'x-name': 'value',
      cookie: 'a=1; b=2'
    })
    t.notOk(request.rawHeaders.some((name) => name.startsWith(':')))
    t.equal(request.socket, connection)
    t.equal(request.socket.remoteAddress, '127.0.0.1')
    t.equal((request.socket as { encrypted?: boolean }).encrypted === true, transport.secure)
    t.equal(head.length, 0)
    t.equal(socket.protocol, 'chat')
    socket.terminate()
  })

  scenario('the other server refuses a handshake with its status and headers', (app) => {
    addRoutes(app)
    app.server.on('upgrade', ({ url }: IncomingMessage, socket: Duplex) => {
      if (url === '/refused') socket.end('HTTP/1.1 401 Unauthorized\r\nX-Reason: token\r\nContent-Length: 4\r\n\r\nbody')
    })
  }, async (t, { refused }) => {
    t.match(await refused('/refused'), { status: 401, headers: { 'x-reason': 'token' } })
    t.same(hooks, [])
  })

  scenario('large messages of the other server arrive, and those of other sockets between them', addRoutes, async (t, fixture) => {
    const [large, own] = [fixture.connect('/other'), await fixture.open('/echo')]
    await nextText(large)
    const message = Buffer.alloc(8 * 1024 * 1024, 'x')
    const echoed = once(large, 'message')
    large.send(message)
    await roundTrip(own)
    const [data] = await echoed
    t.ok(data.equals(message))
    own.terminate()
    large.terminate()
  })

  scenario('the other server notices a client that aborts', addRoutes, async (t, fixture) => {
    const socket = await fixture.open('/other')
    const [websocket] = other.server.clients
    const ended = closed(websocket as never)
    socket.terminate()
    t.match(await ended, { code: 1006 })
    t.equal(other.received[0]!.socket.destroyed, true)
  })

  scenario('app.close() terminates the sockets of another server after shutdownTimeout', addRoutes, async (t, fixture) => {
    const { app, open } = fixture
    const [socket, own] = [await open('/other'), await open('/echo')]
    const ends = allClosed([socket, own])
    await app.close()
    await ends
    t.equal(other.received[0]!.socket.destroyed, true)
  }, { shutdownTimeout: 200 })

  scenario('injectWS() opens a socket of the other server', addRoutes, async (t, { app }) => {
    const socket = await app.injectWS('/other')
    t.equal(await nextText(socket), 'http2' in transport.server ? '2.0' : '1.1')
    t.same(hooks, [])
    socket.terminate()
  })

  scenario('an upgrade that no other server answers is refused with 503 after handshakeTimeout', addRoutes,
    async (t, { app, refused, open, logs }) => {
      const socket = await open('/other')
      t.match(await refused('/nowhere'), { status: 503 })
      const lines = logs.filter(({ msg }) => msg.includes('handshakeTimeout'))
      t.match(lines, [{ level: INFO, msg: 'no server on the port answered an upgrade within handshakeTimeout: 503 sent' }])
      t.equal(lines.length, 1)
      await t.rejects(app.injectWS('/nowhere'), { name: 'Error', statusCode: 503 })
      await roundTrip(socket)
      t.same(hooks, [])
      socket.terminate()
    }, { handshakeTimeout: 100 })

  scenario('injectWS() is refused with 503 if no other server answers', addRoutes, async (t, { app }) => {
    await t.rejects(app.injectWS('/nowhere'), { message: 'Unexpected server response: 503' })
  }, { handshakeTimeout: 100 })

  // upgradeFallback

  /** Options of the current test. Each one adds its own server. */
  const toOther: UpgradeHandler = (request, socket, head) => other.handle(request, socket, head)

  scenario('upgradeFallback receives what matches no websocket route, without hooks or logs', (app) => {
    other = new OtherServer()
    hooks = recordHooks(app)
    addEcho(app)
  }, async (t, fixture) => {
    fixture.logs.length = 0
    const socket = fixture.connect('/any')
    t.equal(await nextText(socket), transport.httpVersion)
    t.same([hooks, fixture.logs], [[], []])
    socket.terminate()
    await checkOther(t, fixture, '/other')
  }, { upgradeFallback: toOther })

  scenario('upgradeFallback receives what no other listener takes', (app) => {
    addRoutes(app)
    app.server.on('upgrade', (request, socket: Duplex) => {
      if (request.url === '/refused') socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
    })
  }, async (t, fixture) => {
    t.match(await fixture.refused('/refused'), { status: 401 })
    for (const path of ['/other', '/any']) {
      const socket = fixture.connect(path)
      t.equal(await nextText(socket), transport.httpVersion)
      socket.terminate()
    }
    t.same(other.received.map(({ request }) => request.url), ['/other', '/any'])
  }, { upgradeFallback: toOther })

  scenario('another listener serves an app without a websocket route', (app) => {
    other = new OtherServer()
    app.server.on('upgrade', other.listen)
    hooks = recordHooks(app)
  }, async (t, { app, connect }) => {
    const socket = connect('/other')
    t.equal(await nextText(socket), transport.httpVersion)
    t.same(hooks, [])
    const ended = closed(socket)
    // A server of HTTP/1.1 alone is not touched, and Fastify waits for its sockets indefinitely.
    if (!('http2' in transport.server)) socket.terminate()
    await app.close()
    await ended
  }, { shutdownTimeout: 200 })

  scenario('upgradeFallback serves an app without a websocket route', () => { other = new OtherServer() },
    async (t, { connect }) => {
      const socket = connect('/any')
      t.equal(await nextText(socket), transport.httpVersion)
      socket.terminate()
    }, { upgradeFallback: toOther })

  scenario('with upgradeFallback: false the plugin answers with 404', (app) => {
    hooks = recordHooks(app)
    // A listener that ignores the upgrade: any other one would answer it too, over HTTP/1.1.
    app.server.on('upgrade', () => {})
    addEcho(app)
  }, async (t, { refused }) => {
    t.match(await refused('/other'), { status: 404 })
    t.ok(hooks.includes('/other'))
  }, { upgradeFallback: false })

  scenario('without another listener an upgrade that matches no websocket route is answered with 404', (app) => {
    hooks = recordHooks(app)
    addEcho(app)
  }, async (t, { connect }) => {
    const [error] = await once(connect('/other'), 'error')
    t.match(error, { statusCode: 404 })
    t.ok(hooks.includes('/other'))
  })

  for (const [name, fail] of Object.entries({
    'throws an error': () => { throw new Error('broken') },
    rejects: async () => { throw new Error('broken') }
  })) {
    scenario(`an upgradeFallback that ${name} is logged, and the client receives 500`, addEcho, async (t, fixture) => {
      t.equal(await failureOf(fixture.connect('/any')), 500)
      t.match(errorsIn(fixture.logs), [{ level: ERROR, err: { message: 'broken' }, msg: 'the upgrade of "/any" failed' }])
      await checkEcho(t, fixture)
    }, { upgradeFallback: fail })
  }

  scenario('an upgradeFallback that fails after its answer loses its socket', addEcho, async (t, fixture) => {
    const socket = fixture.connect('/any')
    t.match(await closed(socket), { code: 1006 })
    t.equal(errorsIn(fixture.logs).length, 1)
  }, {
    upgradeFallback: async (request, socket, head) => {
      const { server } = new OtherServer()
      await new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve))
      throw new Error('late')
    }
  })
}
