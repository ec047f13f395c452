import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'
import { createWebSocketStream } from 'ws'
import type { WebSocket as WsWebSocket } from 'ws'
import { Callbacks } from '../helpers/callbacks.ts'
import { closed, message, sentences, text } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import type { WebSocket } from '../../index.ts'

const INFO = 30
const WARN = 40
const MEGABYTE = Buffer.alloc(1024 * 1024, 'm')

/** Backpressure as a user sees it, which is the same whichever transport carries the socket. */
export function behaveUnderPressure (transport: Transport): void {
  const sentence = sentences(transport)

  // Messages that come before anyone listens

  sentence('what arrives while an async handler does not listen yet is delivered in order', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    for (const each of ['one', 'two', 'three']) socket.send(each)
    await pong(socket)
    const received = collect(socket, 4)
    app.server.emit('listen')
    await once(socket, 'message')
    socket.send('four')
    t.same(await received, ['one', 'two', 'three', 'four'])
  })

  sentence('past a bound the client has to wait for such a handler, and nothing is lost', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      let sum = 0
      socket.on('message', (data: Buffer) => {
        sum += data.length
        if (sum === 64 * MEGABYTE.length) socket.send('all')
      })
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    for (let count = 0; count < 64; count++) socket.send(MEGABYTE)
    const [server] = app.websocketServer.clients
    await until(() => server!.isPaused)
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    app.server.emit('listen')
    t.equal(await text(socket), 'all')
    t.notOk(server!.isPaused)
  })

  sentence('while messages are held a ping is answered, and a close too', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(socket, 'close')
      socket.on('message', (data) => app.server.emit('heard', String(data)))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    const heard = once(app.server, 'heard')
    socket.send('held')
    await pong(socket)
    socket.close(4000)
    t.equal((await closed(socket)).code, 4000)
    t.same(await heard, ['held'], 'what was held is delivered all the same')
  })

  sentence('a handler that only sends sees its client close, however much that said', (app) => {
    app.get('/news', { websocket: true }, (socket) => {
      socket.send('news')
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  }, async (t, { app, open }) => {
    const seen = once(app.server, 'seen')
    const socket = await open('/news')
    for (let count = 0; count < 4; count++) socket.send(MEGABYTE)
    socket.close(4000)
    t.same(await seen, [4000])
  })

  sentence('one who listens to one message at a time misses none', (app) => {
    app.get('/steps', { websocket: true }, async (socket) => {
      for (let step = 0; step < 3; step++) {
        const [data] = await once(socket, 'message')
        await new Promise(setImmediate)
        socket.send(`step ${data}`)
      }
    })
  }, async (t, { open }) => {
    const socket = await open('/steps')
    const received = collect(socket, 3)
    for (const each of ['1', '2', '3']) socket.send(each)
    t.same(await received, ['step 1', 'step 2', 'step 3'])
  })

  sentence('a listener that comes in the midst of held messages keeps their order', (app) => {
    app.get('/ping', { websocket: true }, (socket) => {
      socket.once('ping', () => socket.on('message', (data) => socket.send(String(data))))
    })
  }, async (t, { open }) => {
    const socket = await open('/ping')
    const received = collect(socket, 2)
    socket.send('before')
    socket.ping()
    socket.send('after')
    t.same(await received, ['before', 'after'])
  })

  // pause() and resume()

  sentence('a paused socket hears nothing, and everything once it is resumed', (app) => {
    app.get('/pause', { websocket: true }, (socket) => {
      socket.pause()
      let count = 0
      socket.on('message', () => { if (++count === 32) socket.send('all') })
      app.server.emit('paused', socket, () => count)
    })
  }, async (t, { app, open }) => {
    const paused = once(app.server, 'paused')
    const socket = await open('/pause')
    const [server, count] = await paused
    for (let sent = 0; sent < 32; sent++) socket.send(MEGABYTE)
    await open('/pause')
    t.equal(count(), 0)
    t.ok(server.isPaused)
    server.resume()
    t.equal(await text(socket), 'all')
  })

  sentence('a paused socket stays so, though messages are held and somebody listens', (app) => {
    app.get('/pause', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.pause()
      socket.on('message', (data) => socket.send(String(data)))
      app.server.emit('paused', socket)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/pause')
    socket.send('held')
    await pong(socket)
    const paused = once(app.server, 'paused')
    app.server.emit('listen')
    const [server] = await paused
    const early = message(socket).then(() => 'early')
    t.equal(await Promise.race([early, turns(3).then(() => 'nothing')]), 'nothing')
    server.resume()
    t.equal(await early, 'early')
  })

  sentence('a stream made of a socket holds back its client', (app) => {
    app.get('/stream', { websocket: true }, (socket) => {
      const stream = createWebSocketStream(socket)
      stream.on('error', () => {})
      app.server.emit('made', socket, stream)
    })
  }, async (t, { app, open }) => {
    const made = once(app.server, 'made')
    const socket = await open('/stream')
    const [server, stream] = await made
    for (let sent = 0; sent < 32; sent++) socket.send(MEGABYTE)
    await until(() => server.isPaused)
    let length = 0
    for await (const chunk of stream) {
      length += chunk.length
      if (length === 32 * MEGABYTE.length) break
    }
    t.equal(length, 32 * MEGABYTE.length)
  })

  // for await

  sentence('a socket can be iterated: text as string, bytes as Buffer, until it closes', (app) => {
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

  sentence('an iterating handler that takes its time holds back its client, and no other', (app) => {
    app.get('/slow', { websocket: true }, async (socket) => {
      for await (const each of socket) {
        if (each === 'wait') await once(app.server, 'go on')
        else if (each === 'last') socket.send('last')
      }
    })
    app.get('/echo', { websocket: true }, (socket) => { socket.on('message', (data) => socket.send(String(data))) })
  }, async (t, { app, open }) => {
    const socket = await open('/slow')
    const sibling = await open('/echo')
    socket.send('wait')
    for (let sent = 0; sent < 64; sent++) socket.send(MEGABYTE)
    socket.send('last')
    const [server] = app.websocketServer.clients
    await until(() => server!.isPaused)
    sibling.send('and I?')
    t.equal(await text(sibling), 'and I?')
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    app.server.emit('go on')
    t.equal(await text(socket), 'last')
  })

  sentence('an iteration throws what the peer did wrong, which is reported once', (app) => {
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
    t.match(logs.filter(({ err }) => err !== undefined), [
      { level: INFO, err: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' } }
    ])
    t.equal(logs.filter(({ err }) => err !== undefined).length, 1)
  }, { options: { maxPayload: 100 } })

  sentence('what a loop leaves goes to the next who listens', (app) => {
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
    const received = collect(socket, 4)
    for (const each of ['ada', 'one', 'two', 'three']) socket.send(each)
    t.same(await received, ['hello ada', 'again one', 'then two', 'then three'])
  })

  sentence('a closed socket gives what it held, and ends', (app) => {
    app.get('/gone', { websocket: true }, async (socket) => {
      await once(socket, 'close')
      app.server.emit('received', await readAll(socket))
    })
  }, async (t, { app, open }) => {
    const received = once(app.server, 'received')
    const socket = await open('/gone')
    socket.send('last words')
    socket.close()
    t.strictSame(await received, [['last words']])
  })

  // Sending

  sentence('bufferedAmount counts bytes, and is 0 when they have gone', (app) => {
    app.get('/send', { websocket: true }, (socket) => {
      for (let sent = 1; sent < 20; sent++) socket.send('ü'.repeat(1_000_000))
      socket.send('ü'.repeat(1_000_000), () => app.server.emit('gone', socket.bufferedAmount))
      app.server.emit('buffered', socket.bufferedAmount)
    })
  }, async (t, { app, open }) => {
    const buffered = once(app.server, 'buffered')
    const gone = once(app.server, 'gone')
    const socket = await open('/send')
    socket.on('message', () => {})
    const [amount] = await buffered
    // The kernel takes some of it at once. Each message has a head, and the first comes behind that of the answer.
    t.ok(amount > 20_000_000 && amount < 40_001_000, String(amount))
    t.same(await gone, [0])
  }, { sendLimit: Infinity })

  sentence('a sender that waits for drain sends everything, and never has much waiting', (app) => {
    app.get('/source', { websocket: true }, async (socket) => {
      let most = 0
      for (let sent = 0; sent < 32; sent++) {
        socket.send(MEGABYTE)
        most = Math.max(most, socket.bufferedAmount)
        if (socket.writableNeedDrain) await once(socket, 'drain')
      }
      app.server.emit('sent', most, socket.writableNeedDrain)
      socket.close()
    })
  }, async (t, { app, open }) => {
    const sent = once(app.server, 'sent')
    const socket = await open('/source')
    let length = 0
    socket.on('message', (data: Buffer) => { length += data.length })
    const [most, needDrain] = await sent
    t.ok(most < 2 * MEGABYTE.length)
    t.equal(needDrain, false)
    await closed(socket)
    t.equal(length, 32 * MEGABYTE.length)
  })

  sentence('drain comes with compression too', (app) => {
    app.get('/source', { websocket: true }, async (socket) => {
      for (let sent = 0; sent < 8; sent++) {
        socket.send(MEGABYTE)
        if (socket.writableNeedDrain) await once(socket, 'drain')
      }
      socket.close(1000, socket.extensions)
    })
  }, async (t, { open }) => {
    const socket = await open('/source', { perMessageDeflate: true })
    let length = 0
    socket.on('message', (data: Buffer) => { length += data.length })
    const { reason } = await closed(socket)
    t.equal(reason, transport.httpVersion === '2.0' ? '' : 'permessage-deflate')
    t.equal(length, 8 * MEGABYTE.length)
  }, { options: { perMessageDeflate: true } })

  for (const [end, finish] of CUTS) {
    sentence(`callbacks of what a server did not send are called once, with an error: ${end}`, addFloodWithCallbacks, async (t, { app, connect }) => {
      const flooded = once(app.server, 'flooded')
      const socket = connect('/flood')
      socket.on('error', () => {})
      socket.on('upgrade', () => process.nextTick(() => socket.pause()))
      const [server, callbacks] = await flooded
      await once(socket, 'open')
      const gone = once(server, 'close')
      finish(server, socket)
      await gone
      await callbacks.settled()
      t.strictSame(callbacks.words, callbacks.words.map(() => 'not sent'))
      t.equal(server.bufferedAmount, 0)
    }, { sendLimit: Infinity, options: { closeTimeout: 200 } })

    sentence(`callbacks of what a client did not send are called once, with an error: ${end}`, (app) => {
      app.get('/deaf', { websocket: true }, (socket) => {
        socket.pause()
        app.server.emit('deaf', socket)
      })
    }, async (t, { app, open }) => {
      const deaf = once(app.server, 'deaf')
      const socket = await open('/deaf', { sendLimit: Infinity, closeTimeout: 200 })
      socket.on('error', () => {})
      const [server] = await deaf
      const callbacks = new Callbacks()
      sendMuch(socket, callbacks)
      const gone = once(socket, 'close')
      finish(socket, server)
      await gone
      await callbacks.settled()
      t.strictSame(callbacks.words, callbacks.words.map(() => 'not sent'))
      t.equal(socket.bufferedAmount, 0)
      server.terminate()
    })
  }

  sentence('callbacks of what waits to be compressed are called once, with an error, when the socket ends', addFloodWithCallbacks, async (t, { app, connect }) => {
    const flooded = once(app.server, 'flooded')
    const socket = connect('/flood', { perMessageDeflate: true })
    socket.on('error', () => {})
    socket.on('upgrade', () => process.nextTick(() => socket.pause()))
    const [server, callbacks] = await flooded
    server.terminate()
    await callbacks.settled()
    t.strictSame(callbacks.words, callbacks.words.map(() => 'not sent'))
  }, { sendLimit: Infinity, options: { perMessageDeflate: true } })

  sentence('a file that is piped to a client that goes away is closed', (app) => {
    app.get('/file', { websocket: true }, async (socket) => {
      app.server.emit('open')
      const [path] = await once(app.server, 'path')
      const file = createReadStream(path, { highWaterMark: MEGABYTE.length })
      file.once('data', () => app.server.emit('piping')).once('close', () => app.server.emit('ended'))
      await pipeline(file, createWebSocketStream(socket)).catch(() => {})
    })
  }, async (t, { app, connect }) => {
    const path = join(t.testdir({ file: '' }), 'file')
    await truncate(path, 64 * MEGABYTE.length)
    const [opened, piping, ended] = ['open', 'piping', 'ended'].map(async (event) => await once(app.server, event))
    const socket = connect('/file')
    socket.on('upgrade', () => process.nextTick(() => socket.pause()))
    await opened
    app.server.emit('path', path)
    await piping
    socket.terminate()
    await ended
  })

  sentence('a client that reads nothing is closed with 1008 past the sendLimit, and logged once', (app) => {
    app.get('/flood', { websocket: true }, (socket) => {
      app.server.emit('socket', socket)
      void flood(socket).then((error) => app.server.emit('refused', error))
    })
  }, async (t, { app, connect, logs }) => {
    const refused = once(app.server, 'refused')
    const opened = once(app.server, 'socket')
    const socket = connect('/flood')
    socket.on('upgrade', () => process.nextTick(() => socket.pause()))
    const [error] = await refused
    const [server] = await opened
    t.equal(error.code, 'FST_WS_SLOW_CONSUMER')
    t.ok(server.bufferedAmount <= 3 * MEGABYTE.length, 'no more than the limit and a message is waiting')
    socket.on('message', () => {}).resume()
    t.same(await closed(socket), { code: 1008, reason: 'slow consumer' })
    t.match(logs.filter(({ err }) => err !== undefined), [{ level: WARN, err: { code: 'FST_WS_SLOW_CONSUMER' } }])
    t.equal(logs.filter(({ err }) => err !== undefined).length, 1)
  }, { sendLimit: 2 * MEGABYTE.length })

  sentence('slowConsumer: drop leaves out messages, and never a part of one', (app) => {
    app.get('/flood', { websocket: true }, (socket) => {
      void flood(socket).then(async () => {
        socket.send('dropped: 1', { fin: false })
        socket.send('dropped: 2', { fin: true })
        app.server.emit('dropped')
        await once(socket, 'drain')
        socket.send('whole: 1', { fin: false })
        socket.send(', 2', { fin: true })
        socket.close(1000)
      })
    })
  }, async (t, { app, connect }) => {
    const dropped = once(app.server, 'dropped')
    const socket = connect('/flood')
    socket.on('upgrade', () => process.nextTick(() => socket.pause()))
    await dropped
    const texts: string[] = []
    socket.on('message', (data, isBinary) => { if (!isBinary) texts.push(String(data)) })
    socket.resume()
    t.equal((await closed(socket)).code, 1000)
    t.same(texts, ['whole: 1, 2'])
  }, { sendLimit: 2 * MEGABYTE.length, slowConsumer: 'drop' })

  sentence('slowConsumer may be a function, which is asked with the bytes that wait', (app) => {
    app.get('/flood', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 64; sent++) socket.send(MEGABYTE)
      app.server.emit('flooded', socket)
    })
  }, async (t, { app, connect }) => {
    const flooded = once(app.server, 'flooded')
    const socket = connect('/flood')
    socket.on('message', () => {})
    t.equal((await closed(socket)).code, 4008)
    const [server] = await flooded
    t.equal(asked.at(-1)?.[0], server)
    t.ok(asked.at(-1)![1] > 2 * MEGABYTE.length)
  }, {
    sendLimit: 2 * MEGABYTE.length,
    slowConsumer (socket, bytes) {
      asked.push([socket, bytes])
      socket.close(4008)
      return 'drop'
    }
  })

  sentence('an endless message to a client that reads nothing is no way past the sendLimit', (app) => {
    app.get('/endless', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 128 && socket.readyState === socket.OPEN; sent++) socket.send(MEGABYTE, { fin: false })
      app.server.emit('sent', socket)
    })
  }, async (t, { app, connect }) => {
    const sent = once(app.server, 'sent')
    const socket = connect('/endless')
    socket.on('error', () => {})
    const [server] = await sent
    t.not(server.readyState, server.OPEN)
    t.equal((await closed(socket)).code, 1008)
  }, { sendLimit: 2 * MEGABYTE.length, slowConsumer: 'drop' })
}

/** How a socket that has much to send may end, at its own hand or at its peer's. */
const CUTS: Array<[name: string, finish: (socket: WebSocket, peer: WebSocket) => void]> = [
  ['terminate()', (socket) => socket.terminate()],
  ['terminate() of the peer', (_socket, peer) => peer.terminate()],
  ['close(), and a peer that does not answer', (socket) => socket.close(1000)]
]

/** Sends more than any buffer below the process holds, as one message, and others behind it. */
/** A route that sends much at once, and reports the socket and its callbacks. */
function addFloodWithCallbacks (app: FastifyInstance): void {
  app.get('/flood', { websocket: true }, (socket) => {
    const callbacks = new Callbacks()
    sendMuch(socket, callbacks)
    app.server.emit('flooded', socket, callbacks)
  })
}

function sendMuch (socket: WebSocket, callbacks: Callbacks): void {
  socket.send(Buffer.alloc(16 * MEGABYTE.length), callbacks.next)
  socket.send('text', callbacks.next)
  socket.ping('ping', undefined, callbacks.next)
  socket.send(MEGABYTE, callbacks.next)
  socket.pong('pong', undefined, callbacks.next)
}

const asked: Array<[socket: WebSocket, bytes: number]> = []

/** Sends a megabyte turn by turn, until one of them is refused: with what error. */
async function flood (socket: WebSocket): Promise<Error> {
  return await new Promise((resolve) => {
    const sent = (error?: Error | null): void => {
      if (error == null) return
      clearInterval(timer)
      resolve(error)
    }
    const timer = setInterval(() => socket.send(MEGABYTE, sent))
  })
}

/** What an iteration brings, as a whole. */
async function readAll (socket: WebSocket): Promise<Array<string | Buffer>> {
  const received = []
  for await (const each of socket) received.push(each)
  return received
}

/** The next texts of a client, in order. */
async function collect (socket: WsWebSocket, count: number): Promise<string[]> {
  const texts: string[] = []
  await new Promise<void>((resolve) => socket.on('message', (data) => {
    if (texts.push(String(data)) === count) resolve()
  }))
  return texts
}

/** What was sent before has reached the server when its pong is here. */
async function pong (socket: WsWebSocket): Promise<void> {
  socket.ping()
  await once(socket, 'pong')
}

async function until (holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function turns (count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
}
