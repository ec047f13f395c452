import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { createWebSocketStream } from 'ws'
import type { WebSocket as WsWebSocket } from 'ws'
import { closed, message, sentences } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import type { WebSocket } from '../../index.ts'

const WARN = 40
const ERROR = 50
const KILOBYTE = Buffer.alloc(1024, 'k')
/** Size, in bytes, of a masked frame with one letter (RFC 6455 section 5.2). */
const FRAME_SIZE = 7
const MEGABYTE = Buffer.alloc(1024 * 1024, 'm')

/** Several consumers of one socket, and who pauses it: the same whichever transport carries the socket. */
export function behaveWithConsumers (transport: Transport): void {
  const sentence = sentences(transport)

  // Listeners and loops beside each other

  sentence('a loop that is left beside a listener has nothing emitted twice', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const texts = record(socket)
      app.server.emit('opened', socket, texts)
      await takeAndLeave(socket, 1, once(app.server, 'leave'))
      app.server.emit('left')
    })
  }, async (t, { app, open }) => {
    const opened = once(app.server, 'opened')
    const socket = await open('/')
    const [, texts] = await opened
    await sendAll(socket, ['a', 'b', 'c'])
    const left = once(app.server, 'left')
    app.server.emit('leave')
    await left
    await sendAll(socket, ['d'])
    t.same(texts, ['a', 'b', 'c', 'd'])
  })

  sentence('of two loops each takes all messages, and what both leave goes to the next, once and in order', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const loops = [
        takeAndLeave(socket, 2, once(app.server, 'leave first')),
        takeAndLeave(socket, 1, once(app.server, 'leave second'))
      ]
      app.server.emit('taken', await Promise.all(loops))
      app.server.emit('rest', record(socket))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    await sendAll(socket, ['a', 'b', 'c', 'd'])
    const taken = once(app.server, 'taken')
    const rest = once(app.server, 'rest')
    app.server.emit('leave first')
    await turn()
    app.server.emit('leave second')
    t.same(await taken, [[['a', 'b'], ['a']]])
    await sendAll(socket, ['e'])
    t.same(await rest, [['c', 'd', 'e']])
  })

  sentence('a listener that comes beside a busy loop begins with what the loop has not taken', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      let texts: string[] = []
      for await (const each of socket) {
        taken.push(String(each))
        if (each === 'a') {
          await once(app.server, 'listen')
          texts = record(socket)
          await turn()
        }
        if (each === 'd') break
      }
      app.server.emit('received', taken, texts)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const received = once(app.server, 'received')
    await sendAll(socket, ['a', 'b', 'c'])
    app.server.emit('listen')
    socket.send('d')
    t.same(await received, [['a', 'b', 'c', 'd'], ['b', 'c', 'd']])
  })

  sentence('loops within a loop, and once(), receive what comes next, as the loop does after them', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      for await (const each of socket) {
        taken.push(`outer ${each}`)
        if (each === 'a') {
          await once(app.server, 'go on')
          const [data] = await once(socket, 'message')
          taken.push(`once ${data}`)
          for (const inner of await takeAndLeave(socket, 1)) taken.push(`inner ${inner}`)
        }
        if (each === 'd') break
      }
      app.server.emit('taken', taken)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const taken = once(app.server, 'taken')
    await sendAll(socket, ['a', 'b', 'c', 'd'])
    app.server.emit('go on')
    t.same(await taken, [['outer a', 'once b', 'inner c', 'outer b', 'outer c', 'outer d']])
  })

  sentence('an iterator that is given up while it waits takes no message from the next who listens', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const iterator = socket[Symbol.asyncIterator]()
      const waiting = iterator.next()
      await iterator.return()
      app.server.emit('left', await waiting, record(socket))
    })
  }, async (t, { app, open }) => {
    const left = once(app.server, 'left')
    const socket = await open('/')
    await sendAll(socket, ['a', 'b'])
    t.same(await left, [{ value: undefined, done: true }, ['a', 'b']])
  })

  sentence('a stream made of a socket that a loop reads too receives each message once', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const stream = createWebSocketStream(socket)
      stream.on('error', () => {})
      const chunks: string[] = []
      stream.on('data', (chunk) => chunks.push(String(chunk)))
      await takeAndLeave(socket, 1, once(app.server, 'leave'))
      app.server.emit('chunks', chunks)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const chunks = once(app.server, 'chunks')
    await sendAll(socket, ['a', 'b', 'c'])
    app.server.emit('leave')
    const [received] = await chunks
    await sendAll(socket, ['d'])
    t.same(received, ['a', 'b', 'c', 'd'])
  })

  // Who pauses a socket

  sentence('after pause() nothing is emitted, not even what came together with the last message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      const texts = record(socket)
      socket.once('message', () => {
        socket.pause()
        app.server.emit('paused', socket, texts)
      })
    })
  }, async (t, { app, open }) => {
    const paused = once(app.server, 'paused')
    const socket = await open('/')
    const sent = Array.from({ length: 100 }, (_, index) => String(index))
    for (const each of sent) socket.send(each)
    const [server, texts] = await paused
    await open('/')
    t.same(texts, ['0'])
    server.resume()
    await sendAll(socket, [])
    t.same(texts, sent)
  })

  sentence('a socket that the user paused while a loop was busy stays so until the user resumes it', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      app.server.emit('opened', socket, taken)
      for await (const each of socket) {
        if (taken.push(String(each)) === 1) await once(app.server, 'go on')
      }
    })
  }, async (t, { app, open }) => {
    const opened = once(app.server, 'opened')
    const socket = await open('/')
    const [server, taken] = await opened
    const sent = Array.from({ length: 40 }, (_, index) => String(index))
    for (const each of sent) socket.send(each)
    await until(() => server.isPaused)
    server.pause()
    app.server.emit('go on')
    await open('/')
    t.ok(server.isPaused)
    t.same(taken, ['0'])
    server.resume()
    await sendAll(socket, [])
    t.same(taken, sent)
    t.notOk(server.isPaused)
  })

  sentence('resume() does not undo the pause for a loop that is busy', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      for await (const each of socket) {
        if (each === 'wait') await once(app.server, 'go on')
        else if (each === 'last') socket.send('last')
      }
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.send('wait')
    for (let sent = 0; sent < 64; sent++) socket.send(MEGABYTE)
    socket.send('last')
    const [server] = app.websocketServer.clients
    await until(() => server!.isPaused)
    server!.resume()
    t.ok(server!.isPaused)
    await open('/')
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    const last = message(socket)
    app.server.emit('go on')
    t.equal(String((await last).data), 'last')
  })

  // Messages that are held for a socket that is paused, and closes

  const ends: Record<string, (server: WebSocket, client: WebSocket) => unknown> = {
    'the server terminates it': (server) => server.terminate(),
    'the client is lost, and it is resumed': async (server, client) => {
      client.terminate()
      await closed(client)
      server.resume()
    },
    'the client closes, and it is resumed': (server, client) => {
      client.close()
      server.resume()
    },
    'it is closed, and the client does not answer in time': (server) => server.close()
  }
  for (const [words, end] of Object.entries(ends)) {
    sentence(`what is held for a paused socket is emitted before its close, where ${words}`, (app) => {
      app.get('/', { websocket: true }, async (socket) => {
        await once(app.server, 'listen')
        socket.pause()
        const events = record(socket)
        socket.once('close', () => events.push('close'))
        const taken: string[] = []
        void (async () => { for await (const each of socket) taken.push(String(each)) })()
        app.server.emit('paused', socket, events, taken)
      })
    }, async (t, { app, open }) => {
      const socket = await open('/')
      socket.on('error', () => {})
      await sendAll(socket, ['a', 'b'])
      const paused = once(app.server, 'paused')
      app.server.emit('listen')
      const [server, events, taken] = await paused
      await turn()
      t.same(events, [])
      const gone = once(server, 'close')
      await end(server, socket)
      await gone
      t.same(events, ['a', 'b', 'close'])
      await turn()
      t.same(taken, ['a', 'b'])
    }, { options: { closeTimeout: 200 } })

    sentence(`what a paused socket has received is emitted before its close, where ${words}`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.pause()
        const events = record(socket)
        socket.once('close', () => events.push('close'))
        app.server.emit('paused', socket, events)
      })
    }, async (t, { app, open }) => {
      const paused = once(app.server, 'paused')
      const socket = await open('/')
      socket.on('error', () => {})
      const [server, events] = await paused
      for (const each of ['a', 'b']) socket.send(each)
      await until(() => server._socket.readableLength === 2 * FRAME_SIZE)
      const gone = once(server, 'close')
      await end(server, socket)
      await gone
      t.same(events, ['a', 'b', 'close'])
    }, { options: { closeTimeout: 200 } })
  }

  sentence('what is held for a paused socket is emitted before its close, where Fastify closes', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.pause()
      const events = record(socket)
      socket.once('close', () => events.push('close'))
      app.server.emit('paused', events)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    await sendAll(socket, ['a', 'b'])
    const paused = once(app.server, 'paused')
    app.server.emit('listen')
    const [events] = await paused
    await app.close()
    t.same(events, ['a', 'b', 'close'])
  }, { options: { closeTimeout: 200 } })

  sentence('what a loop has waiting when its socket closes is still taken', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      for await (const each of socket) {
        if (taken.push(String(each)) === 1) await once(app.server, 'go on')
      }
      app.server.emit('taken', taken)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const [server] = app.websocketServer.clients
    await sendAll(socket, ['a', 'b', 'c'])
    const gone = once(server!, 'close')
    server!.terminate()
    await gone
    const taken = once(app.server, 'taken')
    app.server.emit('go on')
    t.same(await taken, [['a', 'b', 'c']])
  })

  // Messages that are dropped

  sentence('messages that a handler never listens to are dropped, with one warning for a socket', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send('news'))
  }, async (t, { open, logs }) => {
    const socket = await open('/')
    await sendAll(socket, ['few of them are held'])
    t.same(logs.filter(({ level }) => level === WARN), [])
    for (let count = 0; count < 64; count++) socket.send(KILOBYTE)
    await sendAll(socket, [])
    t.match(logs.filter(({ level }) => level === WARN), [
      { msg: /^websocket messages were dropped: 'message' has no listener, and the handler has returned/, reqId: /./ }
    ])
    t.equal(logs.filter(({ level }) => level === WARN).length, 1)
  })

  // slowConsumer

  const results: Array<[words: string, slowConsumer: () => unknown, error: object]> = [
    ['returns a promise', () => Promise.resolve('drop'), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned a promise: it must return "close", "drop"/
    }],
    ['returns a promise that rejects', () => Promise.reject(new Error('too late')), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned a promise/
    }],
    ['returns what it cannot', () => 'dorp', {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned "dorp"/
    }],
    ['throws', () => { throw new TypeError('socket.name is undefined') }, { message: 'socket.name is undefined' }],
    // eslint-disable-next-line no-throw-literal
    ['throws no Error', () => { throw undefined }, {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" threw undefined/
    }]
  ]
  for (const [words, slowConsumer, expected] of results) {
    sentence(`a slowConsumer that ${words} is an error, reported once, and the socket closes with 1011`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.once('close', () => app.server.emit('closed', errors))
        const errors: unknown[] = []
        const onSent = (error?: Error | null): void => { if (error != null) errors.push(error) }
        for (let sent = 0; sent < 64; sent++) socket.send(MEGABYTE, onSent)
      })
    }, async (t, { app, connect, logs }) => {
      const gone = once(app.server, 'closed')
      const socket = connect('/')
      socket.on('message', () => {})
      t.equal((await closed(socket)).code, 1011)
      const [errors] = await gone
      t.match(errors[0], expected, 'the callback of send() gets it')
      t.match(logs.filter(({ err }) => err !== undefined), [{ level: ERROR, err: expected }])
      t.equal(logs.filter(({ err }) => err !== undefined).length, 1)
    }, { sendLimit: 2 * MEGABYTE.length, slowConsumer: slowConsumer as never })
  }

  sentence('a slowConsumer may send to its own socket, which it is not asked about', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 64; sent++) socket.send(MEGABYTE)
    })
  }, async (t, { connect }) => {
    const socket = connect('/')
    const texts: string[] = []
    socket.on('message', (data, isBinary) => { if (!isBinary) texts.push(String(data)) })
    t.same(await closed(socket), { code: 1008, reason: 'slow consumer' })
    t.same(texts, ['too slow'])
  }, {
    sendLimit: 2 * MEGABYTE.length,
    slowConsumer (socket) {
      socket.send('too slow')
      return 'close'
    }
  })
}

/** The texts that a listener receives. */
function record (socket: WsWebSocket): string[] {
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  return texts
}

/** Takes some messages in a loop, and leaves it, at once or when told to. */
async function takeAndLeave (socket: WebSocket, count: number, told?: Promise<unknown>): Promise<string[]> {
  const taken: string[] = []
  for await (const each of socket) {
    if (taken.push(String(each)) < count) continue
    await told
    break
  }
  return taken
}

/** Sends texts, and waits until the server has read them. */
async function sendAll (socket: WsWebSocket, texts: string[]): Promise<void> {
  for (const each of texts) socket.send(each)
  socket.ping()
  await once(socket, 'pong')
}

async function until (holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
