import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { WebSocket } from 'ws'
import type { WebsocketServerOptions } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { collectGarbage } from '../helpers/memory.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, waitTurns } from '../helpers/waiting.ts'
import { checkRefusal } from './checks.ts'

/** The handshake: the request, subprotocols and response headers. */
export function testHandshake (transport: Transport): void {
  const scenario = scenarios(transport)

  // The request

  scenario('request.ws is true for a socket and false for a plain request, in hooks and handlers', (app) => {
    app.addHook('onRequest', async (request) => { request.headers['x-ws'] = String(request.ws) })
    app.get('/plain', async (request) => ({ hook: request.headers['x-ws'], handler: request.ws }))
    app.get('/ws', { websocket: true }, (socket, request) => {
      socket.send(JSON.stringify({ hook: request.headers['x-ws'], handler: request.ws }))
    })
  }, async (t, { app, connect }) => {
    t.same(JSON.parse(await nextText(connect('/ws'))), { hook: 'true', handler: true })
    t.same((await app.inject('/plain')).json(), { hook: 'false', handler: false })
  })

  scenario('socket.httpVersion is the HTTP version of the socket, at both ends', (app) => {
    app.get('/version', { websocket: true }, (socket) => socket.send(String(socket.httpVersion)))
  }, async (t, { connect, app }) => {
    const socket = connect('/version')
    t.equal(socket.httpVersion, undefined, 'not known before the socket opens')
    const expected = transport.httpVersion === '1.1' ? '1.1' : '2'
    t.equal(await nextText(socket), expected)
    t.equal(socket.httpVersion, expected)
    const injected = await app.injectWS('/version', {}, { http: expected })
    t.equal(injected.httpVersion, expected)
    for (const each of [injected, socket]) each.terminate()
    await closed(socket)
    t.equal(socket.httpVersion, expected, 'and remains after it has closed')
  })

  // Over HTTP/1.1 the response is still referenced.
  if (transport.httpVersion === '2.0') {
    scenario('an open socket keeps neither the reply nor its response in memory', (app) => {
      app.addHook('onRequest', async (_request, reply) => {
        app.server.once('released', (check) => check([reply, reply.raw].map((each) => new WeakRef(each))))
      })
      app.get('/idle', { websocket: true }, () => {})
    }, async (t, { app, open }) => {
      const socket = await open('/idle')
      let references: Array<WeakRef<object>> = []
      app.server.emit('released', (weak: Array<WeakRef<object>>) => { references = weak })
      await collectGarbage()
      t.same(references.map((reference) => reference.deref() === undefined), [true, true])
      t.equal(socket.readyState, socket.OPEN)
    })
  }

  scenario('hooks run up to preHandler, and none after the handler', (app) => {
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
    t.same(JSON.parse(await nextText(socket)), expected)
    const seen = once(app.server, 'seen')
    socket.close()
    t.same(await seen, [expected])
  })

  scenario('the handler receives path parameters and the query', (app) => {
    app.get('/rooms/:room', { websocket: true }, (socket, { params, query }) => {
      socket.send(JSON.stringify({ params, query }))
    })
  }, async (t, { connect }) => {
    const received = JSON.parse(await nextText(connect('/rooms/a%20b?as=me&as=you')))
    t.same(received, { params: { room: 'a b' }, query: { as: ['me', 'you'] } })
  })

  scenario('this in a handler is the Fastify instance of its route', async (app) => {
    await app.register(async (scope) => {
      scope.decorate('color', 'blue')
      scope.get('/this', { websocket: true }, function (socket) {
        socket.send(String((this as unknown as { color: string }).color))
      })
    })
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/this')), 'blue')
  })

  scenario('properties that hooks set on the request reach the handler', (app) => {
    app.decorateRequest('user', '')
    app.addHook('preHandler', async (request) => { (request as FastifyRequest & { user: string }).user = 'ada' })
    app.get('/user', { websocket: true }, (socket, request) => {
      socket.send((request as typeof request & { user: string }).user)
    })
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/user')), 'ada')
  })

  scenario('the request has the cookie, origin, host, protocol and address of the client', (app) => {
    app.get('/who', { websocket: true }, (socket, request) => {
      const { headers: { cookie, origin, host: field }, ip, protocol, host } = request
      socket.send(JSON.stringify({ cookie, origin, field, ip, protocol, host }))
    })
  }, async (t, { connect, origin }) => {
    const socket = connect('/who', { headers: { cookie: 'a=b; c=d' }, origin: 'https://example.org' })
    t.same(JSON.parse(await nextText(socket)), {
      cookie: 'a=b; c=d',
      origin: 'https://example.org',
      field: new URL(origin).host,
      ip: '127.0.0.1',
      protocol: transport.secure ? 'https' : 'http',
      host: new URL(origin).host
    })
  }, { origin: false })

  scenario('request.raw has the HTTP version of the client and the method GET', (app) => {
    app.get('/raw', { websocket: true }, (socket, { raw, method }) => {
      socket.send(JSON.stringify([raw.httpVersion, raw.method, method]))
    })
  }, async (t, { connect }) => {
    t.same(JSON.parse(await nextText(connect('/raw'))), [transport.httpVersion, 'GET', 'GET'])
  })

  scenario('an async hook delays the handshake', (app) => {
    app.addHook('onRequest', async () => { await waitTurns() })
    addEcho(app)
  }, async (t, { connect }) => {
    const socket = connect('/echo')
    socket.on('open', () => socket.send('delayed'))
    t.equal(await nextText(socket), 'delayed')
  })

  scenario('a write to reply.raw after the handshake does not reach the socket', (app) => {
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
    t.equal(await nextText(socket), 'intact')
  })

  // Subprotocols

  scenario('the first subprotocol of the client is selected by default', (app) => {
    app.get('/protocol', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { connect }) => {
    const socket = connect('/protocol', { protocols: ['chat.v2', 'chat.v1'] })
    t.equal(await nextText(socket), 'chat.v2')
    t.equal(socket.protocol, 'chat.v2')
  })

  scenario('handleProtocols selects the subprotocol', addEcho, async (t, { open }) => {
    t.equal((await open('/echo', { protocols: ['a', 'b'] })).protocol, 'b')
  }, { options: { handleProtocols: (protocols) => [...protocols].at(-1) ?? false } })

  scenario('a client that offers no subprotocol receives none', addEcho, async (t, { open }) => {
    t.equal((await open('/echo')).protocol, '')
  })

  scenario('a malformed Sec-WebSocket-Protocol header is refused with 400', addEcho, async (t, { refused }) => {
    t.equal((await refused('/echo', { headers: { 'sec-websocket-protocol': 'a,,b' } })).status, 400)
    t.equal((await refused('/echo', { headers: { 'sec-websocket-protocol': 'a, a' } })).status, 400)
  })

  const invalidProtocols: Array<[value: string, handleProtocols: () => unknown]> = [
    ['an object', () => ({ protocol: 'chat' })],
    ['a promise', async () => 'chat'],
    ['a promise that rejects', async () => { throw new Error('boom') }],
    ['a text with a line break', () => 'chat\r\nx-split: c'],
    ['a text that is not a token', () => 'chat, talk'],
    ['a number', () => 7]
  ]
  for (const [value, handleProtocols] of invalidProtocols) {
    scenario(`handleProtocols that returns ${value} is answered with 500 and logged`, addEcho, async (t, fixture) => {
      await checkRefusal(t, fixture, 500, 'FST_WS_INVALID_SUBPROTOCOL', { protocols: ['chat'] })
    }, { options: { handleProtocols } as WebsocketServerOptions })
  }

  for (const choice of [false, '', null, undefined]) {
    scenario(`handleProtocols that returns ${choice === '' ? 'an empty text' : choice} selects no subprotocol`, addEcho, async (t, { open }) => {
      const socket = await open('/echo', { headers: { 'sec-websocket-protocol': 'chat' } })
      t.equal(socket.protocol, '')
    }, { options: { handleProtocols: () => choice } as WebsocketServerOptions })
  }

  // Response headers

  scenario('headers that hooks set are sent with the handshake, except those of a body', (app) => {
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

  scenario('a response header of a hook may have several values', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('etag', ['"a"', '"b"']).header('x-a', ['1', '2']) })
    addEcho(app)
  }, async (t, { connect }) => {
    const socket = connect('/echo')
    const [[{ headers }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
    t.match(headers.etag, /^"a"/)
    t.equal(headers['x-a'], '1, 2')
  })

  scenario('a response header with a line break is answered with 500, and the handler does not run', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('x-name', 'a\r\nset-cookie: evil=1') })
    app.get('/header', { websocket: true }, () => app.server.emit('handler'))
  }, async (t, { app, refused }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    const { status, headers } = await refused('/header')
    t.equal(status, 500)
    t.equal(headers['set-cookie'], undefined)
  })

  for (const value of ['\u010d\u010a', '\u20ac', 'a\r\nb: c', 'a\nb', '\0']) {
    scenario(`the response header value ${JSON.stringify(value)} is answered with 500`, (app) => {
      app.addHook('onRequest', async (_request, reply) => { reply.header('x-bad', value) })
      addEcho(app)
    }, async (t, { refused }) => {
      const { status, headers } = await refused('/echo')
      t.equal(status, 500)
      t.notOk('x-bad' in headers)
    })
  }

  scenario('response headers of hooks are sent as Latin-1, and messages as UTF-8', (app) => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('x-name', 'caf\xe9 \xff\x80') })
    addEcho(app)
    app.get('/refused', { websocket: true, preHandler: async (_request, reply) => reply.code(403).send() }, () => {})
  }, async (t, { refused, connect }) => {
    t.equal((await refused('/refused')).headers['x-name'], 'caf\xe9 \xff\x80')
    const socket = connect('/echo')
    const [[{ headers }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
    t.equal(headers['x-name'], 'caf\xe9 \xff\x80')
    const echoed = nextText(socket)
    socket.send('caf\xe9')
    t.equal(await echoed, 'caf\xe9')
  })

  scenario('a \'headers\' listener of websocketServer adds response headers', (app) => {
    app.websocketServer.on('headers', (headers) => headers.push('X-Added: yes'))
    addEcho(app)
  }, async (t, { connect }) => {
    const [{ headers }] = await once(connect('/echo'), 'upgrade') as [IncomingMessage]
    t.equal(headers['x-added'], 'yes')
  })

  const lines: unknown[] = ['', 'no colon', 'x y: z', 'x-a: b\r\nx-split: c', 'x-a: \u010d\u010ax-split: c', 'x-a: b\n', {}]
  for (const line of lines) {
    scenario(`the line ${JSON.stringify(line)} of a 'headers' listener is answered with 500`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('headers', (head) => head.push(line as string))
      await checkRefusal(t, fixture, 500, 'FST_WS_INVALID_HEADER')
    })
  }

  scenario('header lines of a \'headers\' listener are sent as Latin-1', addEcho, async (t, { app, connect }) => {
    app.websocketServer.on('headers', (head) => head.push('x-name: caf\xe9'))
    const socket = connect('/echo')
    const [{ headers }] = await once(socket, 'upgrade')
    t.equal(headers['x-name'], 'caf\xe9')
  })

  // websocketServer

  scenario('\'connection\' of websocketServer is emitted with the socket and its raw request', addEcho, async (t, { app, open }) => {
    const connection = once(app.websocketServer, 'connection')
    await open('/echo?x=1')
    const [socket, request] = await connection
    t.ok(app.websocketServer.clients.has(socket))
    t.equal(request.url, '/echo?x=1')
  })

  scenario('with clientTracking: false websocketServer.clients is undefined', addEcho, async (t, { app, open }) => {
    const socket = await open('/echo')
    t.equal(app.websocketServer.clients, undefined)
    socket.close()
    await closed(socket)
  }, { options: { clientTracking: false } })

  scenario('the option WebSocket is the class of the sockets that handlers receive', (app) => {
    app.get('/class', { websocket: true }, (socket) => (socket as typeof socket & Greeter).greet())
  }, async (t, { connect }) => {
    t.equal(await nextText(connect('/class')), 'greetings')
  }, { options: { WebSocket: Greeter } })
}

class Greeter extends WebSocket {
  greet (): void {
    this.send('greetings')
  }
}
