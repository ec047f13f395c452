import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type {
  BackpressureMessage, HandshakeRefusedMessage, RefusalCause, SlowConsumerMessage, SocketCloseMessage,
  SocketOpenMessage, UnresponsiveMessage
} from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { brief, record, recordTraces } from '../helpers/channels.ts'
import { DEBUG, INFO } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { scenarios, start } from '../helpers/transports.ts'
import type { Fixture, Transport } from '../helpers/transports.ts'
import { closed, nextText } from '../helpers/waiting.ts'

/** Statistics, diagnostics channels and logs. */
export function testMonitoring (transport: Transport): void {
  const scenario = scenarios(transport)
  const httpVersion = transport.httpVersion === '1.1' ? '1.1' : '2'

  // Sockets

  scenario('an open socket is published before its handler is called, with its request and route', (app) => {
    app.get('/rooms/:room', { websocket: true }, (_socket, request) => { app.server.emit('handled', request) })
  }, async (t, { app, open }) => {
    const opened = record<SocketOpenMessage>(t, 'socket:open')
    app.server.once('handled', (request) => {
      t.equal(opened.length, 1)
      t.equal(opened[0]!.request, request)
    })
    const handled = once(app.server, 'handled')
    const socket = await open('/rooms/tea')
    await handled
    const message = opened[0]!
    t.match(brief([message]), [{ route: '/rooms/:room', httpVersion }])
    t.ok(app.websocketServer.clients.has(message.socket))
    socket.terminate()
  })

  scenario('a closed socket is published with its code, reason, duration, messages and bytes', (app) => {
    app.get('/count', { websocket: true }, (socket) => {
      socket.on('message', (data, isBinary) => {
        socket.send(data, { binary: isBinary })
        socket.send('déjà vu')
        socket.send(Buffer.alloc(64 * KIB))
      })
    })
  }, async (t, { open }) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = await open('/count')
    socket.send('four')
    socket.send(Buffer.alloc(100 * KIB))
    let left = 6
    socket.on('message', () => { if (--left === 0) socket.close(4001, 'enough') })
    await Promise.all([closed(socket), ends.next()])
    t.match(brief(ends), [{
      route: '/count',
      httpVersion,
      code: 4001,
      reason: 'enough',
      closedBy: 'client',
      messagesReceived: 2,
      messagesSent: 6,
      bytesReceived: 4 + 100 * KIB,
      bytesSent: 4 + 100 * KIB + 2 * (9 + 64 * KIB),
      duration: Number
    }])
    t.equal(ends.length, 1)
  })

  for (const [name, close, code, closedBy] of [
    ['socket.close() of a handler', 'close', 4002, 'server'],
    ['socket.terminate() of a handler', 'terminate', 1006, 'server'],
    ['terminate() of a client', 'client', 1006, undefined]
  ] as const) {
    scenario(`${name} is published as closed by ${closedBy ?? 'no side'}`, (app) => {
      app.get('/end', { websocket: true }, (socket) => {
        if (close === 'close') socket.close(4002)
        if (close === 'terminate') socket.terminate()
      })
    }, async (t, { connect }) => {
      const ends = record<SocketCloseMessage>(t, 'socket:close')
      const socket = connect('/end')
      socket.on('error', () => {})
      if (close === 'client') socket.on('open', () => socket.terminate())
      await ends.next()
      t.match(brief(ends), [{ code, closedBy }])
    })
  }

  scenario('listeners that a handler removes do not hide the end of a socket from channels and statistics', (app) => {
    app.get('/quiet', { websocket: true }, (socket) => { socket.removeAllListeners() })
  }, async (t, { app, open }) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = await open('/quiet')
    socket.close(1000)
    await ends.next()
    t.match(app.websocketServer.stats().sockets, { open: 0, opened: 1, closed: { 1000: 1 } })
  })

  // Handshakes

  const refusals: Array<[cause: RefusalCause, path: string, status: number, headers?: Record<string, string>]> = [
    ['reply', '/no', 401],
    ['reply', '/throws', 500],
    ['no_route', '/nowhere', 404],
    ['origin', '/echo', 403, { origin: 'https://elsewhere.example' }],
    ['timeout', '/never', 503],
    ['verify_client', '/echo', 401, { 'x-refuse': 'yes' }]
  ]
  for (const [cause, path, status, headers = {}] of refusals) {
    scenario(`a handshake that is refused with ${status} at ${path} is published and counted as "${cause}"`, addRefusing, async (t, fixture) => {
      const [refused, traces] = [record<HandshakeRefusedMessage>(t, 'handshake:refused'), recordTraces(t)]
      const ended = refused.next()
      t.equal((await fixture.refused(path, { headers })).status, status)
      await ended
      t.match(brief(refused), [{ cause, status, httpVersion }])
      t.equal(refused[0]!.rawRequest.url, path)
      t.equal(refused[0]!.request?.url, path)
      t.equal(refused.length, 1)
      t.match(traces.names, ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
      t.match(brief(traces.messages), [{ cause, status, socket: undefined }])
      t.match(traces.messages[0]!.error, { code: 'FST_WS_HANDSHAKE_REFUSED' })
      const { handshakes } = fixture.app.websocketServer.stats()
      t.equal(handshakes.refused[cause], 1)
      t.equal(Object.values(handshakes.refused).reduce((sum, count) => sum + count), 1)
      t.equal(handshakes.pending, 0)
    }, {
      handshakeTimeout: path === '/never' ? 20 : 30_000,
      options: { verifyClient: ({ req }, done) => done(!('x-refuse' in req.headers)) }
    })
  }

  // Over HTTP/1.1 nothing reads the connection before the answer, so its end is not noticed.
  if (httpVersion === '2') {
    scenario('a handshake whose client leaves before the answer is published as "aborted", and not logged at info', (app) => {
      app.get('/never', { websocket: true, preHandler: async () => await new Promise(() => app.server.emit('waiting')) }, () => {})
    }, async (t, { app, connect, logs }) => {
      const refused = record<HandshakeRefusedMessage>(t, 'handshake:refused')
      const waiting = once(app.server, 'waiting')
      const socket = connect('/never')
      socket.on('error', () => {})
      await waiting
      t.equal(app.websocketServer.stats().handshakes.pending, 1)
      const ended = refused.next()
      socket.terminate()
      await ended
      t.same(brief(refused), [{ httpVersion, cause: 'aborted', status: undefined, route: '/never' }])
      t.same(logs.filter(({ msg }) => msg.includes('refused')), [])
      t.equal(app.websocketServer.stats().handshakes.pending, 0)
    })
  }

  scenario('an opened handshake is traced once, with its socket, and its handler runs in the context of the trace', (app) => {
    app.get('/traced', { websocket: true, preHandler: async () => await new Promise(setImmediate) }, () => {})
  }, async (t, { app, open }) => {
    const traces = recordTraces(t)
    const opened = record<SocketOpenMessage>(t, 'socket:open', () => traces.names.push('open'))
    const socket = await open('/traced')
    await opened.next(1)
    t.same(traces.names, ['start', 'end', 'asyncStart', 'asyncEnd', 'open'])
    const message = traces.messages[0]!
    t.equal(new Set(traces.messages).size, 1, 'all channels receive one object')
    t.match(brief([message]), [{ httpVersion, route: '/traced', cause: undefined, error: undefined }])
    t.ok(app.websocketServer.clients.has(message.socket!))
    socket.terminate()
  })

  // Limits

  scenario('a heartbeat that is lost is published, and counted', addEcho, async (t, { app, open }) => {
    const [lost, ends] = [record<UnresponsiveMessage>(t, 'socket:unresponsive'), record<SocketCloseMessage>(t, 'socket:close')]
    await open('/echo', { autoPong: false })
    await ends.next()
    t.match(brief(lost), [{ route: '/echo', httpVersion }])
    t.match(brief(ends), [{ code: 1006, closedBy: 'server' }])
    t.equal(app.websocketServer.stats().sockets.unresponsive, 1)
  }, { heartbeat: 20 })

  for (const action of ['close', 'drop'] as const) {
    scenario(`a message that slowConsumer refuses with "${action}" is published, and counted`, (app) => {
      app.get('/flood', { websocket: { sendLimit: 1, slowConsumer: action } }, (socket) => {
        socket.on('message', () => {
          for (let count = 0; count < 2; count++) socket.send(Buffer.alloc(16 * MIB))
        })
      })
    }, async (t, { app, open }) => {
      const slow = record<SlowConsumerMessage>(t, 'socket:slow_consumer')
      const socket = await open('/flood')
      socket.on('error', () => {})
      socket.pause()
      socket.send('go')
      await slow.next()
      t.match(brief(slow), [{ action, route: '/flood', bufferedAmount: Number }])
      t.same(app.websocketServer.stats().sockets.slowConsumers, { closed: Number(action === 'close'), dropped: Number(action === 'drop') })
      t.equal(app.websocketServer.stats().messages.sent, 1)
      socket.terminate()
    })
  }

  scenario('backpressure is published when it begins and when it ends, in both directions', (app) => {
    app.get('/pressure', { websocket: true }, (socket) => {
      socket.on('message', () => {
        socket.pause()
        socket.send(Buffer.alloc(16 * MIB), () => socket.resume())
      })
    })
  }, async (t, { app, open }) => {
    const pressure = record<BackpressureMessage>(t, 'socket:backpressure')
    const socket = await open('/pressure')
    const received = once(socket, 'message')
    socket.send('go')
    await pressure.next()
    await pressure.next(2)
    const { paused, bufferedBytes } = app.websocketServer.stats().sockets
    t.equal(paused, 1)
    t.ok(bufferedBytes > MIB)
    await received
    await pressure.next(4)
    const seen = pressure.map(({ direction, active }) => `${direction} ${active}`)
    t.same(seen.slice(0, 2), ['receive true', 'send true'])
    t.same(seen.slice(2).sort(), ['receive false', 'send false'])
    t.match(app.websocketServer.stats().sockets, { paused: 0, bufferedBytes: 0 })
    socket.terminate()
  })

  // Statistics

  scenario('stats() counts open sockets by HTTP version and route, and the traffic of open and closed ones', (app) => {
    addEcho(app)
    app.get('/rooms/:room', { websocket: true }, () => {})
  }, async (t, { app, open }) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    t.match(app.websocketServer.stats(), {
      sockets: { open: 0, opened: 0, closed: {} }, messages: { received: 0, sent: 0 }
    })
    const [echo, one, two] = [await open('/echo'), await open('/rooms/1'), await open('/rooms/2')]
    echo.send('hello')
    t.equal(await nextText(echo), 'hello')
    const other = httpVersion === '2' ? '1.1' : '2'
    t.match(app.websocketServer.stats(), {
      sockets: {
        open: 3,
        opened: 3,
        byHttpVersion: { [httpVersion]: 3, [other]: 0 },
        byRoute: { '/echo': { [httpVersion]: 1 }, '/rooms/:room': { [httpVersion]: 2 } },
        closed: {}
      },
      messages: { received: 1, sent: 1 },
      bytes: { received: 5, sent: 5 },
      sessions: httpVersion === '2' ? { open: 1, opened: 1, largestReceiveWindow: 65_535, unreadBytes: 0 } : { open: 0 }
    })
    for (const socket of [echo, one]) socket.close(1000)
    await ends.next(2)
    two.terminate()
    await ends.next(3)
    t.match(app.websocketServer.stats(), {
      sockets: { open: 0, opened: 3, byRoute: {}, closed: { 1000: 2, 1006: 1 } },
      messages: { received: 1, sent: 1 },
      bytes: { received: 5, sent: 5 }
    })
  })

  // Logs

  void t.test(`${transport.name}: a socket is logged at debug when it opens and when it closes, without payloads`, async (t) => {
    const fixture = await startDebug(t, transport)
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = await fixture.open('/echo')
    socket.send('secret')
    await once(socket, 'message')
    socket.close(4001, 'done')
    await ends.next()
    const lines = fixture.logs.filter(({ msg }) => msg.startsWith('websocket '))
    t.match(lines, [
      { level: DEBUG, msg: 'websocket opened', route: '/echo', httpVersion },
      {
        level: DEBUG, msg: 'websocket closed', route: '/echo', httpVersion, code: 4001, duration: Number, messagesReceived: 1, bytesSent: 6
      }
    ])
    t.equal(lines.length, 2)
    t.notMatch(JSON.stringify(fixture.logs), /secret/)
  })

  scenario('a handshake that a hook refuses is logged once at info, with its status and cause', addRefusing, async (t, { refused, logs }) => {
    const seen = record<HandshakeRefusedMessage>(t, 'handshake:refused')
    await Promise.all([refused('/no'), seen.next()])
    t.match(logs.filter(({ msg }) => msg.includes('refused')), [
      { level: INFO, msg: 'websocket handshake refused', url: '/no', httpVersion, status: 401, cause: 'reply' }
    ])
  })
}

function addRefusing (app: FastifyInstance): void {
  addEcho(app)
  app.get('/no', { websocket: true, onRequest: async (_request, reply) => await reply.code(401).send() }, () => {})
  app.get('/throws', { websocket: true, onRequest: async () => { throw new Error('broken') } }, () => {})
  app.get('/never', { websocket: true, onRequest: async () => await new Promise(() => {}) }, () => {})
}

async function startDebug (t: Parameters<typeof start>[0], transport: Transport): Promise<Fixture> {
  return await start(t, transport, addEcho, {}, {}, 'debug')
}
