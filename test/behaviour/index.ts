import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import fp from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { WebSocket, createWebSocketStream } from 'ws'
import { addEcho, closed, message, sentences, text } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'

const INFO = 30
const WARN = 40
const ERROR = 50
const PIECES = [0, 1, 125, 126, 65535, 65536, 1024 * 1024]

/** What a user sees of a socket, which is the same whichever transport carries it. */
export function behave (transport: Transport): void {
  const sentence = sentences(transport)

  // Messages

  sentence('text comes back as text', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('grüße')
    const { data, isBinary } = await message(socket)
    t.equal(String(data), 'grüße')
    t.equal(isBinary, false)
  })

  sentence('bytes come back as bytes', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send(Buffer.from([0, 255, 1]))
    const { data, isBinary } = await message(socket)
    t.same(data, Buffer.from([0, 255, 1]))
    t.equal(isBinary, true)
  })

  sentence('messages of every length class come back whole', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    for (const length of PIECES) {
      const sent = Buffer.alloc(length, 'abcdefghijk')
      socket.send(sent)
      const { data } = await message(socket)
      t.ok(sent.equals(data), `${length} bytes`)
    }
  })

  sentence('a thousand messages keep their order', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    const received: string[] = []
    const all = new Promise((resolve) => socket.on('message', (data) => {
      if (received.push(String(data)) === 1000) resolve(undefined)
    }))
    const sent = Array.from({ length: 1000 }, (_, index) => String(index))
    for (const each of sent) socket.send(each)
    await all
    t.same(received, sent)
  })

  sentence('fragments arrive as one message', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('one, ', { fin: false })
    socket.send('two, ', { fin: false })
    socket.send('three', { fin: true })
    t.equal(await text(socket), 'one, two, three')
  })

  sentence('a message that is sent as soon as the socket opens arrives', addEcho, async (t, { connect }) => {
    const socket = connect('/echo')
    socket.on('open', () => socket.send('early'))
    t.equal(await text(socket), 'early')
  })

  sentence('a message that the handler sends at once arrives', (app) => {
    app.get('/hello', { websocket: true }, (socket) => socket.send('hello'))
  }, async (t, { connect }) => {
    t.equal(await text(connect('/hello')), 'hello')
  })

  sentence('a ping is answered with a pong that has its bytes', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.ping('are you there')
    const [data] = await once(socket, 'pong')
    t.equal(String(data), 'are you there')
  })

  sentence('autoPong: false leaves pings to the handler', (app) => {
    app.get('/ping', { websocket: true }, (socket) => {
      socket.on('ping', (data) => socket.send(`ping ${data}`))
    })
  }, async (t, { open }) => {
    const socket = await open('/ping')
    socket.on('pong', () => t.fail('no pong is wanted'))
    socket.ping('x')
    t.equal(await text(socket), 'ping x')
  }, { options: { autoPong: false } })

  sentence('a socket can be piped as a stream', (app) => {
    app.get('/pipe', { websocket: true }, (socket) => {
      const stream = createWebSocketStream(socket)
      stream.pipe(stream)
    })
  }, async (t, { open }) => {
    const socket = await open('/pipe')
    socket.send('through the pipe')
    t.equal(await text(socket), 'through the pipe')
  })

  sentence('fifty sockets at once each get their own messages', addEcho, async (t, { open }) => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open('/echo')))
    const echoes = sockets.map(text)
    sockets.forEach((socket, index) => socket.send(String(index)))
    t.same(await Promise.all(echoes), sockets.map((_, index) => String(index)))
  })

  // Closing

  sentence('the handler sees the code and reason that the client closes with', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      socket.on('close', (...args) => app.server.emit('seen', ...args))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/close')
    const seen = once(app.server, 'seen')
    socket.close(4001, 'enough')
    const [code, reason] = await seen
    t.equal(code, 4001)
    t.equal(String(reason), 'enough')
  })

  sentence('the client sees the code and reason that the handler closes with', (app) => {
    app.get('/close', { websocket: true }, (socket) => socket.close(4002, 'go away'))
  }, async (t, { connect }) => {
    t.same(await closed(connect('/close')), { code: 4002, reason: 'go away' })
  })

  sentence('a close without a code is a 1005 on both sides', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
      socket.close()
    })
  }, async (t, { app, connect }) => {
    const seen = once(app.server, 'seen')
    t.equal((await closed(connect('/close'))).code, 1005)
    t.same(await seen, [1005])
  })

  sentence('when both sides close at once each sees one close', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      let closes = 0
      socket.on('message', () => socket.close(4003))
      socket.on('close', (code) => app.server.emit('seen', code, ++closes))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/close')
    const seen = once(app.server, 'seen')
    socket.send('now')
    socket.close(4004)
    const { code } = await closed(socket)
    t.ok([4003, 4004].includes(code))
    const [seenCode, closes] = await seen
    t.ok([4003, 4004].includes(seenCode))
    t.equal(closes, 1)
  })

  sentence('what the handler sends before it closes arrives first', (app) => {
    app.get('/last', { websocket: true }, (socket) => {
      socket.send(Buffer.alloc(1024 * 1024))
      socket.close(1000, 'done')
    })
  }, async (t, { connect }) => {
    const socket = connect('/last')
    const last = message(socket)
    const end = closed(socket)
    t.equal((await last).data.length, 1024 * 1024)
    t.same(await end, { code: 1000, reason: 'done' })
  })

  sentence('terminate() of the handler is a 1006 for the client', (app) => {
    app.get('/cut', { websocket: true }, (socket) => socket.terminate())
  }, async (t, { open }) => {
    t.equal((await closed(await open('/cut'))).code, 1006)
  })

  sentence('terminate() of the client is a 1006 for the handler', (app) => {
    app.get('/cut', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/cut')
    const seen = once(app.server, 'seen')
    socket.terminate()
    t.same(await seen, [1006])
  })

  sentence('a closed socket is no longer among the clients', addEcho, async (t, { app, open }) => {
    const socket = await open('/echo')
    const [client] = app.websocketServer.clients
    t.equal(app.websocketServer.clients.size, 1)
    const gone = once(client!, 'close')
    socket.close()
    await gone
    t.equal(app.websocketServer.clients.size, 0)
  })

  // The request

  sentence('request.ws tells hooks and handlers whether it is a socket', (app) => {
    app.addHook('onRequest', async (request) => { request.headers['x-ws'] = String(request.ws) })
    app.get('/plain', async (request) => ({ hook: request.headers['x-ws'], handler: request.ws }))
    app.get('/ws', { websocket: true }, (socket, request) => {
      socket.send(JSON.stringify({ hook: request.headers['x-ws'], handler: request.ws }))
    })
  }, async (t, { app, connect }) => {
    t.same(JSON.parse(await text(connect('/ws'))), { hook: 'true', handler: true })
    t.same((await app.inject('/plain')).json(), { hook: 'false', handler: false })
  })

  sentence('the lifecycle runs as far as the handler', (app) => {
    const ran: string[] = []
    app.addHook('onRequest', async () => { ran.push('onRequest') })
    app.addHook('preParsing', async () => { ran.push('preParsing') })
    app.addHook('preValidation', async () => { ran.push('preValidation') })
    app.addHook('preHandler', async () => { ran.push('preHandler') })
    app.addHook('preSerialization', async () => { ran.push('preSerialization') })
    app.addHook('onSend', async () => { ran.push('onSend') })
    app.addHook('onResponse', async () => { ran.push('onResponse') })
    app.get('/hooks', { websocket: true }, (socket) => {
      socket.on('message', () => socket.send(JSON.stringify(ran)))
      socket.on('close', () => setImmediate(() => app.server.emit('seen', ran)))
    })
  }, async (t, { app, open }) => {
    const expected = ['onRequest', 'preParsing', 'preValidation', 'preHandler']
    const socket = await open('/hooks')
    socket.send('which')
    t.same(JSON.parse(await text(socket)), expected)
    const seen = once(app.server, 'seen')
    socket.close()
    t.same(await seen, [expected])
  })

  sentence('the handler gets params and query', (app) => {
    app.get('/rooms/:room', { websocket: true }, (socket, { params, query }) => {
      socket.send(JSON.stringify({ params, query }))
    })
  }, async (t, { connect }) => {
    const received = JSON.parse(await text(connect('/rooms/a%20b?as=me&as=you')))
    t.same(received, { params: { room: 'a b' }, query: { as: ['me', 'you'] } })
  })

  sentence('the handler\'s this is the instance of its route', async (app) => {
    await app.register(async (scope) => {
      scope.decorate('color', 'blue')
      scope.get('/this', { websocket: true }, function (socket) {
        socket.send(String((this as unknown as { color: string }).color))
      })
    })
  }, async (t, { connect }) => {
    t.equal(await text(connect('/this')), 'blue')
  })

  sentence('what hooks put on the request reaches the handler', (app) => {
    app.decorateRequest('user', '')
    app.addHook('preHandler', async (request) => { (request as FastifyRequest & { user: string }).user = 'ada' })
    app.get('/user', { websocket: true }, (socket, request) => {
      socket.send((request as typeof request & { user: string }).user)
    })
  }, async (t, { connect }) => {
    t.equal(await text(connect('/user')), 'ada')
  })

  sentence('hooks see the cookie, the origin and the address of the client', (app) => {
    app.get('/who', { websocket: true }, (socket, request) => {
      const { headers: { cookie, origin, host: field }, ip, protocol, host } = request
      socket.send(JSON.stringify({ cookie, origin, field, ip, protocol, host }))
    })
  }, async (t, { connect, origin }) => {
    const socket = connect('/who', { headers: { cookie: 'a=b; c=d' }, origin: 'https://example.org' })
    t.same(JSON.parse(await text(socket)), {
      cookie: 'a=b; c=d',
      origin: 'https://example.org',
      field: new URL(origin).host,
      ip: '127.0.0.1',
      protocol: transport.secure ? 'https' : 'http',
      host: new URL(origin).host
    })
  })

  sentence('the raw request tells the HTTP version and is a GET', (app) => {
    app.get('/raw', { websocket: true }, (socket, { raw, method }) => {
      socket.send(JSON.stringify([raw.httpVersion, raw.method, method]))
    })
  }, async (t, { connect }) => {
    t.same(JSON.parse(await text(connect('/raw'))), [transport.httpVersion, 'GET', 'GET'])
  })

  sentence('a hook that takes its time delays the socket', (app) => {
    app.addHook('onRequest', async () => { await new Promise(setImmediate) })
    addEcho(app)
  }, async (t, { connect }) => {
    const socket = connect('/echo')
    socket.on('open', () => socket.send('patience'))
    t.equal(await text(socket), 'patience')
  })

  // Subprotocols and response headers

  sentence('the first subprotocol of the client is chosen', (app) => {
    app.get('/protocol', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { connect }) => {
    const socket = connect('/protocol', { protocols: ['chat.v2', 'chat.v1'] })
    t.equal(await text(socket), 'chat.v2')
    t.equal(socket.protocol, 'chat.v2')
  })

  sentence('handleProtocols chooses the subprotocol', addEcho, async (t, { open }) => {
    t.equal((await open('/echo', { protocols: ['a', 'b'] })).protocol, 'b')
  }, { options: { handleProtocols: (protocols) => [...protocols].at(-1) ?? false } })

  sentence('without an offer there is no subprotocol', addEcho, async (t, { open }) => {
    t.equal((await open('/echo')).protocol, '')
  })

  sentence('a malformed offer of subprotocols is refused with 400', addEcho, async (t, { refused }) => {
    t.equal((await refused('/echo', { headers: { 'sec-websocket-protocol': 'a,,b' } })).status, 400)
    t.equal((await refused('/echo', { headers: { 'sec-websocket-protocol': 'a, a' } })).status, 400)
  })

  sentence('headers that hooks set go out with the handshake', (app) => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('set-cookie', ['a=1', 'b=2'])
      reply.header('x-served-by', 'me')
      reply.header('content-type', 'text/plain')
    })
    addEcho(app)
  }, async (t, { connect }) => {
    const [{ headers }] = await once(connect('/echo'), 'upgrade') as [IncomingMessage]
    t.same(headers['set-cookie'], ['a=1', 'b=2'])
    t.equal(headers['x-served-by'], 'me')
    t.equal(headers['content-type'], undefined)
    t.equal(headers['content-length'], undefined)
  })

  sentence('a header that would break out of its line is refused with 500', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('x-name', 'a\r\nset-cookie: evil=1') })
    app.get('/header', { websocket: true }, () => app.server.emit('handler'))
  }, async (t, { app, refused }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    const { status, headers } = await refused('/header')
    t.equal(status, 500)
    t.equal(headers['set-cookie'], undefined)
  })

  sentence('the headers event of websocketServer can add headers', (app) => {
    app.websocketServer.on('headers', (headers) => headers.push('X-Added: yes'))
    addEcho(app)
  }, async (t, { connect }) => {
    const [{ headers }] = await once(connect('/echo'), 'upgrade') as [IncomingMessage]
    t.equal(headers['x-added'], 'yes')
  })

  // Refusals

  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    sentence(`a reply of ${hook} refuses the socket with its status and headers`, (app) => {
      app.addHook(hook as 'onRequest', async (_request: FastifyRequest, reply: FastifyReply) => {
        return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'who are you' })
      })
      app.get('/secret', { websocket: true }, () => app.server.emit('handler'))
    }, async (t, { app, refused }) => {
      app.server.on('handler', () => t.fail('the handler ran'))
      const { status, headers } = await refused('/secret')
      t.equal(status, 401)
      t.equal(headers['www-authenticate'], 'Bearer')
      t.equal(app.websocketServer.clients.size, 0)
    })
  }

  sentence('a hook that throws refuses the socket with the status of its error', (app) => {
    app.addHook('preHandler', async () => { throw Object.assign(new Error('teapot'), { statusCode: 418 }) })
    addEcho(app)
  }, async (t, { refused }) => {
    t.equal((await refused('/echo')).status, 418)
  })

  sentence('setErrorHandler answers what hooks throw', (app) => {
    app.setErrorHandler((error, _request, reply) => reply.code(403).header('x-error', (error as Error).message).send())
    app.addHook('preHandler', async () => { throw new Error('closed today') })
    addEcho(app)
  }, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 403)
    t.equal(headers['x-error'], 'closed today')
  })

  sentence('a query that its schema forbids is refused with 400', (app) => {
    const querystring = { type: 'object', required: ['room'], properties: { room: { type: 'string' } } }
    app.get('/room', { websocket: true, schema: { querystring } }, (socket) => socket.send('in'))
  }, async (t, { refused, connect }) => {
    t.equal((await refused('/room')).status, 400)
    t.equal(await text(connect('/room?room=1')), 'in')
  })

  sentence('a redirect of a hook refuses the socket', (app) => {
    app.addHook('onRequest', async (_request, reply) => reply.redirect('/elsewhere'))
    addEcho(app)
  }, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 302)
    t.equal(headers.location, '/elsewhere')
  })

  sentence('a path without a route is refused with 404', (app) => {
    app.setNotFoundHandler((_request, reply) => reply.code(200).send('a page for everything'))
    addEcho(app)
  }, async (t, { refused }) => {
    t.equal((await refused('/nowhere')).status, 404)
  })

  sentence('a bad path is refused with 400', addEcho, async (t, { refused }) => {
    t.equal((await refused('/%zz')).status, 400)
  })

  sentence('a route that is not a websocket route is refused with 404 and its handler not called', (app) => {
    app.get('/plain', async () => { app.server.emit('handler') })
    app.get('/early', { onRequest: async () => { app.server.emit('handler') } }, async () => {})
    addEcho(app)
  }, async (t, { app, refused }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    t.equal((await refused('/plain')).status, 404)
    t.equal((await refused('/early')).status, 404)
  })

  sentence('after a refusal the next socket opens', (app) => {
    app.get('/no', { websocket: true, onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
    addEcho(app)
  }, async (t, { refused, open }) => {
    t.equal((await refused('/no')).status, 403)
    const socket = await open('/echo')
    socket.send('still here')
    t.equal(await text(socket), 'still here')
  })

  sentence('a refusal with a large stream as its body ends', (app) => {
    app.get('/large', {
      websocket: true,
      onRequest: async (_request, reply) => {
        const body = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(16 * 1024)))
        body.once('close', () => app.server.emit('read'))
        return reply.code(403).type('text/plain').send(body)
      }
    }, () => {})
  }, async (t, { app, connect }) => {
    const read = once(app.server, 'read')
    const socket = connect('/large')
    socket.on('error', () => {})
    const [, response] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
    t.equal(response.statusCode, 403)
    response.resume()
    await read
  })

  sentence('a hook that never answers is answered for with 503 after handshakeTimeout', (app) => {
    addEcho(app)
    app.get('/waiting', {
      websocket: true,
      preValidation: (_request, _reply, done) => { app.server.once('answer', () => done()) },
      preHandler: async () => { app.server.emit('preHandler') }
    }, () => { throw new Error('a handler was called') })
  }, async (t, { app, logs, open, refused }) => {
    // What was answered in time is not held to it: its time is up by the end of the other's.
    const socket = await open('/echo')
    let later = false
    app.server.once('preHandler', () => { later = true })
    t.equal((await refused('/waiting')).status, 503)
    app.server.emit('answer')
    socket.send('still here')
    t.equal(await text(socket), 'still here')
    t.notOk(later)
    t.equal(app.websocketServer.clients.size, 1)
    t.match(logs.filter(({ level }) => level > INFO), [{ level: WARN, msg: /within handshakeTimeout/ }])
  }, { handshakeTimeout: 50 })

  let verdict!: (verified: boolean) => void
  sentence('a verifyClient that answers after handshakeTimeout opens nothing', (app) => {
    addEcho(app)
    app.get('/never', { websocket: true }, () => { throw new Error('a handler was called') })
  }, async (t, { app, logs, open, refused }) => {
    t.equal((await refused('/never')).status, 503)
    verdict(true)
    t.equal((await refused('/never')).status, 503)
    verdict(false)
    t.equal((await open('/echo')).readyState, 1)
    t.equal(app.websocketServer.clients.size, 1)
    t.same(logs.filter(({ level }) => level === ERROR), [])
  }, {
    handshakeTimeout: 50,
    options: {
      verifyClient ({ req }, done) {
        if (req.url === '/echo') done(true)
        else verdict = done
      }
    }
  })

  sentence('a response that a hook destroys ends the handshake alone', (app) => {
    app.get('/destroy', {
      websocket: true,
      onRequest: async (_request, reply) => {
        reply.hijack()
        reply.raw.destroy(new Error('enough'))
      }
    }, () => {})
    addEcho(app)
  }, async (t, { open }) => {
    await t.rejects(open('/destroy'), { code: 'ECONNRESET' })
    const socket = await open('/echo')
    socket.send('alive')
    t.equal(await text(socket), 'alive')
  })

  sentence('verifyClient refuses with 401', addEcho, async (t, { refused }) => {
    t.equal((await refused('/echo', { origin: 'https://evil.example' })).status, 401)
  }, { options: { verifyClient: ({ origin }: { origin: string }) => origin !== 'https://evil.example' } })

  sentence('verifyClient knows the origin, the request and whether the connection is secure', addEcho, async (t, { open }) => {
    const socket = await open('/echo', { origin: 'https://good.example' })
    socket.send('in')
    t.equal(await text(socket), 'in')
  }, {
    options: {
      verifyClient: ({ origin, secure, req }: { origin: string, secure: boolean, req: IncomingMessage }) =>
        origin === 'https://good.example' && secure === transport.secure && req.url === '/echo'
    }
  })

  sentence('what verifyClient puts on the request the handler finds there', (app) => {
    app.get('/', { websocket: true }, (socket, { raw }) => socket.send((raw as { user?: string }).user ?? 'nobody'))
  }, async (t, { open }) => {
    t.equal(await text(await open('/')), 'somebody')
  }, {
    options: {
      verifyClient: ({ req }: { req: IncomingMessage }) => Object.assign(req, { user: 'somebody' }) === req
    }
  })

  sentence('verifyClient with a callback refuses with its status and headers', addEcho, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 429)
    t.equal(headers['retry-after'], '7')
  }, {
    options: {
      verifyClient: (_info, callback) => setImmediate(callback, false, 429, 'Too Many Requests', { 'Retry-After': '7' })
    }
  })

  sentence('verifyClient with a callback accepts', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('verified')
    t.equal(await text(socket), 'verified')
  }, { options: { verifyClient: (_info, callback) => setImmediate(callback, true) } })

  sentence('a verifyClient that returns a promise is waited for', addEcho, async (t, { open, refused, logs }) => {
    t.equal((await refused('/echo')).status, 401)
    t.equal((await refused('/echo', { origin: 'https://broken.example' })).status, 500)
    t.match(logs.filter(({ level }) => level === ERROR), [{ msg: 'verifyClient failed', err: { message: 'broken' } }])
    await open('/echo', { origin: 'https://example.org' })
  }, {
    options: {
      verifyClient: async ({ origin }) => {
        if (origin === 'https://broken.example') throw new Error('broken')
        return origin === 'https://example.org'
      }
    }
  })

  sentence('a verifyClient that throws is a 500', addEcho, async (t, { refused, logs }) => {
    t.equal((await refused('/echo')).status, 500)
    t.match(logs.filter(({ level }) => level === ERROR), [{ err: { message: 'broken' } }])
  }, { options: { verifyClient: () => { throw new Error('broken') } } })

  // Routes

  sentence('a route with wsHandler serves both its GET and its sockets', (app) => {
    app.route({
      method: 'GET',
      url: '/both',
      handler: async () => ({ http: true }),
      wsHandler: (socket) => socket.send('socket')
    })
  }, async (t, { app, connect }) => {
    t.equal(await text(connect('/both')), 'socket')
    t.same((await app.inject('/both')).json(), { http: true })
  })

  sentence('a GET or HEAD of a websocket route is a 404', addEcho, async (t, fixture) => {
    t.equal((await fixture.app.inject('/echo')).statusCode, 404)
    t.equal((await fixture.app.inject({ method: 'HEAD', url: '/echo' })).statusCode, 404)
    if (fixture.session === undefined) t.equal(await get(fixture, '/echo'), 404)
  })

  sentence('prefixes and wildcards lead to their sockets', async (app) => {
    await app.register(async (scope) => {
      scope.get('/inner', { websocket: true }, (socket) => socket.send('inner'))
      scope.get('/*', { websocket: true }, (socket, request) => {
        socket.send(`rest ${(request.params as { '*': string })['*']}`)
      })
    }, { prefix: '/outer' })
  }, async (t, { connect }) => {
    t.equal(await text(connect('/outer/inner')), 'inner')
    t.equal(await text(connect('/outer/a/b')), 'rest a/b')
  })

  sentence('routes of a plugin that is registered in a scope of its own are served', async (app) => {
    await app.register(fp(async (scope) => {
      scope.get('/nested', { websocket: true }, (socket) => socket.send('nested'))
    }))
  }, async (t, { connect }) => {
    t.equal(await text(connect('/nested')), 'nested')
  })

  // Errors

  sentence('a handler that throws closes its socket with 1011, and the error is logged', (app) => {
    app.get('/throw', { websocket: true }, () => { throw new Error('oops') })
  }, async (t, { connect, logs }) => {
    t.equal((await closed(connect('/throw'))).code, 1011)
    t.match(logs.filter(({ level }) => level === ERROR), [{ err: { message: 'oops' } }])
  })

  sentence('a handler that rejects closes its socket with 1011, and the error is logged', (app) => {
    app.get('/reject', { websocket: true }, async (socket) => {
      await message(socket)
      throw new Error('oops')
    })
  }, async (t, { open, logs }) => {
    const socket = await open('/reject')
    socket.send('go')
    t.equal((await closed(socket)).code, 1011)
    t.match(logs.filter(({ level }) => level === ERROR), [{ err: { message: 'oops' } }])
  })

  sentence('a handler may throw what is no error', (app) => {
    // eslint-disable-next-line no-throw-literal
    app.get('/throw', { websocket: true }, () => { throw 'a string' })
  }, async (t, { connect, logs }) => {
    t.equal((await closed(connect('/throw'))).code, 1011)
    t.match(logs.filter(({ level }) => level === ERROR), [{ err: { message: 'a websocket handler threw \'a string\'' } }])
  })

  sentence('a connection listener that throws closes its socket with 1011', (app) => {
    app.websocketServer.on('connection', () => { throw new Error('listener') })
    app.get('/never', { websocket: true }, () => app.server.emit('handler'))
  }, async (t, { app, connect }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    t.equal((await closed(connect('/never'))).code, 1011)
  })

  sentence('errorHandler gets the error, the socket, the request and the reply', (app) => {
    app.get('/throw', { websocket: true }, async () => { throw new Error('mine') })
  }, async (t, { connect }) => {
    t.same(await closed(connect('/throw')), { code: 4500, reason: 'mine /throw true true' })
  }, {
    errorHandler (error, socket, request, reply) {
      socket.close(4500, [error.message, request.url, reply.sent, this.websocketServer.clients.has(socket)].join(' '))
    }
  })

  sentence('an errorHandler that throws terminates the socket', (app) => {
    app.get('/throw', { websocket: true }, () => { throw new Error('first') })
  }, async (t, { open, logs }) => {
    t.equal((await closed(await open('/throw'))).code, 1006)
    t.match(logs.filter(({ level }) => level === ERROR), [{ err: { message: 'second' } }])
  }, { errorHandler () { throw new Error('second') } })

  sentence('a message over maxPayload closes with 1009, which is no error of the server', addEcho, async (t, { open, logs }) => {
    const socket = await open('/echo')
    socket.send(Buffer.alloc(101))
    t.equal((await closed(socket)).code, 1009)
    t.same(logs.filter(({ level }) => level >= ERROR), [])
    t.equal(logs.filter(({ err }) => err?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH').length, 1)
  }, { options: { maxPayload: 100 } })

  sentence('text that is not UTF-8 closes with 1007', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
    t.equal((await closed(socket)).code, 1007)
  })

  sentence('skipUTF8Validation lets such text pass', (app) => {
    app.get('/length', { websocket: true }, (socket) => {
      socket.on('message', (data: Buffer) => socket.send(`${data.length}`))
    })
  }, async (t, { open }) => {
    const socket = await open('/length')
    socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
    t.equal(await text(socket), '2')
  }, { options: { skipUTF8Validation: true } })

  sentence('more fragments than maxFragments close with 1008', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    for (let index = 0; index < 5; index++) socket.send('x', { fin: false })
    t.equal((await closed(socket)).code, 1008)
  }, { options: { maxFragments: 4 } })

  sentence('a reply after the handshake does not reach the socket', (app) => {
    app.addHook('preHandler', async (_request, reply) => { app.server.emit('reply', reply) })
    app.get('/late', { websocket: true }, (socket) => {
      socket.on('message', () => socket.send('intact'))
    })
  }, async (t, { app, open }) => {
    const taken = once(app.server, 'reply') as Promise<[FastifyReply]>
    const socket = await open('/late')
    const [reply] = await taken
    reply.raw.end('HTTP/1.1 200 nonsense')
    socket.send('are you')
    t.equal(await text(socket), 'intact')
  })

  // The server

  sentence('websocketServer reports each connection with its raw request', addEcho, async (t, { app, open }) => {
    const connection = once(app.websocketServer, 'connection')
    await open('/echo?x=1')
    const [socket, request] = await connection
    t.ok(app.websocketServer.clients.has(socket))
    t.equal(request.url, '/echo?x=1')
  })

  sentence('clientTracking: false counts no clients', addEcho, async (t, { app, open }) => {
    const socket = await open('/echo')
    t.equal(app.websocketServer.clients, undefined)
    socket.close()
    await closed(socket)
  }, { options: { clientTracking: false } })

  sentence('a class of the user is what handlers get', (app) => {
    app.get('/class', { websocket: true }, (socket) => (socket as typeof socket & Greeter).greet())
  }, async (t, { connect }) => {
    t.equal(await text(connect('/class')), 'greetings')
  }, { options: { WebSocket: Greeter } })

  sentence('closing the server closes every socket with 1001', (app) => {
    app.addHook('onClose', async () => { app.server.emit('closed') })
    addEcho(app)
  }, async (t, { app, open }) => {
    const sockets = await Promise.all([open('/echo'), open('/echo'), open('/echo')])
    const codes = sockets.map(closed)
    await app.close()
    t.same((await Promise.all(codes)).map(({ code }) => code), [1001, 1001, 1001])
    t.equal(app.websocketServer.clients.size, 0)
  })

  sentence('closing the server does not wait for a peer that has ended its side and reads no more', (app) => {
    app.get('/flood', { websocket: true }, (socket, request) => {
      socket.send(Buffer.alloc(32 * 1024 * 1024))
      app.server.emit('flood', socket, request.raw)
    })
  }, async (t, { app, connect }) => {
    const flood = once(app.server, 'flood')
    const socket = connect('/flood')
    socket.on('error', () => {})
    await once(socket, 'open')
    socket.pause()
    const [server] = await flood
    const end = once(server, 'close')
    endWithoutClose(socket)
    await app.close()
    t.same((await end)[0], 1006)
  }, { options: { closeTimeout: 200 } })

  sentence('preClose of the user replaces ours', addEcho, async (t, { app, open }) => {
    const end = closed(await open('/echo'))
    await app.close()
    t.same(await end, { code: 4999, reason: 'mine' })
  }, {
    preClose (done) {
      for (const client of this.websocketServer.clients) client.close(4999, 'mine')
      done()
    }
  })
}

class Greeter extends WebSocket {
  greet (): void {
    this.send('greetings')
  }
}

/** What a peer does that goes away without a word: the ws client has no way to say it. */
function endWithoutClose (socket: WebSocket): void {
  (socket as unknown as { _socket: Duplex })._socket.end()
}

async function get ({ origin }: Fixture, path: string): Promise<number | undefined> {
  const request = origin.startsWith('https') ? requestHttps : requestHttp
  const [response] = await once(request(origin + path, { rejectUnauthorized: false }).end(), 'response')
  response.resume()
  return response.statusCode
}
