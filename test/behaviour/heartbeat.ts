import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from '../../index.ts'
import { INFO } from '../helpers/logs.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { closed, nextText, waitTurns } from '../helpers/waiting.ts'
import { connectionOf } from '../helpers/ws-connection.ts'
import { BINARY, wsFrame } from '../helpers/ws-frames.ts'

const LARGE = Buffer.alloc(MIB, 'l')
/** More than a client reads during a test, and more than kernels buffer. */
const BACKLOG = 32 * MIB
/** More than must be free in the kernel's send buffer before it accepts more. */
const READ_SIZE = 3 * MIB
const INTERVALS = 6

/** Which clients the heartbeat terminates. */
export function testHeartbeat (transport: Transport): void {
  const scenario = scenarios(transport)

  // Clients that are idle

  scenario('heartbeat pings each client, and terminates one that does not respond', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      socket.once('close', (code) => app.server.emit('closed', code))
    })
    app.get('/never', { websocket: { heartbeat: 0 } }, () => {})
  }, async (t, { app, open, logs }) => {
    const never = await open('/never')
    never.on('ping', () => t.fail('heartbeat of a route is 0'))
    const responsive = await open('/')
    const talkative = await open('/', { autoPong: false })
    talkative.on('ping', () => talkative.send('no pong, but a message'))
    const closing = once(app.server, 'closed')
    const silent = await open('/', { autoPong: false })

    const end = closed(silent)
    t.same(await closing, [1006])
    t.equal((await end).code, 1006)
    for (let count = 0; count < 2; count++) await once(responsive, 'ping')
    for (const socket of [never, responsive, talkative]) t.equal(socket.readyState, socket.OPEN)
    t.match(logs.filter(({ msg }) => msg.includes('unresponsive')), [{ level: INFO }])
    t.same(logs.filter(({ level }) => level > INFO), [])
  }, { heartbeat: 500 })

  scenario('heartbeat does not terminate a client while its socket is paused', (app) => {
    app.get('/', { websocket: { heartbeat: 500 } }, (socket) => {
      socket.on('message', (data) => socket.send(data))
      socket.pause()
      app.server.once('resume', () => socket.resume())
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.send('held')
    for (let count = 0; count < 2; count++) await once(socket, 'ping')
    app.server.emit('resume')
    t.equal(await nextText(socket), 'held')
    for (let count = 0; count < 2; count++) await once(socket, 'ping')
    t.equal(socket.readyState, socket.OPEN)
  })

  // Clients that do not answer pings: they read or send data instead

  scenario('heartbeat keeps a client that reads slowly, even if its backlog never shrinks', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      const topUp = (): void => { while (socket.bufferedAmount < BACKLOG) socket.send(LARGE) }
      topUp()
      reportIntervals(app, socket, topUp)
    })
  }, async (t, { app, open }) => {
    await readSlowly(app, await openPaused(open))
    t.equal([...app.websocketServer.clients][0]?.readyState, 1)
  }, { heartbeat: 300, sendLimit: Infinity })

  scenario('heartbeat keeps a client that reads slowly from a handler that waits for drain', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      reportIntervals(app, socket)
      const end = once(socket, 'close')
      while (socket.readyState === socket.OPEN) {
        socket.send(LARGE)
        if (socket.writableNeedDrain) await Promise.race([once(socket, 'drain'), end])
      }
    })
  }, async (t, { app, open }) => {
    await readSlowly(app, await openPaused(open))
    t.equal([...app.websocketServer.clients][0]?.readyState, 1)
  }, { heartbeat: 300, sendLimit: Infinity })

  scenario('heartbeat keeps a client that takes several intervals to read one message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportIntervals(app, socket)
      socket.send(Buffer.alloc(BACKLOG))
    })
  }, async (t, { app, open }) => {
    const socket = await openPaused(open)
    await readSlowly(app, socket)
    t.equal([...app.websocketServer.clients][0]?.readyState, 1)
    const message = once(socket, 'message')
    socket.resume()
    t.equal((await message)[0].length, BACKLOG)
  }, { heartbeat: 300, sendLimit: Infinity })

  scenario('heartbeat keeps a client that takes several intervals to send one message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportIntervals(app, socket)
      socket.on('message', (data: Buffer) => socket.close(1000, String(data.length)))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/', { autoPong: false })
    const end = closed(socket)
    const frame = wsFrame(BINARY, LARGE)
    const size = Math.ceil(frame.length / INTERVALS)
    for (let sent = 0; sent < INTERVALS; sent++) {
      await once(app.server, 'interval')
      connectionOf(socket).write(frame.subarray(sent * size, (sent + 1) * size))
    }
    t.same(await end, { code: 1000, reason: String(MIB) })
  }, { heartbeat: 300 })

  for (const [amount, bytes] of [['32 MiB', BACKLOG], ['10 bytes', 10]] as const) {
    scenario(`heartbeat terminates a client that reads nothing, with ${amount} buffered for it`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.once('close', (code) => app.server.emit('closed', code))
        socket.send(Buffer.alloc(bytes))
      })
    }, async (t, { app, open, logs }) => {
      const closing = once(app.server, 'closed')
      await openPaused(open)
      t.same(await closing, [1006])
      t.match(logs.filter(({ msg }) => msg.includes('unresponsive')), [{ level: INFO }])
    }, { heartbeat: 100, sendLimit: Infinity })
  }

  scenario('heartbeat keeps a client that reads the end of a message slowly from kernel buffers', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportIntervals(app, socket)
      socket.send(Buffer.alloc(BACKLOG))
    })
  }, async (t, { app, open }) => {
    const socket = await openPaused(open)
    const whole = once(socket, 'message').then(([data]) => data.length)
    const [server] = app.websocketServer.clients
    const closing = once(server!, 'close').then(() => 'closed')
    void (async () => {
      const untilWhole = whole.then(() => false)
      while (await Promise.race([nextInterval(app, server!), untilWhole])) await Promise.race([readSome(socket), whole])
    })()
    t.equal(await Promise.race([whole, closing]), BACKLOG)
  }, { heartbeat: 200, sendLimit: Infinity })

  scenario('heartbeat terminates a client that reads its backlog and then does not respond', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportIntervals(app, socket)
      socket.send(Buffer.alloc(BACKLOG))
    })
  }, async (t, { app, open }) => {
    const socket = await openPaused(open)
    const [server] = app.websocketServer.clients
    const closing = once(server!, 'close')
    t.ok(await nextInterval(app, server!))
    socket.resume()
    t.equal((await closing)[0], 1006)
  }, { heartbeat: 100, sendLimit: Infinity })

  scenario('heartbeat terminates a client that reads nothing while its server continues to send', (app) => {
    app.get('/', { websocket: true }, (socket) => reportIntervals(app, socket, () => socket.send(LARGE)))
  }, async (t, { app, open }) => {
    await openPaused(open)
    const [server] = app.websocketServer.clients
    t.equal((await once(server!, 'close'))[0], 1006)
  }, { heartbeat: 100, sendLimit: Infinity })

  // Clients that answer pings

  scenario('heartbeat gives a client time to read the data that was sent before the ping', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportIntervals(app, socket)
      socket.send(LARGE.subarray(0, MIB / 4))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.on('message', () => {})
    socket.pause()
    const [server] = app.websocketServer.clients
    for (let count = 0; count < 3; count++) t.ok(await nextInterval(app, server!))
    socket.resume()
    for (let count = 0; count < INTERVALS; count++) t.ok(await nextInterval(app, server!))
  }, { heartbeat: 200 })

  scenario('heartbeat does not terminate a client whose socket was paused during one of two intervals', (app) => {
    app.get('/', { websocket: true }, (socket) => reportIntervals(app, socket))
  }, async (t, { app, open }) => {
    await open('/')
    const [server] = app.websocketServer.clients
    for (let count = 0; count < INTERVALS; count++) {
      t.ok(await nextInterval(app, server!))
      if (count % 3 === 0) server!.pause()
      else if (count % 3 === 1) server!.resume()
    }
  }, { heartbeat: 200 })

  scenario('heartbeat accepts a pong that arrived while the process was busy', (app) => {
    app.get('/', { websocket: true }, (socket) => reportIntervals(app, socket))
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const [server] = app.websocketServer.clients
    for (let count = 0; count < 3 && t.ok(await nextInterval(app, server!)); count++) {
      await once(socket, 'ping')
      // The pong is on its way.
      await waitTurns()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    }
    t.ok(await nextInterval(app, server!))
  }, { heartbeat: 200 })
}

