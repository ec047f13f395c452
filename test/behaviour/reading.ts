import { once } from 'node:events'
import { createWebSocketStream } from 'ws'
import { WARN } from '../helpers/logs.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { recordTexts, sendTexts } from '../helpers/texts.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextMessage, nextText, nextTexts, roundTrip, waitTurns, waitUntil } from '../helpers/waiting.ts'

const SMALL = Buffer.alloc(KIB, 's')
const LARGE = Buffer.alloc(MIB, 'l')

/** Receiving messages: before the first listener, with pause() and resume(), and as a stream. */
export function testReading (transport: Transport): void {
  const scenario = scenarios(transport)

  // Before the first listener

  scenario('messages that arrive before an async handler listens are emitted in order', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    for (const each of ['one', 'two', 'three']) socket.send(each)
    await roundTrip(socket)
    const received = nextTexts(socket, 4)
    app.server.emit('listen')
    await once(socket, 'message')
    socket.send('four')
    t.same(await received, ['one', 'two', 'three', 'four'])
  })

  scenario('a handler that does not listen yet stops the client at a limit, and no message is lost', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      let sum = 0
      socket.on('message', (data: Buffer) => {
        sum += data.length
        if (sum === 64 * MIB) socket.send('all')
      })
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    for (let count = 0; count < 64; count++) socket.send(LARGE)
    const [server] = app.websocketServer.clients
    await waitUntil(() => server!.isPaused)
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    app.server.emit('listen')
    t.equal(await nextText(socket), 'all')
    t.notOk(server!.isPaused)
  })

  scenario('pings and a close are answered while messages wait for a listener', (app) => {
    app.get('/late', { websocket: true }, async (socket) => {
      await once(socket, 'close')
      socket.on('message', (data) => app.server.emit('received', String(data)))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/late')
    const received = once(app.server, 'received')
    socket.send('held')
    await roundTrip(socket)
    socket.close(4000)
    t.equal((await closed(socket)).code, 4000)
    t.same(await received, ['held'], 'the waiting message is emitted after the close')
  })

  scenario('a handler without a \'message\' listener sees the close of a client that has sent 4 MiB', (app) => {
    app.get('/news', { websocket: true }, (socket) => {
      socket.send('news')
      socket.on('close', (code) => app.server.emit('seen', code))
    })
  }, async (t, { app, open }) => {
    const seen = once(app.server, 'seen')
    const socket = await open('/news')
    for (let count = 0; count < 4; count++) socket.send(LARGE)
    socket.close(4000)
    t.same(await seen, [4000])
  })

  scenario('events.once() in a loop receives every message', (app) => {
    app.get('/steps', { websocket: true }, async (socket) => {
      for (let step = 0; step < 3; step++) {
        const [data] = await once(socket, 'message')
        await waitTurns()
        socket.send(`step ${data}`)
      }
    })
  }, async (t, { open }) => {
    const socket = await open('/steps')
    const received = nextTexts(socket, 3)
    for (const each of ['1', '2', '3']) socket.send(each)
    t.same(await received, ['step 1', 'step 2', 'step 3'])
  })

  scenario('a listener that is added between two messages receives both in order', (app) => {
    app.get('/ping', { websocket: true }, (socket) => {
      socket.once('ping', () => socket.on('message', (data) => socket.send(String(data))))
    })
  }, async (t, { open }) => {
    const socket = await open('/ping')
    const received = nextTexts(socket, 2)
    socket.send('before')
    socket.ping()
    socket.send('after')
    t.same(await received, ['before', 'after'])
  })

  scenario('messages without a listener are dropped after the handler has returned, with one warning for each socket', (app) => {
    app.get('/', { websocket: true }, (socket) => socket.send('news'))
  }, async (t, { open, logs }) => {
    const socket = await open('/')
    await sendTexts(socket, ['kept for a listener'])
    t.same(logs.filter(({ level }) => level === WARN), [])
    for (let count = 0; count < 64; count++) socket.send(SMALL)
    await sendTexts(socket, [])
    t.match(logs.filter(({ level }) => level === WARN), [
      { msg: /^websocket messages were dropped: 'message' has no listener, and the handler has returned/, reqId: /./ }
    ])
    t.equal(logs.filter(({ level }) => level === WARN).length, 1)
  })

  // pause() and resume()

  scenario('a paused socket emits no message until resume()', (app) => {
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
    for (let sent = 0; sent < 32; sent++) socket.send(LARGE)
    await open('/pause')
    t.equal(count(), 0)
    t.ok(server.isPaused)
    server.resume()
    t.equal(await nextText(socket), 'all')
  })

  scenario('a paused socket does not emit the waiting messages to a new listener', (app) => {
    app.get('/pause', { websocket: true }, async (socket) => {
      await once(app.server, 'listen')
      socket.pause()
      socket.on('message', (data) => socket.send(String(data)))
      app.server.emit('paused', socket)
    })
  }, async (t, { app, open }) => {
    const socket = await open('/pause')
    socket.send('held')
    await roundTrip(socket)
    const paused = once(app.server, 'paused')
    app.server.emit('listen')
    const [server] = await paused
    const texts = recordTexts(socket)
    await open('/pause')
    t.same(texts, [])
    const text = nextText(socket)
    server.resume()
    t.equal(await text, 'held')
  })

  scenario('pause() in a \'message\' listener holds back the messages that arrived together with the last one', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      const texts = recordTexts(socket)
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
    await sendTexts(socket, [])
    t.same(texts, sent)
  })

  scenario('pause() during a busy loop lasts until resume()', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      const taken: string[] = []
      app.server.emit('opened', socket, taken)
      for await (const each of socket) {
        if (taken.push(String(each)) === 1) await once(app.server, 'continue')
      }
    })
  }, async (t, { app, open }) => {
    const opened = once(app.server, 'opened')
    const socket = await open('/')
    const [server, taken] = await opened
    const sent = Array.from({ length: 40 }, (_, index) => String(index))
    for (const each of sent) socket.send(each)
    await waitUntil(() => server.isPaused)
    server.pause()
    app.server.emit('continue')
    await open('/')
    t.ok(server.isPaused)
    t.same(taken, ['0'])
    server.resume()
    await sendTexts(socket, [])
    t.same(taken, sent)
    t.notOk(server.isPaused)
  })

  scenario('resume() during a busy loop does not resume the connection', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      for await (const each of socket) {
        if (each === 'wait') await once(app.server, 'continue')
        else if (each === 'last') socket.send('last')
      }
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.send('wait')
    for (let sent = 0; sent < 64; sent++) socket.send(LARGE)
    socket.send('last')
    const [server] = app.websocketServer.clients
    await waitUntil(() => server!.isPaused)
    server!.resume()
    t.ok(server!.isPaused)
    await open('/')
    t.ok(socket.bufferedAmount > 0, 'the client has more to send than it could')
    const last = nextMessage(socket)
    app.server.emit('continue')
    t.equal(String((await last).data), 'last')
  })

  // Streams

  scenario('a stream of createWebSocketStream() that is not read stops its client', (app) => {
    app.get('/stream', { websocket: true }, (socket) => {
      const stream = createWebSocketStream(socket)
      stream.on('error', () => {})
      app.server.emit('made', socket, stream)
    })
  }, async (t, { app, open }) => {
    const made = once(app.server, 'made')
    const socket = await open('/stream')
    const [server, stream] = await made
    for (let sent = 0; sent < 32; sent++) socket.send(LARGE)
    await waitUntil(() => server.isPaused)
    let length = 0
    for await (const chunk of stream) {
      length += chunk.length
      if (length === 32 * MIB) break
    }
    t.equal(length, 32 * MIB)
  })
}
