import t from 'tap'
import type { WebSocket } from 'ws'
import { Callbacks } from '../helpers/callbacks.ts'
import { addEcho } from '../helpers/echo.ts'
import { ERROR_CODES, NO_WINDOW, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { KIB, MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'

const LARGE = 300 * KIB
/** Size of the header of such a frame. */
const LARGE_HEADER = 10

/** Writes during which the stream ends: the window of the client, and the messages that are sent. */
const writes: Array<[name: string, window: number, send: (socket: WebSocket, callbacks: Callbacks) => void]> = [
  ['a small message', 0, (socket, callbacks) => { socket.send('x', callbacks.next) }],
  ['small messages', 0, (socket, callbacks) => {
    for (let count = 0; count < 5; count++) socket.send('x'.repeat(100), callbacks.next)
  }],
  ['the first slice of a message', 0, (socket, callbacks) => { socket.send(Buffer.alloc(LARGE), callbacks.next) }],
  ['a slice in the middle of a message', LARGE / 2, (socket, callbacks) => {
    socket.send(Buffer.alloc(LARGE), callbacks.next)
  }],
  ['the last slice of a message', LARGE + LARGE_HEADER - 1, (socket, callbacks) => {
    socket.send(Buffer.alloc(LARGE), callbacks.next)
  }],
  ['a slice of a text', LARGE / 2, (socket, callbacks) => { socket.send('ü'.repeat(LARGE / 2), callbacks.next) }],
  ['a message that others follow', LARGE / 2, (socket, callbacks) => {
    for (let count = 0; count < 4; count++) {
      socket.send(Buffer.alloc(LARGE), callbacks.next)
      socket.send('text', callbacks.next)
      socket.ping('ping', false, callbacks.next)
      socket.pong('pong', false, callbacks.next)
    }
  }]
]

type End = (opened: { server: TestServer, client: FrameClient, socket: WebSocket }) => void

const ends: Array<[name: string, end: End]> = [
  ...ERROR_CODES.map((code): [string, End] => [`RST_STREAM ${code}`, ({ client }) => client.rst(1, code)]),
  ['END_STREAM and RST_STREAM NO_ERROR', ({ client }) => { client.end(1); client.rst(1, 'NO_ERROR') }],
  ['END_STREAM', ({ client }) => client.end(1)],
  ['GOAWAY PROTOCOL_ERROR', ({ client }) => client.goaway('PROTOCOL_ERROR')],
  ['the end of the connection', ({ client }) => client.endConnection()],
  ['a reset of the connection', ({ client }) => client.resetConnection()],
  ['terminate()', ({ socket }) => socket.terminate()],
  ['terminate() and RST_STREAM', ({ socket, client }) => { socket.terminate(); client.rst(1) }],
  ['close() and RST_STREAM', ({ socket, client }) => { socket.close(1000); client.rst(1) }],
  ['close() without an answer', ({ socket }) => socket.close(1000)],
  ['the end of the session', ({ server }) => { for (const session of server.sessions) session.destroy() }]
]

for (const tls of [false, true]) {
  for (const [write, window, send] of writes) {
    void t.test(`over ${tls ? 'TLS' : 'TCP'}, if the stream ends during ${write}, each callback is called once with an error`, async (t) => {
      const server = await startServer(t, addEcho, { tls, plugin: { options: { closeTimeout: 200 } } })
      for (const [name, end] of ends) {
        const settings = { [SETTINGS_INITIAL_WINDOW_SIZE]: window }
        const client = await server.client({ settings, windowUpdates: false })
        client.windowUpdate(0, MIB)
        client.connect(1, '/echo')
        await client.response(1)
        const socket = server.sockets.at(-1)!
        const callbacks = new Callbacks()
        send(socket, callbacks)
        await client.until(() => receivedBytes(client) === window || undefined)
        end({ server, client, socket })
        await Promise.all([server.socketsClosed(), callbacks.settled()])
        client.destroy()
        t.equal(socket.bufferedAmount, 0, name)
        if (!t.strictSame(callbacks.results, callbacks.results.map(() => 'not sent'), name)) break
      }
    })
  }
}

function receivedBytes (client: FrameClient): number {
  return client.frames.filter(({ type, streamId }) => type === 'DATA' && streamId === 1)
    .reduce((sum, { payload }) => sum + payload.length, 0)
}

void t.test('a client that ends its side first receives everything, and each callback is called without an error', async (t) => {
  const server = await startServer(t, addEcho)
  const client = await server.client(NO_WINDOW)
  client.connect(1, '/echo')
  await client.response(1)
  const [socket] = server.sockets
  const callbacks = new Callbacks()
  for (const [,, send] of writes) send(socket!, callbacks)
  client.end(1)
  await client.roundTrip()
  client.windowUpdate(1, 4 * MIB)
  client.windowUpdate(0, 4 * MIB)
  await Promise.all([server.socketsClosed(), callbacks.settled()])
  t.strictSame(callbacks.results, callbacks.results.map(() => 'sent'))
  await client.roundTrip()
  const several = Array.from({ length: 4 }, () => [`Binary ${LARGE}`, 'Text text', 'Ping ping', 'Pong pong']).flat()
  t.strictSame(client.wsTrace(1), [
    'HEADERS', 'Text x', ...Array.from({ length: 5 }, () => `Text ${'x'.repeat(100)}`), `Binary ${LARGE}`, `Binary ${LARGE}`,
    `Binary ${LARGE}`, `Text ${LARGE}`, ...several, 'END_STREAM'
  ])
})
