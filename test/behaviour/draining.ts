import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { connect } from '../../lib/client/index.ts'
import type { WebSocket } from '../../lib/client/index.ts'
import { addEcho } from '../helpers/echo.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

/** Longer than any test: only the first batch is closed. */
const LONG = 2 ** 31 - 1

/** Sockets that move to other servers: `app.websocketServer.drain()`. */
export function testDraining (transport: Transport): void {
  const scenario = scenarios(transport)

  /** Opens a socket on a connection of its own, as a client does that reconnects. */
  async function reconnect ({ origin }: Fixture, path: string): Promise<WebSocket> {
    const http = transport.httpVersion === '2.0' ? '2' : '1.1'
    const socket = connect(origin.replace('http', 'ws') + path, { http, rejectUnauthorized: false })
    await once(socket, 'open')
    return socket
  }

  scenario('drain() closes the open sockets with 1012, and resolves with their number', addEcho, async (t, { app, open }) => {
    const ends = [await open('/echo'), await open('/echo')].map(closed)
    t.equal(await app.websocketServer.drain({ over: 0 }), 2)
    t.same(await Promise.all(ends), Array(2).fill({ code: 1012, reason: 'reconnect' }))
    t.equal(app.websocketServer.clients.size, 0)
  })

  scenario('drain() has a code and reason for the Close frames', addEcho, async (t, { app, open }) => {
    const end = closed(await open('/echo'))
    await app.websocketServer.drain({ code: 4001, reason: 'moved', over: 0 })
    t.same(await end, { code: 4001, reason: 'moved' })
  })

  scenario('drain() without open sockets resolves with 0', addEcho, async (t, { app }) => {
    t.equal(await app.websocketServer.drain(), 0)
  })

  scenario('a client can reconnect while drain() closes the other sockets, and keeps its new socket', addEcho, async (t, fixture) => {
    const { app, open } = fixture
    const [first, second] = [await open('/echo'), await open('/echo')]
    const end = closed(first)
    const drained = app.websocketServer.drain({ over: LONG })
    await end
    const moved = await reconnect(fixture, '/echo')
    second.close()
    t.equal(await drained, 2)
    moved.send('still here')
    t.equal(await nextText(moved), 'still here')
    moved.close()
  })

  scenario('drain() closes sockets in batches that are spread over a time', addEcho, async (t, { app, open }) => {
    const sockets = [await open('/echo'), await open('/echo'), await open('/echo')]
    const ends = sockets.map(closed)
    const drained = app.websocketServer.drain({ over: LONG })
    t.equal((await Promise.race(ends)).code, 1012)
    t.equal(sockets.filter(({ readyState, OPEN }) => readyState === OPEN).length, 2)
    await app.close()
    await drained
  })

  scenario('app.close() closes the sockets that drain() has left, with the code of the shutdown', addEcho, async (t, { app, open }) => {
    const ends = [await open('/echo'), await open('/echo')].map(closed)
    const drained = app.websocketServer.drain({ over: LONG })
    await Promise.race(ends)
    await app.close()
    t.equal(await drained, 2)
    t.same((await Promise.all(ends)).map(({ code }) => code).sort(), [1001, 1012])
  })

  scenario('the option preClose can close the sockets with drain()', addEcho, async (t, { app, open }) => {
    const ends = [await open('/echo'), await open('/echo')].map(closed)
    await app.close()
    t.same((await Promise.all(ends)).map(({ code }) => code), [1012, 1012])
  }, { async preClose () { await this.websocketServer.drain({ over: 100 }) } })

  scenario('drain() resolves at the end of app.close() if its clients do not answer', (app) => {
    app.get('/', { websocket: true }, () => {})
  }, async (t, { app, open }) => {
    for (const socket of [await open('/'), await open('/')]) socket.pause()
    const drained = app.websocketServer.drain({ over: LONG })
    await app.close()
    t.equal(await drained, 2)
  }, { shutdownTimeout: 50 })

  scenario('a second drain() can be faster than the first, and both resolve', addEcho, async (t, { app, open }) => {
    const ends = [await open('/echo'), await open('/echo')].map(closed)
    const slow = app.websocketServer.drain({ over: LONG })
    const fast = app.websocketServer.drain({ over: 0, reason: 'now' })
    t.same(await Promise.all([slow, fast]), [2, 2])
    t.same((await Promise.all(ends)).map(({ code }) => code), [1012, 1012])
    t.equal(await app.websocketServer.drain({ over: LONG }), 0)
  })

  scenario('drain() resolves although a handler has removed all listeners of its socket', (app) => {
    app.get('/', { websocket: true }, (socket) => { socket.removeAllListeners('close') })
  }, async (t, { app, open }) => {
    await open('/')
    t.equal(await app.websocketServer.drain({ over: 0 }), 1)
  })

  scenario('drain() can be called by a listener of a socket', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.on('message', () => { void app.websocketServer.drain({ over: 0 }) })
    })
  }, async (t, { open }) => {
    const sockets = [await open('/'), await open('/')]
    const ends = sockets.map(closed)
    sockets[0]!.send('drain')
    t.same((await Promise.all(ends)).map(({ code }) => code), [1012, 1012])
  })

  scenario('drain() leaves a client without an answer to the close timeout of ws', (app) => {
    app.get('/', { websocket: { closeTimeout: 50 } }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.pause()
    const seen = once(app.server, 'seen')
    t.equal(await app.websocketServer.drain({ over: 0 }), 1)
    t.same(await seen, [1006])
    socket.resume()
  })

  scenario('drain() rejects with FST_WS_INVALID_OPTION if an option is invalid, and closes nothing', addEcho, async (t, { app, open }) => {
    const socket = await open('/echo')
    const invalid: Array<[unknown, RegExp]> = [
      [{ over: -1 }, /option "over" of drain\(\) must be an integer from 0 to 2147483647 \(ms\), got -1/],
      [{ over: 2 ** 31 }, /"over" of drain\(\)/],
      [{ over: '10' }, /"over" of drain\(\)/],
      [{ code: 1006 }, /"code" of drain\(\)/],
      [{ reason: 'x'.repeat(124) }, /"reason" of drain\(\)/],
      [{ ovr: 1 }, /"ovr" of drain\(\).*did you mean "over"/],
      [1000, /"options" of drain\(\) must be an object, got 1000/]
    ]
    for (const [options, message] of invalid) {
      await t.rejects(app.websocketServer.drain(options as object), { code: 'FST_WS_INVALID_OPTION', message })
    }
    socket.send('open')
    t.equal(await nextText(socket), 'open')
  })

  scenario('drain() works on the server of a route with options of ws, and without its server', (app) => {
    app.get('/', { websocket: { maxPayload: 10 } }, () => {})
  }, async (t, { app, open }) => {
    const end = closed(await open('/'))
    const { drain } = app.websocketServer
    t.equal(await drain({ over: 0 }), 1)
    t.equal((await end).code, 1012)
  })

  scenario('drain() closes sockets with clientTracking: false', addEcho, async (t, { app, open }) => {
    const end = closed(await open('/echo'))
    t.equal(await app.websocketServer.drain({ over: 0 }), 1)
    t.equal((await end).code, 1012)
  }, { options: { clientTracking: false } })

  scenario('a socket whose handshake waits for a hook during drain() opens, and stays', (app: FastifyInstance) => {
    app.get('/slow', {
      websocket: true,
      onRequest: (_request, _reply, done) => { app.server.emit('waits', done) }
    }, (socket) => socket.send('open'))
  }, async (t, { app, connect }) => {
    const waits = once(app.server, 'waits')
    const socket = connect('/slow')
    const [finishHook] = await waits
    t.equal(await app.websocketServer.drain({ over: 0 }), 0)
    const text = nextText(socket)
    finishHook()
    t.equal(await text, 'open')
    t.equal(socket.readyState, socket.OPEN)
  })
}
