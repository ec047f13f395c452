import { once } from 'node:events'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { INFO, linesWithError } from '../helpers/logs.ts'
import { MIB } from '../helpers/sizes.ts'
import { recordTexts, sendTexts } from '../helpers/texts.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, nextTexts, waitTurns, waitUntil } from '../helpers/waiting.ts'

const LARGE = Buffer.alloc(MIB, 'l')

/** Receiving messages with `for await`, also beside other consumers. */
export function testIteration (transport: Transport): void {
  const scenario = scenarios(transport)

  // One loop

  scenario('for await yields text as strings and binary messages as Buffers until the socket closes', (app) => {
    app.get('/iterate', { websocket: true }, async (socket) => {
      app.server.emit('received', await readAll(socket))
    })
  }, async (t, { app, open }) => {
    const received = once(app.server, 'received')
    const socket = await open('/iterate')
    socket.send('grüße')
    socket.send(Buffer.of(1, 2))
    socket.close()
    t.strictSame(await received, [['grüße', Buffer.of(1, 2)]])
  })

  scenario('a slow for await loop stops its own client only', (app) => {
    app.get('/slow', { websocket: true }, async (socket) => {
      for await (const each of socket) {
        if (each === 'wait') await once(app.server, 'continue')
        else if (each === 'last') socket.send('last')
      }
    })
    addEcho(app)
  }, async (t, { app, open }) => {
    const socket = await open('/slow')
    const sibling = await open('/echo')
    socket.send('wait')
    for (let sent = 0; sent < 64; sent++) socket.send(LARGE)
    socket.send('last')
    const [server] = app.websocketServer.clients
    await waitUntil(() => server!.isPaused)
    sibling.send('not stopped')
    t.equal(await nextText(sibling), 'not stopped')
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    app.server.emit('continue')
    t.equal(await nextText(socket), 'last')
  })

  scenario('for await throws a protocol error of the client, which is logged once', (app) => {
    app.get('/iterate', { websocket: true }, async (socket) => {
      socket.once('close', (code) => app.server.emit('seen', code))
      for await (const each of socket) socket.send(each)
    })
  }, async (t, { app, open, logs }) => {
    const seen = once(app.server, 'seen')
    const socket = await open('/iterate')
    socket.send(Buffer.alloc(101))
    t.equal((await closed(socket)).code, 1009)
    t.same(await seen, [1009])
    t.match(linesWithError(logs), [
      { level: INFO, err: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' } }
    ])
    t.equal(linesWithError(logs).length, 1)
  }, { options: { maxPayload: 100 } })

  scenario('messages that a loop leaves go to the next loop or listener', (app) => {
    app.get('/login', { websocket: true }, async (socket) => {
      let count = 0
      for await (const name of socket) {
        socket.send(`hello ${name}`)
        if (++count === 1) break
      }
      for await (const each of socket) {
        socket.send(`again ${each}`)
        if (++count === 2) break
      }
      socket.on('message', (data) => socket.send(`then ${data}`))
    })
  }, async (t, { open }) => {
    const socket = await open('/login')
    const received = nextTexts(socket, 4)
    for (const each of ['ada', 'one', 'two', 'three']) socket.send(each)
    t.same(await received, ['hello ada', 'again one', 'then two', 'then three'])
  })

  scenario('for await on a closed socket yields the messages that arrived before the close', (app) => {
    app.get('/closed', { websocket: true }, async (socket) => {
      await once(socket, 'close')
      app.server.emit('received', await readAll(socket))
    })
  }, async (t, { app, open }) => {
    const received = once(app.server, 'received')
    const socket = await open('/closed')
    socket.send('last words')
    socket.close()
    t.strictSame(await received, [['last words']])
  })

  scenario('a busy loop still receives the waiting messages after its socket has closed', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      for await (const each of socket) {
        if (taken.push(String(each)) === 1) await once(app.server, 'continue')
      }
      app.server.emit('taken', taken)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const [server] = app.websocketServer.clients
    await sendTexts(socket, ['a', 'b', 'c'])
    const closing = once(server!, 'close')
    server!.terminate()
    await closing
    const taken = once(app.server, 'taken')
    app.server.emit('continue')
    t.same(await taken, [['a', 'b', 'c']])
  })

  // Several consumers

  scenario('leaving a loop does not emit its messages to a listener again', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const texts = recordTexts(socket)
      app.server.emit('opened', socket, texts)
      await takeAndLeave(socket, 1, once(app.server, 'leave'))
      app.server.emit('left')
    })
  }, async (t, { app, open }) => {
    const opened = once(app.server, 'opened')
    const socket = await open('/')
    const [, texts] = await opened
    await sendTexts(socket, ['a', 'b', 'c'])
    const left = once(app.server, 'left')
    app.server.emit('leave')
    await left
    await sendTexts(socket, ['d'])
    t.same(texts, ['a', 'b', 'c', 'd'])
  })

  scenario('two loops both receive all messages, and those that both leave go to the next listener once and in order', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const loops = [
        takeAndLeave(socket, 2, once(app.server, 'leave first')),
        takeAndLeave(socket, 1, once(app.server, 'leave second'))
      ]
      app.server.emit('taken', await Promise.all(loops))
      app.server.emit('rest', recordTexts(socket))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    await sendTexts(socket, ['a', 'b', 'c', 'd'])
    const taken = once(app.server, 'taken')
    const rest = once(app.server, 'rest')
    app.server.emit('leave first')
    await waitTurns()
    app.server.emit('leave second')
    t.same(await taken, [[['a', 'b'], ['a']]])
    await sendTexts(socket, ['e'])
    t.same(await rest, [['c', 'd', 'e']])
  })

  scenario('a listener that is added during a busy loop starts with the messages that the loop has not taken', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      let texts: string[] = []
      for await (const each of socket) {
        taken.push(String(each))
        if (each === 'a') {
          await once(app.server, 'listen')
          texts = recordTexts(socket)
          await waitTurns()
        }
        if (each === 'd') break
      }
      app.server.emit('received', taken, texts)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const received = once(app.server, 'received')
    await sendTexts(socket, ['a', 'b', 'c'])
    app.server.emit('listen')
    socket.send('d')
    t.same(await received, [['a', 'b', 'c', 'd'], ['b', 'c', 'd']])
  })

  scenario('nested loops and once() receive the next messages, which the outer loop receives as well', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      for await (const each of socket) {
        taken.push(`outer ${each}`)
        if (each === 'a') {
          await once(app.server, 'continue')
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
    await sendTexts(socket, ['a', 'b', 'c', 'd'])
    app.server.emit('continue')
    t.same(await taken, [['outer a', 'once b', 'inner c', 'outer b', 'outer c', 'outer d']])
  })

  scenario('an iterator that returns while it waits takes no message from the next listener', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const iterator = socket[Symbol.asyncIterator]()
      const waiting = iterator.next()
      await iterator.return()
      app.server.emit('left', await waiting, recordTexts(socket))
    })
  }, async (t, { app, open }) => {
    const left = once(app.server, 'left')
    const socket = await open('/')
    await sendTexts(socket, ['a', 'b'])
    t.same(await left, [{ value: undefined, done: true }, ['a', 'b']])
  })

  scenario('createWebSocketStream() beside a loop receives each message once', (app) => {
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
    await sendTexts(socket, ['a', 'b', 'c'])
    app.server.emit('leave')
    const [received] = await chunks
    await sendTexts(socket, ['d'])
    t.same(received, ['a', 'b', 'c', 'd'])
  })
}

/** Returns all messages of a socket, up to its close. */
async function readAll (socket: WebSocket): Promise<Array<string | Buffer>> {
  const received = []
  for await (const each of socket) received.push(each)
  return received
}

/** Takes some messages in a loop, waits for a signal, and leaves the loop. */
async function takeAndLeave (socket: WebSocket, count: number, signal?: Promise<unknown>): Promise<string[]> {
  const taken: string[] = []
  for await (const each of socket) {
    if (taken.push(String(each)) < count) continue
    await signal
    break
  }
  return taken
}
