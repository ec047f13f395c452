import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { closed, sentences } from './helpers/transports.ts'
import type { Transport } from './helpers/transports.ts'
import { BINARY, wsFrame } from './helpers/ws-frames.ts'
import type { WebSocket } from '../index.ts'

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
