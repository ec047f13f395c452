import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from '../../index.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { MIB } from '../helpers/sizes.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { pauseWhenOpen } from '../helpers/ws-connection.ts'

/** Ways in which a socket that has much to send may end. */
const ENDINGS: Array<[name: string, end: (socket: WebSocket, peer: WebSocket) => void]> = [
  ['terminate()', (socket) => socket.terminate()],
  ['terminate() of the peer', (_socket, peer) => peer.terminate()],
  ['close() that the peer does not answer', (socket) => socket.close(1000)]
]

/** Callbacks of send(), ping() and pong() when a socket ends. */
export function testSendCallbacks (transport: Transport): void {
  const scenario = scenarios(transport)

  for (const [ending, end] of ENDINGS) {
    scenario(`callbacks of messages that a server has not sent are called once with an error: ${ending}`, addFlood, async (t, { app, connect }) => {
      const flooded = once(app.server, 'flooded')
      const socket = connect('/flood')
      socket.on('error', () => {})
      pauseWhenOpen(socket)
      const [server, callbacks] = await flooded
      await once(socket, 'open')
      const closing = once(server, 'close')
      end(server, socket)
      await closing
      await callbacks.settled()
      t.strictSame(callbacks.results, callbacks.results.map(() => 'not sent'))
      t.equal(server.bufferedAmount, 0)
    }, { sendLimit: Infinity, options: { closeTimeout: 200 } })

    scenario(`callbacks of messages that a client has not sent are called once with an error: ${ending}`, (app) => {
      app.get('/paused', { websocket: true }, (socket) => {
        socket.pause()
        app.server.emit('paused', socket)
      })
    }, async (t, { app, open }) => {
      const paused = once(app.server, 'paused')
      const socket = await open('/paused', { sendLimit: Infinity, closeTimeout: 200 })
      socket.on('error', () => {})
      const [server] = await paused
      const callbacks = new Callbacks()
      sendMuch(socket, callbacks)
      const closing = once(socket, 'close')
      end(socket, server)
      await closing
      await callbacks.settled()
      t.strictSame(callbacks.results, callbacks.results.map(() => 'not sent'))
      t.equal(socket.bufferedAmount, 0)
      server.terminate()
    })
  }

  scenario('callbacks of messages that wait for compression are called once with an error after terminate()', addFlood, async (t, { app, connect }) => {
    const flooded = once(app.server, 'flooded')
    const socket = connect('/flood', { perMessageDeflate: true })
    socket.on('error', () => {})
    pauseWhenOpen(socket)
    const [server, callbacks] = await flooded
    server.terminate()
    await callbacks.settled()
    t.strictSame(callbacks.results, callbacks.results.map(() => 'not sent'))
  }, { sendLimit: Infinity, options: { perMessageDeflate: true } })
}

/** Adds a route that sends more than the buffers below the process hold, and emits the socket and its callbacks. */
function addFlood (app: FastifyInstance): void {
  app.get('/flood', { websocket: true }, (socket) => {
    const callbacks = new Callbacks()
    sendMuch(socket, callbacks)
    app.server.emit('flooded', socket, callbacks)
  })
}

function sendMuch (socket: WebSocket, callbacks: Callbacks): void {
  socket.send(Buffer.alloc(16 * MIB), callbacks.next)
  socket.send('text', callbacks.next)
  socket.ping('ping', undefined, callbacks.next)
  socket.send(Buffer.alloc(MIB), callbacks.next)
  socket.pong('pong', undefined, callbacks.next)
}
