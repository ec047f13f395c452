import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from '../../index.ts'
import { ERROR, WARN, linesWithError } from '../helpers/logs.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed } from '../helpers/waiting.ts'
import { pauseWhenOpen } from '../helpers/ws-connection.ts'

const LARGE = Buffer.alloc(MIB, 'l')

/** Sending to a client that reads slowly or not at all. */
export function testBackpressure (transport: Transport): void {
  const scenario = scenarios(transport)

  // bufferedAmount and 'drain'

  scenario('bufferedAmount counts the bytes that are not sent, and is 0 after the last callback', (app) => {
    app.get('/send', { websocket: true }, (socket) => {
      for (let sent = 1; sent < 20; sent++) socket.send('ü'.repeat(1_000_000))
      socket.send('ü'.repeat(1_000_000), () => app.server.emit('sent', socket.bufferedAmount))
      app.server.emit('buffered', socket.bufferedAmount)
    })
  }, async (t, { app, open }) => {
    const buffered = once(app.server, 'buffered')
    const sent = once(app.server, 'sent')
    const socket = await open('/send')
    socket.on('message', () => {})
    const [amount] = await buffered
    // The kernel takes some of it immediately. A frame header precedes each message, and the response head the first.
    t.ok(amount > 20_000_000 && amount < 40_001_000, String(amount))
    t.same(await sent, [0])
  }, { sendLimit: Infinity })

  scenario('a sender that waits for \'drain\' sends everything, and little is buffered', (app) => {
    app.get('/source', { websocket: true }, async (socket) => {
      let most = 0
      for (let sent = 0; sent < 32; sent++) {
        socket.send(LARGE)
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
    t.ok(most < 2 * MIB)
    t.equal(needDrain, false)
    await closed(socket)
    t.equal(length, 32 * MIB)
  })

  scenario('\'drain\' is emitted with compression, too', (app) => {
    app.get('/source', { websocket: true }, async (socket) => {
      for (let sent = 0; sent < 8; sent++) {
        socket.send(LARGE)
        if (socket.writableNeedDrain) await once(socket, 'drain')
      }
      socket.close(1000, socket.extensions)
    })
  }, async (t, { open }) => {
    const socket = await open('/source', { perMessageDeflate: true })
    let length = 0
    socket.on('message', (data: Buffer) => { length += data.length })
    const { reason } = await closed(socket)
    t.equal(reason, 'permessage-deflate')
    t.equal(length, 8 * MIB)
  }, { options: { perMessageDeflate: true } })

  scenario('a file that is piped to a client is closed when the client disconnects', (app) => {
    app.get('/file', { websocket: true }, async (socket) => {
      app.server.emit('open')
      const [path] = await once(app.server, 'path')
      const file = createReadStream(path, { highWaterMark: MIB })
      file.once('data', () => app.server.emit('piping')).once('close', () => app.server.emit('ended'))
      await pipeline(file, createWebSocketStream(socket)).catch(() => {})
    })
  }, async (t, { app, connect }) => {
    const path = join(t.testdir({ file: '' }), 'file')
    await truncate(path, 64 * MIB)
    const [opened, piping, ended] = ['open', 'piping', 'ended'].map(async (event) => await once(app.server, event))
    const socket = connect('/file')
    pauseWhenOpen(socket)
    await opened
    app.server.emit('path', path)
    await piping
    socket.terminate()
    await ended
  })

  // sendLimit

  scenario('a client that does not read is closed with 1008 at sendLimit, and logged once', (app) => {
    app.get('/flood', { websocket: true }, (socket) => {
      app.server.emit('socket', socket)
      void flood(socket).then((error) => app.server.emit('refused', error))
    })
  }, async (t, { app, connect, logs }) => {
    const refused = once(app.server, 'refused')
    const opened = once(app.server, 'socket')
    const socket = connect('/flood')
    pauseWhenOpen(socket)
    const [error] = await refused
    const [server] = await opened
    t.equal(error.code, 'FST_WS_SLOW_CONSUMER')
    t.ok(server.bufferedAmount <= 3 * MIB, 'no more than the limit and one message is buffered')
    socket.on('message', () => {}).resume()
    t.same(await closed(socket), { code: 1008, reason: 'slow consumer' })
    t.match(linesWithError(logs), [{ level: WARN, err: { code: 'FST_WS_SLOW_CONSUMER' } }])
    t.equal(linesWithError(logs).length, 1)
  }, { sendLimit: 2 * MIB })

  scenario('an endless fragmented message to a client that does not read is closed with 1008 at sendLimit', (app) => {
    app.get('/endless', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 128 && socket.readyState === socket.OPEN; sent++) socket.send(LARGE, { fin: false })
      app.server.emit('sent', socket)
    })
  }, async (t, { app, connect }) => {
    const sent = once(app.server, 'sent')
    const socket = connect('/endless')
    socket.on('error', () => {})
    const [server] = await sent
    t.not(server.readyState, server.OPEN)
    t.equal((await closed(socket)).code, 1008)
  }, { sendLimit: 2 * MIB, slowConsumer: 'drop' })

  // slowConsumer

  scenario('with slowConsumer: \'drop\' messages are dropped as a whole', (app) => {
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
    pauseWhenOpen(socket)
    await dropped
    const texts: string[] = []
    socket.on('message', (data, isBinary) => { if (!isBinary) texts.push(String(data)) })
    socket.resume()
    t.equal((await closed(socket)).code, 1000)
    t.same(texts, ['whole: 1, 2'])
  }, { sendLimit: 2 * MIB, slowConsumer: 'drop' })

  scenario('a slowConsumer function receives the socket and the number of buffered bytes', (app) => {
    app.get('/flood', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 64; sent++) socket.send(LARGE)
      app.server.emit('flooded', socket)
    })
  }, async (t, { app, connect }) => {
    const flooded = once(app.server, 'flooded')
    const socket = connect('/flood')
    socket.on('message', () => {})
    t.equal((await closed(socket)).code, 4008)
    const [server] = await flooded
    t.equal(calls.at(-1)?.[0], server)
    t.ok(calls.at(-1)![1] > 2 * MIB)
  }, {
    sendLimit: 2 * MIB,
    slowConsumer (socket, bytes) {
      calls.push([socket, bytes])
      socket.close(4008)
      return 'drop'
    }
  })

  scenario('a slowConsumer function may send a message to its socket, and is not called for it', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      for (let sent = 0; sent < 64; sent++) socket.send(LARGE)
    })
  }, async (t, { connect }) => {
    const socket = connect('/')
    const texts: string[] = []
    socket.on('message', (data, isBinary) => { if (!isBinary) texts.push(String(data)) })
    t.same(await closed(socket), { code: 1008, reason: 'slow consumer' })
    t.same(texts, ['too slow'])
  }, {
    sendLimit: 2 * MIB,
    slowConsumer (socket) {
      socket.send('too slow')
      return 'close'
    }
  })

  const invalid: Array<[behaviour: string, slowConsumer: () => unknown, error: object]> = [
    ['returns a promise', () => Promise.resolve('drop'), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned a promise: it must return "close", "drop"/
    }],
    ['returns a promise that rejects', () => Promise.reject(new Error('too late')), {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned a promise/
    }],
    ['returns an invalid value', () => 'dorp', {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" returned "dorp"/
    }],
    ['throws', () => { throw new TypeError('socket.name is undefined') }, { message: 'socket.name is undefined' }],
    // eslint-disable-next-line no-throw-literal
    ['throws undefined', () => { throw undefined }, {
      code: 'FST_WS_INVALID_SLOW_CONSUMER', message: /"slowConsumer" threw undefined/
    }]
  ]
  for (const [behaviour, slowConsumer, expected] of invalid) {
    scenario(`a slowConsumer function that ${behaviour} closes the socket with 1011, and its error is logged once`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.once('close', () => app.server.emit('closed', errors))
        const errors: unknown[] = []
        const onSent = (error?: Error | null): void => { if (error != null) errors.push(error) }
        for (let sent = 0; sent < 64; sent++) socket.send(LARGE, onSent)
      })
    }, async (t, { app, connect, logs }) => {
      const closing = once(app.server, 'closed')
      const socket = connect('/')
      socket.on('message', () => {})
      t.equal((await closed(socket)).code, 1011)
      const [errors] = await closing
      t.match(errors[0], expected, 'the callback of send() receives it')
      t.match(linesWithError(logs), [{ level: ERROR, err: expected }])
      t.equal(linesWithError(logs).length, 1)
    }, { sendLimit: 2 * MIB, slowConsumer: slowConsumer as never })
  }
}

/** Calls of a slowConsumer function. */
const calls: Array<[socket: WebSocket, bytes: number]> = []

/** Sends 1 MiB in each turn of the event loop until a message is refused, and returns the error. */
async function flood (socket: WebSocket): Promise<Error> {
  return await new Promise((resolve) => {
    const sent = (error?: Error | null): void => {
      if (error == null) return
      clearInterval(timer)
      resolve(error)
    }
    const timer = setInterval(() => socket.send(LARGE, sent))
  })
}
