import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { mock } from 'node:test'
import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../../index.ts'
import type { WebsocketPluginOptions } from '../../../index.ts'
import { connect } from '../../../lib/client/index.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, certificate } from '../../helpers/transports.ts'
import { closed, nextText } from '../../helpers/waiting.ts'

/** Creates an app that does not listen. */
async function build (t: Test, server: object, options: WebsocketPluginOptions = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify(server)
  t.teardown(() => app.close())
  await app.register(websocket, options)
  app.get('/', { websocket: true }, (socket, request) => socket.send(request.raw.httpVersion))
  return app
}

void t.test('by default it uses HTTP/2 if the server supports it, and opens no port', async (t) => {
  for (const [{ server }, best] of [[H1, '1.1'], [H1_TLS, '1.1'], [H1_BESIDE_H2, '2.0'], [H2C, '2.0'], [H2_TLS, '2.0']] as const) {
    const app = await build(t, server)
    t.equal(await nextText(await app.injectWS()), best)
    t.equal(app.server.listening, false)
  }
})

void t.test('with advertise: false it uses HTTP/1.1', async (t) => {
  const app = await build(t, H1_BESIDE_H2.server, { advertise: false })
  t.equal(await nextText(await app.injectWS('/')), '1.1')
  await t.rejects(app.injectWS('/', {}, { http: '2' }), { code: 'FST_WS_NO_EXTENDED_CONNECT' })
})

void t.test('an HTTP version that the server does not support rejects', async (t) => {
  const message = (expected: string, got: string): string => (
    `option "http" must be "${expected}", the only version that this server supports without TLS, got "${got}"`
  )
  await t.rejects((await build(t, H1.server)).injectWS('/', {}, { http: '2' }), { message: message('1.1', '2') })
  await t.rejects((await build(t, H2C.server)).injectWS('/', {}, { http: '1.1' }), { message: message('2', '1.1') })
  await t.rejects((await build(t, H1_TLS.server)).injectWS('/', {}, { http: '2' }), { code: 'FST_WS_NO_EXTENDED_CONNECT' })
  await t.rejects((await build(t, H2_TLS.server)).injectWS('/', {}, { http: '1.1' }), { name: 'Error', statusCode: 403 })
})

void t.test('an invalid path, or an invalid or unknown option, rejects', async (t) => {
  const app = await build(t, H1.server)
  for (const [path, options, message] of [
    ['room', {}, 'option "path" must be a path that begins with "/", got "room"'],
    ['/', { http: '3' }, 'option "http" must be "1.1" or "2", got "3"'],
    ['/', { onInit: true }, 'option "onInit" must be a function, got boolean'],
    ['/', { oninit: () => {} }, 'option "oninit" must be one of http, onInit, onOpen, got an option "oninit": did you mean "onInit"?']
  ] as const) await t.rejects(app.injectWS(path, {}, options as object), { code: 'FST_WS_INVALID_OPTION', message })
})

void t.test('a refused socket emits "error" and "close", or "unexpected-response" to a listener of onInit', async (t) => {
  for (const { server } of [H1, H2C]) {
    const app = await build(t, server)
    const events: unknown[] = []
    let end: Promise<unknown> | undefined
    const refusal = { code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 404 }
    await t.rejects(app.injectWS('/nowhere', {}, {
      onInit (socket) {
        socket.on('error', (error) => events.push(error))
        end = new Promise((resolve) => socket.once('close', resolve))
      }
    }), refusal)
    t.equal(await end, 1006)
    t.match(events, [refusal])

    await t.rejects(app.injectWS('/nowhere', {}, {
      onInit: (socket) => { socket.on('unexpected-response', (_request, { statusCode }) => events.push(statusCode)) }
    }), refusal)
    t.equal(events[1], 404)
  }
})

void t.test('it waits for plugins that are not loaded yet', async (t) => {
  const app: FastifyInstance = fastify()
  t.teardown(() => app.close())
  await app.register(websocket)
  void app.register(async (scope) => {
    await new Promise(setImmediate)
    scope.get('/late', { websocket: true }, (socket) => socket.send('here'))
  })
  t.equal(await nextText(await app.injectWS('/late')), 'here')
})

void t.test('it needs no client certificate if the server requires one', async (t) => {
  const app = await build(t, { http2: true, https: { ...certificate, requestCert: true, rejectUnauthorized: true } })
  t.equal(await nextText(await app.injectWS()), '2.0')
})

void t.test('the connection is closed after close() and terminate() of its socket', async (t) => {
  const h1 = await build(t, H1.server)
  let connection: Promise<[Duplex]> = once(h1.server, 'connection') as Promise<[Duplex]>
  for (const end of ['close', 'terminate'] as const) {
    const socket = await h1.injectWS()
    const [injected] = await connection
    const ended = once(injected, 'close')
    socket[end]()
    await Promise.all([ended, closed(socket)])
    connection = once(h1.server, 'connection') as Promise<[Duplex]>
  }

  const h2 = await build(t, H2C.server)
  for (const end of ['close', 'terminate'] as const) {
    const [[session], socket] = await Promise.all([
      once(h2.server, 'session') as Promise<[ServerHttp2Session]>, h2.injectWS()
    ])
    const ended = once(session, 'close')
    socket[end]()
    await Promise.all([ended, closed(socket)])
  }
})

void t.test('without a websocket route it rejects with the status of the plain response', async (t) => {
  for (const { server } of [H1, H1_TLS, H1_BESIDE_H2]) {
    const app: FastifyInstance = fastify(server)
    t.teardown(() => app.close())
    await app.register(websocket)
    app.get('/', async () => 'page')
    await t.rejects(app.injectWS(), { name: 'Error', statusCode: 200 })
    await t.rejects(app.injectWS('/nowhere'), { name: 'Error', statusCode: 404 })
  }
})

void t.test('it works while a test mocks timers', async (t) => {
  for (const { server } of [H1, H2C]) {
    const app = await build(t, server)
    await app.ready()
    mock.timers.enable({ apis: ['setImmediate', 'setInterval', 'setTimeout'] })
    const socket = await app.injectWS()
    t.match(await nextText(socket), /^[12]/)
    socket.close()
    t.equal((await closed(socket)).code, 1005)
    mock.timers.reset()
  }
})

void t.test('a hundred concurrent calls each set the properties of their own request', async (t) => {
  const app: FastifyInstance = fastify(H2C.server)
  t.teardown(() => app.close())
  await app.register(websocket)
  app.get('/', { websocket: true }, (socket, request) => socket.send(`${request.ip} ${Reflect.get(request.raw, 'index')}`))
  await app.ready()
  const texts = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const context = { index, socket: { remoteAddress: `192.0.2.${index}` } }
    return await nextText(await app.injectWS('/', context))
  }))
  t.same(texts, texts.map((_, index) => `192.0.2.${index} ${index}`))
})

void t.test('with options.server sockets are injected into that server, and clients may connect to it', async (t) => {
  const server = createServer()
  const app = await build(t, {}, { options: { server } })
  t.equal(await nextText(await app.injectWS()), '2.0')

  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => server.close())
  t.equal(await nextText(connect(`ws://127.0.0.1:${port}`, { http: '2' })), '2.0')
})
