import { once } from 'node:events'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextMessage, nextText, waitTurns } from '../helpers/waiting.ts'

/** `injectWS` over both versions of HTTP. */
export function testInject (transport: Transport): void {
  const scenario = scenarios(transport)
  const options = { http: transport.httpVersion === '2.0' ? '2' : '1.1' } as const

  scenario('injectWS opens a socket, and a message that the handler sends immediately is not lost', (app) => {
    app.get('/rooms/:room', { websocket: true }, (socket, request) => {
      const { raw, params, query, headers, ws } = request
      socket.send(JSON.stringify({ version: raw.httpVersion, method: raw.method, params, query, a: headers['x-a'], ws }))
    })
  }, async (t, { app }) => {
    const socket = await app.injectWS('/rooms/7?q=1', { headers: { 'X-A': 'b' } }, options)
    t.equal(socket.readyState, socket.OPEN)
    await waitTurns()
    t.same(JSON.parse(await nextText(socket)), {
      version: transport.httpVersion, method: 'GET', params: { room: '7' }, query: { q: '1' }, a: 'b', ws: true
    })
  })

  scenario('injectWS: text, binary and 1 MiB messages are echoed', addEcho, async (t, { app }) => {
    const socket = await app.injectWS('/echo', {}, options)
    for (const sent of ['text', Buffer.from([0, 255]), Buffer.alloc(MIB, 'abc')]) {
      socket.send(sent)
      const { data, isBinary } = await nextMessage(socket)
      t.ok(data.equals(Buffer.from(sent)))
      t.equal(isBinary, typeof sent !== 'string')
    }
  })

  scenario('injectWS negotiates a subprotocol from its header, and rejects an invalid one', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send(socket.protocol))
  }, async (t, { app }) => {
    const socket = await app.injectWS('/', { headers: { 'Sec-WebSocket-Protocol': 'chat, superchat' } }, options)
    t.equal(socket.protocol, 'chat')
    t.equal(await nextText(socket), 'chat')
    await t.rejects(app.injectWS('/', { headers: { 'sec-websocket-protocol': 'a b' } }, options), SyntaxError)
  })

  scenario('injectWS rejects with the status and headers of a refused handshake', (app) => {
    app.addHook('preValidation', async (request, reply) => {
      if (request.headers['api-key'] !== 'tea') return reply.code(401).header('x-why', 'no key').send('refused')
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

  scenario('injectWS calls onInit before the socket opens, and onOpen when it has opened', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send('immediate'))
  }, async (t, { app }) => {
    const calls: unknown[] = []
    const socket = await app.injectWS('/', {}, {
      ...options,
      onInit: (socket) => { calls.push(socket, socket.readyState) },
      onOpen: (socket) => { calls.push(socket, socket.readyState) }
    })
    t.same(calls.map((each) => each === socket ? 'socket' : each), ['socket', 0, 'socket', 1])
    t.equal(await nextText(socket), 'immediate')
  })

  scenario('injectWS sets the address, host and other properties of the request', (app) => {
    app.get('/', { websocket: true }, (socket, { ip, protocol, host, raw }) => {
      socket.send([ip, protocol, host, Reflect.get(raw, 'tenant')].join(' '))
    })
  }, async (t, { app }) => {
    const protocol = transport.secure ? 'https' : 'http'
    t.equal(await nextText(await app.injectWS('/', {}, options)), `127.0.0.1 ${protocol} localhost `)
    const context = { headers: { host: 'example.org' }, socket: { remoteAddress: '192.0.2.7' }, tenant: 'garden' }
    t.equal(await nextText(await app.injectWS('/', context, options)), `192.0.2.7 ${protocol} example.org garden`)
  })

  scenario('injectWS: close() and terminate() of one side are reported to the other', (app) => {
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
    const first = await app.injectWS('/', {}, options)
    first.close(4000, 'client')
    t.same(await closed(first), { code: 4000, reason: 'client' })
    t.same(await seen, ['4000client'])

    seen = once(app.server, 'seen')
    const second = await app.injectWS('/', {}, options)
    second.terminate()
    t.same(await seen, ['1006'])
    t.equal(app.websocketServer.clients.size, 0)
  })

  scenario('injectWS: app.close() closes injected sockets with 1001', addEcho, async (t, { app }) => {
    const sockets = await Promise.all(['/echo', '/echo?2'].map(async (path) => await app.injectWS(path, {}, options)))
    const ends = sockets.map(closed)
    await app.close()
    t.same((await Promise.all(ends)).map(({ code }) => code), [1001, 1001])
  })
}
