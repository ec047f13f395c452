import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Test } from 'tap'
import type {
  BackpressureMessage, HandshakeMessage, SessionCloseMessage, SocketCloseMessage, SocketOpenMessage
} from '../../index.ts'
import { handshakeChannel } from '../../lib/channels.ts'
import { brief, record, recordTraces } from '../helpers/channels.ts'
import { addEcho } from '../helpers/echo.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, nextTexts } from '../helpers/waiting.ts'

/** Subscribers of channels that use sockets, fail, or come and leave at any time. */
export function testSubscribers (transport: Transport): void {
  const scenario = scenarios(transport)

  scenario('a subscriber can send on a socket that has just opened, and what it sends is counted', addEcho, async (t, { connect }) => {
    subscribeTo(t, 'socket:open', ({ socket }: SocketOpenMessage) => socket.send('from a subscriber'))
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = connect('/echo')
    t.equal(await nextText(socket), 'from a subscriber')
    socket.close()
    await ends.next()
    t.match(brief(ends), [{ messagesSent: 1, bytesSent: 17 }])
  })

  for (const [end, code] of [['close', 4003], ['terminate', 1006]] as const) {
    scenario(`a subscriber can ${end} a socket that has just opened`, (app) => {
      addEcho(app)
      app.get('/', { websocket: true }, (socket) => { socket.on('error', () => {}) })
    }, async (t, { app, connect }) => {
      subscribeTo(t, 'socket:open', ({ socket }: SocketOpenMessage) => end === 'close' ? socket.close(4003) : socket.terminate())
      const ends = record<SocketCloseMessage>(t, 'socket:close')
      const socket = connect('/')
      socket.on('error', () => {})
      await ends.next()
      t.match(brief(ends), [{ code, closedBy: 'server' }])
      t.match(app.websocketServer.stats().sockets, { open: 0, opened: 1, closed: { [code]: 1 } })
    })
  }

  for (const slowConsumer of ['drop', 'close'] as const) {
    scenario(`a subscriber can send on a slow consumer, with slowConsumer: '${slowConsumer}'`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.on('error', () => {})
        for (let count = 0; count < 2; count++) socket.send(Buffer.alloc(8 * MIB))
        for (const fin of [false, true]) socket.send('fragment', { fin })
        socket.terminate()
      })
    }, async (t, { connect }) => {
      const errors = captureErrors(t)
      let published = 0
      subscribeTo(t, 'socket:slow_consumer', ({ socket }: SocketOpenMessage) => { published++; socket.send('slow') })
      const ends = record<SocketCloseMessage>(t, 'socket:close')
      connect('/').on('error', () => {})
      await ends.next()
      t.same(errors, [])
      // Over TLS the response head may still wait when the first message is sent.
      const expected = slowConsumer === 'drop' ? [3, 4] : [1]
      t.ok(expected.includes(published), `published ${published} times`)
    }, { sendLimit: 1, slowConsumer })
  }

  scenario('a subscriber that throws disturbs neither the socket nor other subscribers', addEcho, async (t, { app, open }) => {
    const errors = captureErrors(t)
    for (const name of ['socket:open', 'socket:close', 'handshake:refused']) {
      subscribeTo(t, name, () => { throw new Error(name) })
    }
    const failing = { start () { throw new Error('start') }, asyncEnd () { throw new Error('asyncEnd') } }
    handshakeChannel.subscribe(failing as never)
    t.teardown(() => handshakeChannel.unsubscribe(failing as never))
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = await open('/echo')
    socket.send('hello')
    t.equal(await nextText(socket), 'hello')
    const end = closed(socket)
    socket.close(1000)
    await Promise.all([end, ends.next()])
    t.match(brief(ends), [{ code: 1000, messagesSent: 1 }])
    t.same(app.websocketServer.stats().sockets.closed, { 1000: 1 })
    t.same(errors.map(({ message }) => message), ['start', 'asyncEnd', 'socket:open', 'socket:close'])
  })

  scenario('subscribers that come during a handshake or the life of a socket see only whole handshakes', (app) => {
    const preHandler = async (): Promise<void> => {
      const end = once(app.server, 'continue')
      app.server.emit('waiting')
      await end
    }
    app.get('/slow', { websocket: true, preHandler }, (socket) => {
      socket.on('message', () => socket.close())
      app.server.emit('opened')
    })
  }, async (t, { app, connect }) => {
    const waiting = once(app.server, 'waiting')
    const socket = connect('/slow')
    await waiting
    const { names } = recordTraces(t)
    const opens = record<SocketOpenMessage>(t, 'socket:open')
    const opened = Promise.all([once(app.server, 'opened'), once(socket, 'open')])
    app.server.emit('continue')
    await opened
    t.equal(opens.length, 1)
    t.same(names, [])
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    socket.send('end')
    await ends.next()
    t.match(brief(ends), [{ messagesReceived: 1, bytesReceived: 3 }])
  })

  scenario('backpressure that began before there was a subscriber is published with the next message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.on('message', () => {
        socket.send(Buffer.alloc(8 * MIB))
        app.server.emit('blocked')
        socket.send('one more')
      })
    })
  }, async (t, { app, open }) => {
    const pressure: BackpressureMessage[] = []
    app.server.once('blocked', () => {
      subscribeTo(t, 'socket:backpressure', (message: BackpressureMessage) => pressure.push(message))
    })
    const socket = await open('/')
    socket.send('go')
    await nextTexts(socket, 2)
    t.match(brief(pressure), [{ direction: 'send', active: true }, { direction: 'send', active: false }])
    socket.terminate()
  })

  scenario('hooks and the handler run in a store that is bound to the start of the handshake', (app) => {
    app.get('/', { websocket: true, preHandler: async () => await new Promise(setImmediate) }, async (socket) => {
      for await (const message of socket) socket.send(`${String(store.getStore())} ${message}`)
    })
  }, async (t, { open }) => {
    t.teardown(() => handshakeChannel.start.unbindStore(store))
    handshakeChannel.start.bindStore(store, (message) => (message as HandshakeMessage).rawRequest.url)
    const socket = await open('/?first')
    socket.send('a')
    socket.send('b')
    t.same(await nextTexts(socket, 2), ['/?first a', '/?first b'])
    socket.terminate()
  })

  scenario('events that a user emits on a socket break no count', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.on('message', () => {})
      for (const data of [undefined, null, {}, { byteLength: 'x' }, 'text']) socket.emit('message', data as never, false)
      socket.emit('close', undefined as never, undefined as never)
      socket.emit('close', 4000, Buffer.from('again'))
      socket.terminate()
    })
  }, async (t, { app, connect }) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = connect('/')
    socket.on('error', () => {})
    await once(socket, 'close')
    t.match(brief(ends), [{ code: 1006, reason: '', messagesReceived: 5, bytesReceived: 4 }])
    t.match(app.websocketServer.stats(), {
      sockets: { open: 0, opened: 1, closed: { 1006: 1 } }, bytes: { received: 4 }
    })
    t.equal(ends.length, 1)
  })

  scenario('a value that ws converts to an empty message is sent, and counts 0 bytes', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      for (const data of [undefined, null, 0, 12]) socket.send(data as never)
    })
  }, async (t, { connect }) => {
    const ends = record<SocketCloseMessage>(t, 'socket:close')
    const socket = connect('/')
    t.same(await nextTexts(socket, 4), ['', '', '0', '12'])
    socket.close()
    await ends.next()
    t.match(brief(ends), [{ messagesSent: 4, bytesSent: 3 }])
  })

  if (transport.httpVersion === '2.0') {
    scenario('a session that closes has carried its sockets, and not the handshakes that were refused', addEcho, async (t, fixture) => {
      const ends = record<SessionCloseMessage>(t, 'session:close')
      await fixture.refused('/nowhere')
      for (let count = 0; count < 2; count++) (await fixture.open('/echo')).terminate()
      fixture.session!.close()
      await ends.next()
      t.match(brief(ends), [{ sockets: 2, duration: Number }])
    })
  }
}

const store = new AsyncLocalStorage<unknown>()

function subscribeTo<Message> (t: Test, name: string, listener: (message: Message) => void): void {
  const subscriber = (message: unknown): void => listener(message as Message)
  subscribe(`fastify-websocket-h2:${name}`, subscriber)
  t.teardown(() => { unsubscribe(`fastify-websocket-h2:${name}`, subscriber) })
}

/** Collects the errors that would end the process, until the test ends. */
function captureErrors (t: Test): Error[] {
  const errors: Error[] = []
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  return errors
}
