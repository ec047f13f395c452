import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { addEcho } from '../helpers/echo.ts'
import { INFO, WARN } from '../helpers/logs.ts'
import { KIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { nextText } from '../helpers/waiting.ts'

/** Handshakes that are refused by hooks, schemas, routes and the handshake timeout. */
export function testRefusals (transport: Transport): void {
  const scenario = scenarios(transport)

  // Hooks

  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    scenario(`a reply in ${hook} refuses the handshake with its status and headers`, (app) => {
      app.addHook(hook as 'onRequest', async (_request: FastifyRequest, reply: FastifyReply) => {
        return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'no credentials' })
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

  scenario('an error in a hook refuses the handshake with its statusCode', (app) => {
    app.addHook('preHandler', async () => { throw Object.assign(new Error('teapot'), { statusCode: 418 }) })
    addEcho(app)
  }, async (t, { refused }) => {
    t.equal((await refused('/echo')).status, 418)
  })

  scenario('setErrorHandler answers the errors of hooks', (app) => {
    app.setErrorHandler((error, _request, reply) => reply.code(403).header('x-error', (error as Error).message).send())
    app.addHook('preHandler', async () => { throw new Error('not allowed') })
    addEcho(app)
  }, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 403)
    t.equal(headers['x-error'], 'not allowed')
  })

  scenario('reply.redirect() in a hook refuses the handshake with its status and location', (app) => {
    app.addHook('onRequest', async (_request, reply) => reply.redirect('/elsewhere'))
    addEcho(app)
  }, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 302)
    t.equal(headers.location, '/elsewhere')
  })

  scenario('a query that does not match its schema is refused with 400', (app) => {
    const querystring = { type: 'object', required: ['room'], properties: { room: { type: 'string' } } }
    app.get('/room', { websocket: true, schema: { querystring } }, (socket) => socket.send('in'))
  }, async (t, { refused, connect }) => {
    t.equal((await refused('/room')).status, 400)
    t.equal(await nextText(connect('/room?room=1')), 'in')
  })

  scenario('a refusal whose body is a large stream ends, and the stream is closed', (app) => {
    app.get('/large', {
      websocket: true,
      onRequest: async (_request, reply) => {
        const body = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(16 * KIB)))
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

  scenario('a hook that destroys its response aborts its own handshake only', (app) => {
    app.get('/destroy', {
      websocket: true,
      onRequest: async (_request, reply) => {
        reply.hijack()
        reply.raw.destroy(new Error('destroyed'))
      }
    }, () => {})
    addEcho(app)
  }, async (t, { open }) => {
    await t.rejects(open('/destroy'), { code: 'ECONNRESET' })
    const socket = await open('/echo')
    socket.send('alive')
    t.equal(await nextText(socket), 'alive')
  })

  scenario('a handshake after a refused one opens a socket', (app) => {
    app.get('/no', { websocket: true, onRequest: async (_request, reply) => reply.code(403).send() }, () => {})
    addEcho(app)
  }, async (t, { refused, open }) => {
    t.equal((await refused('/no')).status, 403)
    const socket = await open('/echo')
    socket.send('still here')
    t.equal(await nextText(socket), 'still here')
  })

  // Routes

  scenario('an unknown path is refused with 404, even if the not-found handler replies with 200', (app) => {
    app.setNotFoundHandler((_request, reply) => reply.code(200).send('a page for everything'))
    addEcho(app)
  }, async (t, { refused }) => {
    t.equal((await refused('/nowhere')).status, 404)
  })

  scenario('a path that cannot be decoded is refused with 400', addEcho, async (t, { refused }) => {
    t.equal((await refused('/%zz')).status, 400)
  })

  scenario('the path of a plain route is refused with 404, and its hooks and handler do not run', (app) => {
    app.get('/plain', async () => { app.server.emit('handler') })
    app.get('/early', { onRequest: async () => { app.server.emit('handler') } }, async () => {})
    addEcho(app)
  }, async (t, { app, refused }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    t.equal((await refused('/plain')).status, 404)
    t.equal((await refused('/early')).status, 404)
  })

  // handshakeTimeout

  scenario('a hook that does not answer is answered with 503 after handshakeTimeout', (app) => {
    addEcho(app)
    app.get('/waiting', {
      websocket: true,
      preValidation: (_request, _reply, done) => { app.server.once('answer', () => done()) },
      preHandler: async () => { app.server.emit('preHandler') }
    }, () => { throw new Error('a handler was called') })
  }, async (t, { app, logs, open, refused }) => {
    // Its own handshakeTimeout expires before that of the second handshake.
    const socket = await open('/echo')
    let hasContinued = false
    app.server.once('preHandler', () => { hasContinued = true })
    t.equal((await refused('/waiting')).status, 503)
    app.server.emit('answer')
    socket.send('still here')
    t.equal(await nextText(socket), 'still here')
    t.notOk(hasContinued)
    t.equal(app.websocketServer.clients.size, 1)
    t.match(logs.filter(({ level }) => level > INFO), [{ level: WARN, msg: /within handshakeTimeout/ }])
  }, { handshakeTimeout: 50 })
}
