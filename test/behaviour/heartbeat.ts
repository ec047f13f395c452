import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { closed, sentences } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { BINARY, wsFrame } from '../helpers/ws-frames.ts'
import type { WebSocket } from '../../index.ts'

const INFO = 30
const MEGABYTE = Buffer.alloc(1024 * 1024, 'm')
/** More than a client takes in all the beats of a test, and than kernels buffer. */
const BACKLOG = 32 * MEGABYTE.length
/** More than the kernel's send buffer must have free before it takes more. */
const READ = 3 * MEGABYTE.length
const BEATS = 6

/** Which clients the heartbeat takes for unresponsive, which is the same whichever transport carries the socket. */
export function behaveAlive (transport: Transport): void {
  const sentence = sentences(transport)

  // None of the clients answers pings: only what they take, or send, says that they are there.

  sentence('heartbeat lets a client live that reads slowly, though its backlog never shrinks', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      const topUp = (): void => { while (socket.bufferedAmount < BACKLOG) socket.send(MEGABYTE) }
      topUp()
      reportBeats(app, socket, topUp)
    })
  }, async (t, { app, open }) => {
    await readSlowly(app, await openPaused(open))
    t.equal([...app.websocketServer.clients][0]?.readyState, 1)
  }, { heartbeat: 300, sendLimit: Infinity })

  sentence('heartbeat lets a client live that reads slowly from a handler that waits for drain', (app) => {
    app.get('/', { websocket: true }, async (socket) => {
      reportBeats(app, socket)
      const end = once(socket, 'close')
      while (socket.readyState === socket.OPEN) {
        socket.send(MEGABYTE)
        if (socket.writableNeedDrain) await Promise.race([once(socket, 'drain'), end])
      }
    })
  }, async (t, { app, open }) => {
    await readSlowly(app, await openPaused(open))
    t.equal([...app.websocketServer.clients][0]?.readyState, 1)
  }, { heartbeat: 300, sendLimit: Infinity })

  sentence('heartbeat lets a client live that takes several beats to read one message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportBeats(app, socket)
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

  sentence('heartbeat lets a client live that takes several beats to send one message', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportBeats(app, socket)
      socket.on('message', (data: Buffer) => socket.close(1000, String(data.length)))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/', { autoPong: false })
    const end = closed(socket)
    const frame = wsFrame(BINARY, MEGABYTE)
    const size = Math.ceil(frame.length / BEATS)
    for (let sent = 0; sent < BEATS; sent++) {
      await once(app.server, 'beat')
      connectionOf(socket).write(frame.subarray(sent * size, (sent + 1) * size))
    }
    t.same(await end, { code: 1000, reason: String(MEGABYTE.length) })
  }, { heartbeat: 300 })

  for (const [what, bytes] of [['much', BACKLOG], ['a little', 10]] as const) {
    sentence(`heartbeat ends a client that takes nothing, with ${what} waiting for it`, (app) => {
      app.get('/', { websocket: true }, (socket) => {
        socket.once('close', (code) => app.server.emit('gone', code))
        socket.send(Buffer.alloc(bytes))
      })
    }, async (t, { app, open, logs }) => {
      const gone = once(app.server, 'gone')
      await openPaused(open)
      t.same(await gone, [1006])
      t.match(logs.filter(({ msg }) => msg.includes('unresponsive')), [{ level: INFO }])
    }, { heartbeat: 100, sendLimit: Infinity })
  }

  sentence('heartbeat waits for the end of a message that a client reads slowly from the kernel', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportBeats(app, socket)
      socket.send(Buffer.alloc(BACKLOG))
    })
  }, async (t, { app, open }) => {
    const socket = await openPaused(open)
    const whole = once(socket, 'message').then(([data]) => data.length)
    const [server] = app.websocketServer.clients
    const gone = once(server!, 'close').then(() => 'gone')
    void (async () => {
      const untilWhole = whole.then(() => false)
      while (await Promise.race([beat(app, server!), untilWhole])) await Promise.race([readSome(socket), whole])
    })()
    t.equal(await Promise.race([whole, gone]), BACKLOG)
  }, { heartbeat: 200, sendLimit: Infinity })

  sentence('heartbeat ends a client that reads all that waits for it, and then is silent', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportBeats(app, socket)
      socket.send(Buffer.alloc(BACKLOG))
    })
  }, async (t, { app, open }) => {
    const socket = await openPaused(open)
    const [server] = app.websocketServer.clients
    const gone = once(server!, 'close')
    t.ok(await beat(app, server!))
    socket.resume()
    t.equal((await gone)[0], 1006)
  }, { heartbeat: 100, sendLimit: Infinity })

  sentence('heartbeat ends a client that takes nothing, though its server sends on', (app) => {
    app.get('/', { websocket: true }, (socket) => reportBeats(app, socket, () => socket.send(MEGABYTE)))
  }, async (t, { app, open }) => {
    await openPaused(open)
    const [server] = app.websocketServer.clients
    t.equal((await once(server!, 'close'))[0], 1006)
  }, { heartbeat: 100, sendLimit: Infinity })

  // These clients answer pings.

  sentence('heartbeat gives a client time to read what was sent ahead of the ping', (app) => {
    app.get('/', { websocket: true }, (socket) => {
      reportBeats(app, socket)
      socket.send(MEGABYTE.subarray(0, MEGABYTE.length / 4))
    })
  }, async (t, { app, open }) => {
    const socket = await open('/')
    socket.on('message', () => {})
    socket.pause()
    const [server] = app.websocketServer.clients
    for (let beats = 0; beats < 3; beats++) t.ok(await beat(app, server!))
    socket.resume()
    for (let beats = 0; beats < BEATS; beats++) t.ok(await beat(app, server!))
  }, { heartbeat: 200 })

  sentence('heartbeat does not judge a socket that was paused at either of two beats', (app) => {
    app.get('/', { websocket: true }, (socket) => reportBeats(app, socket))
  }, async (t, { app, open }) => {
    await open('/')
    const [server] = app.websocketServer.clients
    for (let beats = 0; beats < BEATS; beats++) {
      t.ok(await beat(app, server!))
      if (beats % 3 === 0) server!.pause()
      else if (beats % 3 === 1) server!.resume()
    }
  }, { heartbeat: 200 })

  sentence('heartbeat reads a pong that came while the process was busy', (app) => {
    app.get('/', { websocket: true }, (socket) => reportBeats(app, socket))
  }, async (t, { app, open }) => {
    const socket = await open('/')
    const [server] = app.websocketServer.clients
    for (let beats = 0; beats < 3 && t.ok(await beat(app, server!)); beats++) {
      await once(socket, 'ping')
      // The pong is on its way.
      await new Promise(setImmediate)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    }
    t.ok(await beat(app, server!))
  }, { heartbeat: 200 })
}