/** Waits for the next ping to a client. Returns false if its socket closes instead. */
async function nextInterval (app: FastifyInstance, socket: WebSocket): Promise<boolean> {
  if (socket.readyState !== socket.OPEN) return false
  const ended = new AbortController()
  const { signal } = ended
  const isOpen = await Promise.race([
    once(app.server, 'interval', { signal }).then(() => true, () => false),
    once(socket, 'close', { signal }).then(() => false, () => false)
  ])
  ended.abort()
  return isOpen
}

/** Emits 'interval' at each interval of the heartbeat, after it has decided that the client is responsive. */
function reportIntervals (app: FastifyInstance, socket: WebSocket, onInterval = (): void => {}): void {
  const { ping } = socket
  socket.ping = (...parameters: Parameters<typeof ping>): void => {
    onInterval()
    app.server.emit('interval')
    ping.apply(socket, parameters)
  }
}

async function openPaused (open: (path: string, options: object) => Promise<WebSocket>): Promise<WebSocket> {
  const socket = await open('/', { autoPong: false })
  socket.on('error', () => {}).on('message', () => {})
  socket.pause()
  return socket
}

/** Reads a part of the backlog of a client in each interval. */
async function readSlowly (app: FastifyInstance, socket: WebSocket): Promise<void> {
  for (let count = 0; count < INTERVALS; count++) {
    await once(app.server, 'interval')
    await readSome(socket)
  }
}

async function readSome (socket: WebSocket): Promise<void> {
  const connection = connectionOf(socket)
  let length = 0
  await new Promise<void>((resolve) => {
    const connectionOnData = (chunk: Buffer): void => {
      length += chunk.length
      if (length < READ_SIZE) return
      connection.off('data', connectionOnData)
      socket.pause()
      resolve()
    }
    connection.on('data', connectionOnData)
    socket.resume()
  })
}
