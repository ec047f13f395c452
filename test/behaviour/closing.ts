import { once } from 'node:events'
import type { WebSocket } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { recordTexts, sendTexts } from '../helpers/texts.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextMessage, waitTurns, waitUntil } from '../helpers/waiting.ts'
import { connectionOf } from '../helpers/ws-connection.ts'

/** Size, in bytes, of a masked frame with one letter (RFC 6455 section 5.2). */
const FRAME_SIZE = 7

/** The end of a socket: close(), terminate() and app.close(). */
export function testClosing (transport: Transport): void {
  const scenario = scenarios(transport)

  // close()

  scenario('the handler receives the code and reason with which the client closes', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      socket.on('close', (...args) => app.server.emit('seen', ...args))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/close')
    const seen = once(app.server, 'seen')
    socket.close(4001, 'enough')
    const [code, reason] = await seen
    t.equal(code, 4001)
    t.equal(String(reason), 'enough')
  })

  scenario('the client receives the code and reason with which the handler closes', (app) => {
    app.get('/close', { websocket: true }, (socket) => socket.close(4002, 'go away'))
  }, async (t, { connect }) => {
    t.same(await closed(connect('/close')), { code: 4002, reason: 'go away' })
  })

  scenario('close() without a code is reported as 1005 on both sides', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
      socket.close()
    })
  }, async (t, { app, connect }) => {
    const seen = once(app.server, 'seen')
    t.equal((await closed(connect('/close'))).code, 1005)
    t.same(await seen, [1005])
  })

  scenario('when both sides close at the same time, each emits one \'close\' with one of the two codes', (app) => {
    app.get('/close', { websocket: true }, (socket) => {
      let closes = 0
      socket.on('message', () => socket.close(4003))
      socket.on('close', (code) => app.server.emit('seen', code, ++closes))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/close')
    const seen = once(app.server, 'seen')
    socket.send('now')
    socket.close(4004)
    const { code } = await closed(socket)
    t.ok([4003, 4004].includes(code))
    const [seenCode, closes] = await seen
    t.ok([4003, 4004].includes(seenCode))
    t.equal(closes, 1)
  })

  scenario('messages that were sent before close() arrive before the close', (app) => {
    app.get('/last', { websocket: true }, (socket) => {
      socket.send(Buffer.alloc(MIB))
      socket.close(1000, 'done')
    })
  }, async (t, { connect }) => {
    const socket = connect('/last')
    const last = nextMessage(socket)
    const end = closed(socket)
    t.equal((await last).data.length, MIB)
    t.same(await end, { code: 1000, reason: 'done' })
  })

  scenario('a closed socket is removed from websocketServer.clients', addEcho, async (t, { app, open }) => {
    const socket = await open('/echo')
    const [client] = app.websocketServer.clients
    t.equal(app.websocketServer.clients.size, 1)
    const closing = once(client!, 'close')
    socket.close()
    await closing
    t.equal(app.websocketServer.clients.size, 0)
  })

  scenario('a socket without listeners is forgotten when it closes: app.close() does not wait for it', (app) => {
    app.get('/quiet', { websocket: true }, (socket) => { socket.removeAllListeners() })
  }, async (t, { app, open }) => {
    const socket = await open('/quiet')
    const [client] = app.websocketServer.clients
    socket.terminate()
    await waitUntil(() => client!.readyState === client!.CLOSED && app.websocketServer.clients.size === 0, 'no client')
    t.pass()
  })

  // terminate()

  scenario('terminate() of the handler is reported to the client as 1006', (app) => {
    app.get('/cut', { websocket: true }, (socket) => socket.terminate())
  }, async (t, { open }) => {
    t.equal((await closed(await open('/cut'))).code, 1006)
  })

  scenario('terminate() of the client is reported to the handler as 1006', (app) => {
    app.get('/cut', { websocket: true }, (socket) => {
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/cut')
    const seen = once(app.server, 'seen')
    socket.terminate()
    t.same(await seen, [1006])
  })

  // Messages that a paused socket has received

  const endings: Record<string, (server: WebSocket, client: WebSocket) => unknown> = {
    'terminate() of the server': (server) => server.terminate(),
    'terminate() of the client, then resume()': async (server, client) => {
      client.terminate()
      await closed(client)
      server.resume()
    },
    'close() of the client, then resume()': (server, client) => {
      client.close()
      server.resume()
    },
    'close() of the server that the client does not answer': (server) => server.close()
  }
  for (const [ending, end] of Object.entries(endings)) {
    scenario(`messages that waited for a listener are emitted before the close of a paused socket: ${ending}`, (app) => {
      app.get('/', { websocket: true }, async (socket) => {
        await once(app.server, 'listen')
        socket.pause()
        const events = recordTexts(socket)
        socket.once('close', () => events.push('close'))
        const taken: string[] = []
        void (async () => { for await (const each of socket) taken.push(String(each)) })()
        app.server.emit('paused', socket, events, taken)
      })
    }, async (t, { app, open }) => {
      const socket = await open('/')
      socket.on('error', () => {})
      await sendTexts(socket, ['a', 'b'])
      const paused = once(app.server, 'paused')
      app.server.emit('listen')
      const [server, events, taken] = await paused
      await waitTurns()
      t.same(events, [])
      const closing = once(server, 'close')
      await end(server, socket)
      await closing
      t.same(events, ['a', 'b', 'close'])
      await waitTurns()
      t.same(taken, ['a', 'b'])
    }, { options: { closeTimeout: 200 } })

    scenario(`messages that a paused socket has received are emitted before its close: ${ending}`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.pause()
        const events = recordTexts(socket)
        socket.once('close', () => events.push('close'))
        app.server.emit('paused', socket, events)
      })
    }, async (t, { app, open }) => {
      const paused = once(app.server, 'paused')
      const socket = await open('/')
      socket.on('error', () => {})
      const [server, events] = await paused
      for (const each of ['a', 'b']) socket.send(each)
      await waitUntil(() => connectionOf(server).readableLength === 2 * FRAME_SIZE)
      const closing = once(server, 'close')
      await end(server, socket)
      await closing
      t.same(events, ['a', 'b', 'close'])
    }, { options: { closeTimeout: 200 } })
  }

  scenario('messages that waited for a listener are emitted before the close of a paused socket: app.close()', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.pause()
      const events = recordTexts(socket)
      socket.once('close', () => events.push('close'))
      app.server.emit('paused', events)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    await sendTexts(socket, ['a', 'b'])
    const paused = once(app.server, 'paused')
    app.server.emit('listen')
    const [events] = await paused
    await app.close()
    t.same(events, ['a', 'b', 'close'])
  }, { options: { closeTimeout: 200 } })

  // app.close()

  scenario('app.close() closes every socket with 1001', (app) => {
    app.addHook('onClose', async () => { app.server.emit('closed') })
    addEcho(app)
  }, async (t, { app, open }) => {
    const sockets = await Promise.all([open('/echo'), open('/echo'), open('/echo')])
    const codes = sockets.map(closed)
    await app.close()
    t.same((await Promise.all(codes)).map(({ code }) => code), [1001, 1001, 1001])
    t.equal(app.websocketServer.clients.size, 0)
  })

  scenario('app.close() does not wait for a client that has ended its side and does not read', (app) => {
    app.get('/flood', { websocket: true }, (socket, request) => {
      socket.send(Buffer.alloc(32 * MIB))
      app.server.emit('flood', socket, request.raw)
    })
  }, async (t, { app, connect }) => {
    const flood = once(app.server, 'flood')
    const socket = connect('/flood')
    socket.on('error', () => {})
    await once(socket, 'open')
    socket.pause()
    const [server] = await flood
    const closing = once(server, 'close')
    connectionOf(socket).end()
    await app.close()
    t.same((await closing)[0], 1006)
  }, { options: { closeTimeout: 200 } })

  scenario('the option preClose replaces the default, which closes sockets with 1001', addEcho, async (t, { app, open }) => {
    const closing = closed(await open('/echo'))
    await app.close()
    t.same(await closing, { code: 4999, reason: 'custom' })
  }, {
    preClose (done) {
      for (const client of this.websocketServer.clients) client.close(4999, 'custom')
      done()
    }
  })
}
