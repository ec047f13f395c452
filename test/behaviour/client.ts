import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { connect } from '../../lib/client/index.ts'
import type { ReconnectingConnectOptions, ReconnectingWebSocket, WebSocket } from '../../lib/client/index.ts'
import { addEcho } from '../helpers/echo.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

/** `connect()` over both versions of HTTP. */
export function testClient (transport: Transport): void {
  const scenario = scenarios(transport)

  scenario('connect() offers the subprotocols of its second argument, like the constructor of ws', (app) => {
    app.get('/', { websocket: true }, (socket, request) => {
      socket.send(`${request.headers['sec-websocket-protocol']} ${request.headers['x-a']}`)
    })
  }, async (t, fixture) => {
    for (const [protocols, sent] of [['chat', 'chat'], [['v2', 'v1'], 'v2,v1'], [undefined, 'undefined']] as const) {
      const socket = connectWith(fixture, protocols)
      t.equal(await nextText(socket), `${sent} b`)
      t.equal(socket.protocol, sent.split(',')[0]!.replace('undefined', ''))
      socket.terminate()
    }
  })

  scenario('the error of a refused connect() has the status and headers of the response', refuse, async (t, fixture) => {
    const socket = fixture.connect('/private')
    const end = new Promise((resolve) => socket.once('close', resolve))
    const [error] = await once(socket, 'error')
    t.match(error, {
      name: 'Error',
      code: 'FST_WS_UNEXPECTED_RESPONSE',
      message: 'Unexpected server response: 401',
      statusCode: 401,
      headers: { 'www-authenticate': 'Bearer', 'set-cookie': ['a=1', 'b=2'] }
    })
    t.equal(await end, 1006)
  })

  scenario('a listener for "unexpected-response" handles a refusal in place of "error"', refuse, async (t, fixture) => {
    const socket = fixture.connect('/private')
    socket.on('error', (error) => t.fail(error))
    const [request, response] = await once(socket, 'unexpected-response') as [{ destroy: () => void }, IncomingMessage]
    t.equal(response.statusCode, 401)
    request.destroy()
  })

  const http = transport.httpVersion === '1.1' ? '1.1' : '2'
  const reconnecting = (
    { origin }: Fixture, path: string, options: Partial<ReconnectingConnectOptions> = {}
  ): ReconnectingWebSocket => connect(origin.replace('http', 'ws') + path, {
    http, rejectUnauthorized: false, reconnect: { minDelay: 1 }, ...options
  })

  scenario('heartbeat of connect() pings, and terminates the socket of a server that does not respond', (app) => {
    app.get('/', { websocket: true }, (socket) => { socket.on('ping', () => socket.send('pinged')) })
    app.get('/silent', { websocket: { autoPong: false } }, () => {})
  }, async (t, fixture) => {
    const socket = await fixture.open('/', { heartbeat: 50 })
    const silent = await fixture.open('/silent', { heartbeat: 50 })
    t.same(await closed(silent), { code: 1006, reason: '' })
    t.equal(await nextText(socket), 'pinged')
    t.equal(socket.readyState, socket.OPEN)
    socket.terminate()
  }, { heartbeat: 0 })

  scenario('with reconnect a socket follows 503 and Retry-After, and ends with an error after 401', (app) => {
    let count = 0
    app.get('/', {
      websocket: true,
      preHandler: async (_request, reply) => {
        if (++count === 1) return await reply.code(503).send()
        if (count === 3) return await reply.code(503).header('retry-after', '3600').send()
      }
    }, (socket) => socket.close(1013, 'later'))
    refuse(app)
  }, async (t, fixture) => {
    const socket = reconnecting(fixture, '/')
    t.match(await once(socket, 'reconnecting'), [{ attempt: 1, code: 1006, error: { statusCode: 503 } }])
    t.match(await once(socket, 'reconnecting'), [{ code: 1013, reason: 'later', error: undefined }])
    const [{ delay, error }] = await once(socket, 'reconnecting')
    t.equal(error.statusCode, 503)
    t.ok(delay >= 3_600_000)
    socket.close()
    await once(socket, 'close')

    const refused = reconnecting(fixture, '/private')
    refused.on('reconnecting', () => t.fail('it is refused for good'))
    const end = new Promise((resolve) => refused.once('close', resolve))
    t.match(await once(refused, 'error'), [{ code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 401 }])
    t.equal(await end, 1006)
  })

  scenario('with reconnect a close code that is not temporary ends the socket', (app) => {
    app.get('/:code', { websocket: true }, (socket, { params }) => {
      socket.close(Number((params as { code: string }).code), 'why')
    })
  }, async (t, fixture) => {
    for (const code of [1000, 1008, 1011, 4001]) {
      const socket = reconnecting(fixture, `/${code}`)
      socket.on('reconnecting', () => t.fail(`after ${code}`))
      t.same(await once(socket, 'close'), [code, Buffer.from('why')])
    }
  })

  scenario('finishRequest is called for each attempt of a socket that reconnects', (app) => {
    app.get('/', { websocket: true }, (socket, request) => socket.close(1012, String(request.headers['x-token'])))
  }, async (t, fixture) => {
    let count = 0
    const socket = reconnecting(fixture, '/', {
      finishRequest (request) {
        request.setHeader('x-token', `token-${++count}`)
        request.end()
      }
    })
    for (const reason of ['token-1', 'token-2', 'token-3']) t.match(await once(socket, 'reconnecting'), [{ reason }])
    socket.terminate()
  })

  scenario('an unknown option of connect() throws, and no socket is opened', addEcho, async (t, fixture) => {
    t.throws(() => fixture.connect('/echo', { maxPayLoad: 5 } as object), {
      code: 'FST_WS_INVALID_OPTION', message: /"maxPayLoad" must be .* did you mean "maxPayload"\?$/
    })
    const socket = await fixture.open('/echo')
    t.equal(fixture.app.websocketServer.clients.size, 1)
    socket.terminate()
  })
}

function refuse (app: FastifyInstance): void {
  app.get('/private', {
    websocket: true,
    preHandler: async (_request, reply) => {
      return reply.code(401).header('WWW-Authenticate', 'Bearer').header('set-cookie', ['a=1', 'b=2']).send('no credentials')
    }
  }, () => {})
}

function connectWith ({ origin, session }: Fixture, protocols: string | readonly string[] | undefined): WebSocket {
  const options = { headers: { 'x-a': 'b' }, rejectUnauthorized: false }
  return session === undefined
    ? connect(new URL(origin.replace('http', 'ws')), protocols, { http: '1.1', ...options })
    : connect(session, protocols, options)
}
