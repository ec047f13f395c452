import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import type { FastifyError } from 'fastify'
import fp from 'fastify-plugin'
import { addEcho } from '../helpers/echo.ts'
import { INFO, errorsIn, linesWithError } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'
import { checkEcho } from './checks.ts'

/** Websocket routes and their options. */
export function testRoutes (transport: Transport): void {
  const scenario = scenarios(transport)
  const [refusedStatus, refusedFields] = transport.httpVersion === '1.1'
    ? [426, { connection: 'Upgrade', upgrade: 'websocket' }]
    : [405, { allow: 'CONNECT' }]

  // Routes

  scenario('a route with wsHandler serves plain requests and sockets', (app) => {
    app.route({
      method: 'GET',
      url: '/both',
      handler: async () => ({ http: true }),
      wsHandler: (socket) => socket.send('socket')
    })
  }, async (t, { app, connect }) => {
    t.equal(await nextText(connect('/both')), 'socket')
    t.same((await app.inject('/both')).json(), { http: true })
  })

  scenario('a plain GET of a websocket route is answered with FST_WS_UPGRADE_REQUIRED, and not cached', addEcho, async (t, fixture) => {
    const { status, headers, body } = await request(fixture, 'GET', '/echo?a=1')
    t.equal(status, refusedStatus)
    t.match(headers, { 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8', ...refusedFields })
    t.match(JSON.parse(body), {
      statusCode: refusedStatus, code: 'FST_WS_UPGRADE_REQUIRED', message: /^"\/echo\?a=1" serves WebSocket only/
    })
    t.same(Object.keys(headers).filter((name) => ['allow', 'connection', 'upgrade'].includes(name)).sort(), Object.keys(refusedFields))
    t.match(linesWithError(fixture.logs), [{ level: INFO, err: { code: 'FST_WS_UPGRADE_REQUIRED' } }])
    await checkEcho(t, fixture)
  })

  scenario('HEAD of a websocket route is answered like GET, without a body', async (app) => {
    addEcho(app)
    app.route({ method: ['GET', 'HEAD'], url: '/both', websocket: true, handler () {} })
    await app.register(async (scope) => { scope.get('/', { websocket: true }, () => {}) }, { prefix: '/prefix' })
  }, async (t, fixture) => {
    for (const path of ['/echo', '/both', '/prefix', '/prefix/']) {
      const get = await request(fixture, 'GET', path)
      const head = await request(fixture, 'HEAD', path)
      t.match(head, { status: refusedStatus, headers: refusedFields, body: '' })
      t.equal(head.headers['content-length'], get.headers['content-length'])
    }
  })

  scenario('HEAD of a websocket route with exposeHeadRoute: false is answered with 404', (app) => {
    app.get('/', { websocket: true, exposeHeadRoute: false }, () => {})
  }, async (t, fixture) => {
    t.equal((await request(fixture, 'GET', '/')).status, refusedStatus)
    t.equal((await request(fixture, 'HEAD', '/')).status, 404)
  })

  scenario('setErrorHandler and onSend may change the answer to a plain GET of a websocket route', (app) => {
    app.setErrorHandler(async (error: FastifyError, _request, reply) => {
      return reply.code(error.code === 'FST_WS_UPGRADE_REQUIRED' ? 418 : 500).send(`for ${error.statusCode}`)
    })
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('x-sent', 'yes')
      return `${String(payload)}!`
    })
    app.get('/', { websocket: true }, () => {})
  }, async (t, fixture) => {
    const { status, headers, body } = await request(fixture, 'GET', '/')
    t.match({ status, headers, body }, { status: 418, headers: { 'x-sent': 'yes', ...refusedFields }, body: `for ${refusedStatus}!` })
  })

  scenario('reply.hijack() in a hook takes a plain GET of a websocket route', (app) => {
    app.get('/', {
      websocket: true,
      async preHandler (_request, reply) {
        reply.hijack()
        reply.raw.writeHead(202)
        reply.raw.end('hijacked')
      }
    }, () => {})
  }, async (t, fixture) => {
    t.match(await request(fixture, 'GET', '/'), { status: 202, body: 'hijacked' })
  })

  scenario('a route with wsHandler answers a plain GET with 404 if its handler calls reply.callNotFound()', (app) => {
    app.route({
      method: 'GET', url: '/', handler: (_request, reply) => { reply.callNotFound() }, wsHandler: (socket) => socket.send('socket')
    })
  }, async (t, fixture) => {
    t.equal((await request(fixture, 'GET', '/')).status, 404)
    t.equal(await nextText(fixture.connect('/')), 'socket')
  })

  scenario('routes with a prefix or a wildcard serve sockets', async (app) => {
    await app.register(async (scope) => {
      scope.get('/inner', { websocket: true }, (socket) => socket.send('inner'))
      scope.get('/*', { websocket: true }, (socket, request) => {
        socket.send(`rest ${(request.params as { '*': string })['*']}`)
      })
    }, { prefix: '/outer' })
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/outer/inner')), 'inner')
    t.equal(await nextText(connect('/outer/a/b')), 'rest a/b')
  })

  scenario('a route of a nested plugin serves sockets', async (app) => {
    await app.register(fp(async (scope) => {
      scope.get('/nested', { websocket: true }, (socket) => socket.send('nested'))
    }))
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/nested')), 'nested')
  })

  // Options of a route

  scenario('maxPayload of a route applies to that route only', (app) => {
    for (const [url, websocket] of [['/small', { maxPayload: 10 }], ['/large', { maxPayload: 1000 }], ['/default', true]] as const) {
      app.get(url, { websocket }, (socket) => { socket.on('message', (data: Buffer) => socket.send(String(data.length))) })
    }
  }, async (t, { open }) => {
    for (const [path, limit] of [['/small', 10], ['/large', 1000], ['/default', 100]] as const) {
      const socket = await open(path)
      socket.send(Buffer.alloc(limit))
      t.equal(await nextText(socket), String(limit))
      socket.send(Buffer.alloc(limit + 1))
      t.equal((await closed(socket)).code, 1009)
    }
  }, { options: { maxPayload: 100 } })

  scenario('the option protocols of a route selects the first subprotocol of the client that it contains', (app) => {
    app.get('/', { websocket: { protocols: ['v2', 'v1'] } }, (socket) => socket.send(socket.protocol))
    app.get('/default', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { connect, open }) => {
    t.equal((await open('/', { protocols: ['v0', 'v1', 'v2'] })).protocol, 'v1')
    t.equal((await open('/', { protocols: 'v2' })).protocol, 'v2')
    t.equal((await open('/')).protocol, '')
    t.equal((await open('/default', { protocols: ['v1', 'last'] })).protocol, 'last')
    const [error] = await once(connect('/', { protocols: ['v3'] }), 'error')
    t.equal(error.message, 'Server sent no subprotocol')
  }, { options: { handleProtocols: (offered) => [...offered].at(-1) ?? false } })

  scenario('sendLimit and slowConsumer of a route apply to that route only', (app) => {
    const send = (socket: { send (data: Buffer, done?: (error?: Error) => void): void }): void => {
      // More than the 4 MiB that Linux takes at once over TCP, and less than the default of sendLimit.
      socket.send(Buffer.alloc(12 * MIB))
      socket.send(Buffer.from('late'), (error) => app.server.emit('late', Reflect.get(error ?? {}, 'code')))
    }
    app.get('/drop', { websocket: { sendLimit: KIB, slowConsumer: 'drop' } }, send)
    app.get('/default', { websocket: true }, send)
  }, async (t, { app, open }) => {
    let late = once(app.server, 'late')
    const dropping = await open('/drop')
    t.same(await late, ['FST_WS_SLOW_CONSUMER'])
    t.equal(dropping.readyState, dropping.OPEN)

    late = once(app.server, 'late')
    const other = await open('/default')
    other.on('message', () => {})
    t.same(await late, [undefined])
  })

  scenario('errorHandler of a route replaces that of the plugin on that route only', (app) => {
    const fail = async (): Promise<never> => { throw new Error('failed') }
    app.get('/own', {
      websocket: { errorHandler (error, socket, request) { socket.close(4001, `${this === app} ${error.message} ${request.url}`) } }
    }, fail)
    app.get('/default', { websocket: {} }, fail)
  }, async (t, { open, logs }) => {
    t.same(await closed(await open('/own')), { code: 4001, reason: 'true failed /own' })
    t.equal((await closed(await open('/default'))).code, 4000)
    t.same(errorsIn(logs), [])
  }, { errorHandler (_error, socket) { socket.close(4000) } })

  scenario('a route with wsHandler and options serves plain requests and sockets', (app) => {
    app.route({
      method: 'GET',
      url: '/',
      websocket: { autoPong: false },
      handler: async () => 'page',
      wsHandler: (socket) => { socket.on('ping', (data) => socket.send(`ping ${data}`)) }
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.on('pong', () => t.fail('autoPong is off'))
    socket.ping('x')
    t.equal(await nextText(socket), 'ping x')
    t.equal((await app.inject('/')).body, 'page')
  })

  scenario('sockets of a route with options are in websocketServer.clients, and app.close() closes them', (app) => {
    app.get('/', { websocket: { maxPayload: 10 } }, () => {})
  }, async (t, { app, open }) => {
    const connection = once(app.websocketServer, 'connection')
    app.websocketServer.once('headers', (lines) => lines.push('x-by: listener'))
    const socket = await open('/')
    const [accepted] = await connection
    t.ok(app.websocketServer.clients.has(accepted))

    const closing = closed(socket)
    await app.close()
    t.equal((await closing).code, 4010)
    t.equal(app.websocketServer.clients.size, 0)
  }, {
    preClose (done) {
      for (const client of this.websocketServer.clients) client.close(4010)
      this.websocketServer.close(done)
    }
  })

  scenario('perMessageDeflate of a route applies to that route only', (app) => {
    app.get('/', { websocket: { perMessageDeflate: true } }, () => {})
    app.get('/default', { websocket: true }, () => {})
  }, async (t, { open }) => {
    t.equal((await open('/', { perMessageDeflate: true })).extensions, 'permessage-deflate')
    t.equal((await open('/default', { perMessageDeflate: true })).extensions, '')
  })
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Sends a plain request over the transport of the fixture. */
async function request ({ origin, session }: Fixture, method: 'GET' | 'HEAD', path: string): Promise<Answer> {
  if (session !== undefined) {
    const stream = session.request({ ':method': method, ':path': path })
    const [headers] = await once(stream, 'response')
    return { status: headers[':status'], headers, body: await text(stream) }
  }
  const send = origin.startsWith('https') ? requestHttps : requestHttp
  const [response] = await once(send(origin + path, { method, rejectUnauthorized: false }).end(), 'response')
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}
