import { WebSocket as WsWebSocket } from 'ws'
import type { WebsocketServerOptions } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextMessage } from '../helpers/waiting.ts'
import { THROWN_VALUES } from './thrown-values.ts'

/** Errors in the functions and classes of the user. */
export function testFailures (transport: Transport): void {
  const scenario = scenarios(transport)

  // Handlers

  scenario('a handler that throws closes its socket with 1011, and the error is logged', (app) => {
    app.get('/throw', { websocket: true }, () => { throw new Error('handler') })
  }, async (t, { connect, logs }) => {
    t.equal((await closed(connect('/throw'))).code, 1011)
    t.match(errorsIn(logs), [{ err: { message: 'handler' } }])
  })

  scenario('a handler that rejects closes its socket with 1011, and the error is logged', (app) => {
    app.get('/reject', { websocket: true }, async (socket) => {
      await nextMessage(socket)
      throw new Error('handler')
    })
  }, async (t, { open, logs }) => {
    const socket = await open('/reject')
    socket.send('go')
    t.equal((await closed(socket)).code, 1011)
    t.match(errorsIn(logs), [{ err: { message: 'handler' } }])
  })

  scenario('a handler that throws a string closes its socket with 1011, and the string is logged', (app) => {
    // eslint-disable-next-line no-throw-literal
    app.get('/throw', { websocket: true }, () => { throw 'a string' })
  }, async (t, { connect, logs }) => {
    t.equal((await closed(connect('/throw'))).code, 1011)
    t.match(errorsIn(logs), [{ err: { message: 'a websocket handler threw \'a string\'' } }])
  })

  scenario('a \'connection\' listener that throws closes its socket with 1011, and the handler does not run', (app) => {
    app.websocketServer.on('connection', () => { throw new Error('listener') })
    app.get('/never', { websocket: true }, () => app.server.emit('handler'))
  }, async (t, { app, connect }) => {
    app.server.on('handler', () => t.fail('the handler ran'))
    t.equal((await closed(connect('/never'))).code, 1011)
  })

  // errorHandler

  scenario('errorHandler receives the error, the socket, the request and the reply', (app) => {
    app.get('/throw', { websocket: true }, async () => { throw new Error('thrown') })
  }, async (t, { connect }) => {
    t.same(await closed(connect('/throw')), { code: 4500, reason: 'thrown /throw true true' })
  }, {
    errorHandler (error, socket, request, reply) {
      socket.close(4500, [error.message, request.url, reply.sent, this.websocketServer.clients.has(socket)].join(' '))
    }
  })

  scenario('an errorHandler that throws terminates the socket, and its error is logged', (app) => {
    app.get('/throw', { websocket: true }, () => { throw new Error('first') })
  }, async (t, { open, logs }) => {
    t.equal((await closed(await open('/throw'))).code, 1006)
    t.match(errorsIn(logs), [{ err: { message: 'second' } }])
  }, { errorHandler () { throw new Error('second') } })

  // Values that are hard to log

  for (const [name, create] of THROWN_VALUES) {
    for (const [option, options] of [
      ['handleProtocols', { handleProtocols () { throw create() } }],
      ['a WebSocket class', { WebSocket: class extends WsWebSocket { constructor () { super(null as never); throw create() } } }]
    ] as Array<[string, WebsocketServerOptions]>) {
      scenario(`${option} that throws ${name} is answered with 500 and logged once`, addEcho, async (t, fixture) => {
        t.equal((await fixture.refused('/echo', { protocols: ['chat'] })).status, 500)
        t.equal(errorsIn(fixture.logs).length, 1)
      }, { options })
    }

    scenario(`a 'headers' listener that throws ${name} is answered with 500 and logged once`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('headers', () => { throw create() })
      t.equal((await fixture.refused('/echo')).status, 500)
      t.equal(errorsIn(fixture.logs).length, 1)
    })

    scenario(`a 'connection' listener that throws ${name} closes its socket with 1011 and is logged once`, addEcho, async (t, fixture) => {
      fixture.app.websocketServer.on('connection', () => { throw create() })
      t.equal((await closed(fixture.connect('/echo'))).code, 1011)
      t.equal(errorsIn(fixture.logs).length, 1)
    })

    for (const isAsync of [false, true]) {
      scenario(`a handler that ${isAsync ? 'rejects with' : 'throws'} ${name} closes its socket with 1011 and is logged once`, (app) => {
        app.get('/fails', { websocket: true }, () => {
          if (isAsync) return Promise.reject(create())
          throw create()
        })
      }, async (t, fixture) => {
        t.equal((await closed(fixture.connect('/fails'))).code, 1011)
        t.equal(errorsIn(fixture.logs).length, 1)
      })

      scenario(`an errorHandler that ${isAsync ? 'rejects with' : 'throws'} ${name} terminates its socket and is logged once`, (app) => {
        app.get('/fails', { websocket: true }, () => { throw new Error('boom') })
      }, async (t, fixture) => {
        t.equal((await closed(fixture.connect('/fails'))).code, 1006)
        t.equal(errorsIn(fixture.logs).length, 1)
      }, {
        errorHandler: () => {
          if (isAsync) return Promise.reject(create())
          throw create()
        }
      })
    }
  }

  scenario('a WebSocket class whose setSocket() throws aborts the handshake, and the error is logged once', addEcho, async (t, fixture) => {
    const socket = fixture.connect('/echo')
    socket.on('error', () => {})
    t.equal((await closed(socket)).code, 1006)
    t.same(errorsIn(fixture.logs).map(({ err }) => err?.message), ['boom'])
    t.equal(fixture.app.websocketServer.clients.size, 0)
  }, {
    options: {
      WebSocket: class extends WsWebSocket { setSocket (): void { throw new Error('boom') } } as typeof WsWebSocket
    }
  })
}
