import { once } from 'node:events'
import { addEcho, closed, message, sentences, text } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'

/** What `injectWS` gives a user's tests, whichever version of HTTP they choose. */
export function behaveInjected (transport: Transport): void {
  const sentence = sentences(transport)
  const options = { http: transport.httpVersion === '2.0' ? '2' : '1.1' } as const

  sentence('injectWS opens a socket, and what is sent at once is not lost', (app) => {
    app.get('/rooms/:room', { websocket: true }, (socket, request) => {
      const { raw, params, query, headers, ws } = request
      socket.send(JSON.stringify({ version: raw.httpVersion, method: raw.method, params, query, a: headers['x-a'], ws }))
    })
  }, async (t, { app }) => {
    const socket = await app.injectWS('/rooms/7?q=1', { headers: { 'X-A': 'b' } }, options)
    t.equal(socket.readyState, socket.OPEN)
    await new Promise(setImmediate)
    t.same(JSON.parse(await text(socket)), {
      version: transport.httpVersion, method: 'GET', params: { room: '7' }, query: { q: '1' }, a: 'b', ws: true
    })
  })

  sentence('injectWS: messages of every kind come back', addEcho, async (t, { app }) => {
    const socket = await app.injectWS('/echo', {}, options)
    for (const sent of ['text', Buffer.from([0, 255]), Buffer.alloc(1024 * 1024, 'abc')]) {
      socket.send(sent)
      const { data, isBinary } = await message(socket)
      t.ok(data.equals(Buffer.from(sent)))
      t.equal(isBinary, typeof sent !== 'string')
    }
  })

  sentence('injectWS: a subprotocol is negotiated from the header', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { app }) => {
    const socket = await app.injectWS('/', { headers: { 'Sec-WebSocket-Protocol': 'chat, superchat' } }, options)
    t.equal(socket.protocol, 'chat')
    t.equal(await text(socket), 'chat')
    await t.rejects(app.injectWS('/', { headers: { 'sec-websocket-protocol': 'a b' } }, options), SyntaxError)
  })

  sentence('injectWS rejects where the socket is refused, with the status and the headers', (app) => {
    app.addHook('preValidation', async (request, reply) => {
      if (request.headers['api-key'] !== 'tea') return reply.code(401).header('x-why', 'no key').send('go away')
    })
    addEcho(app)
  }, async (t, { app }) => {
    await t.rejects(app.injectWS('/echo', {}, options), {
      name: 'Error',
      code: 'FST_WS_UNEXPECTED_RESPONSE',
      message: 'Unexpected server response: 401',
      statusCode: 401,
      headers: { 'x-why': 'no key' }
    })
    await t.rejects(app.injectWS('/nowhere', { headers: { 'api-key': 'tea' } }, options), { name: 'Error', statusCode: 404 })
    const socket = await app.injectWS('/echo', { headers: { 'api-key': 'tea' } }, options)
    t.equal(socket.readyState, socket.OPEN)
  })

  sentence('injectWS tells onInit before the socket opens, and onOpen as soon as it has', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send('at once'))
  }, async (t, { app }) => {
    const told: unknown[] = []
    const socket = await app.injectWS('/', {}, {
      ...options,
      onInit: (socket) => { told.push(socket, socket.readyState) },
      onOpen: (socket) => { told.push(socket, socket.readyState) }
    })
    t.same(told.map((each) => each === socket ? 'socket' : each), ['socket', 0, 'socket', 1])
    t.equal(await text(socket), 'at once')
  })

  sentence('injectWS: who the client is can be said', (app) => {
    app.get('/', { websocket: true }, (socket, { ip, protocol, host, raw }) => {
      socket.send([ip, protocol, host, Reflect.get(raw, 'tenant')].join(' '))
    })
  }, async (t, { app }) => {
    const protocol = transport.secure ? 'https' : 'http'
    t.equal(await text(await app.injectWS('/', {}, options)), `127.0.0.1 ${protocol} localhost `)
    const context = { headers: { host: 'example.org' }, socket: { remoteAddress: '192.0.2.7' }, tenant: 'garden' }
    t.equal(await text(await app.injectWS('/', context, options)), `192.0.2.7 ${protocol} example.org garden`)
  })

  sentence('injectWS: closing and breaking off is seen on both sides', (app) => {
    app.get('/', { websocket: true }, (socket, request) => {
      socket.on('close', (code, reason) => app.server.emit('seen', `${code}${reason}`))
      if (request.headers['x-end'] === 'close') socket.close(4001, 'server')
      if (request.headers['x-end'] === 'terminate') socket.terminate()
    })
  }, async (t, { app }) => {
    for (const [end, code] of [['close', 4001], ['terminate', 1006]] as const) {
      const seen = once(app.server, 'seen')
      const socket = await app.injectWS('/', { headers: { 'x-end': end } }, options)
      t.equal((await closed(socket)).code, code)
      t.match((await seen)[0], String(code))
    }
    let seen = once(app.server, 'seen')
    const polite = await app.injectWS('/', {}, options)
    polite.close(4000, 'client')
    t.same(await closed(polite), { code: 4000, reason: 'client' })
    t.same(await seen, ['4000client'])

    seen = once(app.server, 'seen')
    const rude = await app.injectWS('/', {}, options)
    rude.terminate()
    t.same(await seen, ['1006'])
    t.equal(app.websocketServer.clients.size, 0)
  })

  sentence('injectWS: closing the server closes its sockets', addEcho, async (t, { app }) => {
    const sockets = await Promise.all(['/echo', '/echo?2'].map(async (path) => await app.injectWS(path, {}, options)))
    const ends = sockets.map(closed)
    await app.close()
    t.same((await Promise.all(ends)).map(({ code }) => code), [1001, 1001])
  })
}