/** Waits for the next ping to a client: false where its socket closes instead. */
async function beat (app: FastifyInstance, socket: WebSocket): Promise<boolean> {
  if (socket.readyState !== socket.OPEN) return false
  const ended = new AbortController()
  const { signal } = ended
  const isOpen = await Promise.race([
    once(app.server, 'beat', { signal }).then(() => true, () => false),
    once(socket, 'close', { signal }).then(() => false, () => false)
  ])
  ended.abort()
  return isOpen
}

/** Reports each beat of the heartbeat, after which it has judged the client. */
function reportBeats (app: FastifyInstance, socket: WebSocket, onBeat = (): void => {}): void {
  const { ping } = socket
  socket.ping = (...parameters: Parameters<typeof ping>): void => {
    onBeat()
    app.server.emit('beat')
    ping.apply(socket, parameters)
  }
}

async function openPaused (open: (path: string, options: object) => Promise<WebSocket>): Promise<WebSocket> {
  const socket = await open('/', { autoPong: false })
  socket.on('error', () => {}).on('message', () => {})
  socket.pause()
  return socket
}

/** Takes a part of what the server has for a client at each beat. */
async function readSlowly (app: FastifyInstance, socket: WebSocket): Promise<void> {
  for (let beat = 0; beat < BEATS; beat++) {
    await once(app.server, 'beat')
    await readSome(socket)
  }
}

async function readSome (socket: WebSocket): Promise<void> {
  const connection = connectionOf(socket)
  let length = 0
  await new Promise<void>((resolve) => {
    const connectionOnData = (chunk: Buffer): void => {
      length += chunk.length
      if (length < READ) return
      connection.off('data', connectionOnData)
      socket.pause()
      resolve()
    }
    connection.on('data', connectionOnData)
    socket.resume()
  })
}

/** The connection or stream of a client, which ws keeps to itself. */
function connectionOf (socket: WebSocket): Duplex {
  return (socket as unknown as { _socket: Duplex })._socket
}
