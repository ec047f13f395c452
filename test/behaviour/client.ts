import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { connect } from '../../lib/client/index.ts'
import type { WebSocket } from '../../lib/client/index.ts'
import { addEcho } from '../helpers/echo.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { nextText } from '../helpers/waiting.ts'

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
