import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import fp from 'fastify-plugin'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

/** Websocket routes and their options. */
export function testRoutes (transport: Transport): void {
  const scenario = scenarios(transport)

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

  scenario('GET and HEAD of a websocket route are answered with 404', addEcho, async (t, fixture) => {
    t.equal((await fixture.app.inject('/echo')).statusCode, 404)
    t.equal((await fixture.app.inject({ method: 'HEAD', url: '/echo' })).statusCode, 404)
    if (fixture.session === undefined) t.equal(await get(fixture, '/echo'), 404)
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
      socket.send(Buffer.alloc(4 * MIB))
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
    const compressed = transport.httpVersion === '1.1' ? 'permessage-deflate' : ''
    t.equal((await open('/', { perMessageDeflate: true })).extensions, compressed)
    t.equal((await open('/default', { perMessageDeflate: true })).extensions, '')
  })
}

/** Returns the status of a plain request over HTTP/1.1. */
async function get ({ origin }: Fixture, path: string): Promise<number | undefined> {
  const request = origin.startsWith('https') ? requestHttps : requestHttp
  const [response] = await once(request(origin + path, { rejectUnauthorized: false }).end(), 'response')
  response.resume()
  return response.statusCode
}
