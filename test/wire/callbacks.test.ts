import t from 'tap'
import type { WebSocket } from 'ws'
import { ERROR_CODES, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { addEcho, serve } from './server.ts'
import type { Wire } from './server.ts'

const KILOBYTE = 1024
const MEGABYTE = 1024 * KILOBYTE
const LARGE = 300 * KILOBYTE
const LARGE_HEADER = 10

/** What was being written when the stream ended: how much of it the client let through, and what was to be sent. */
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
  ['a message with others behind it', LARGE / 2, (socket, callbacks) => {
    for (let count = 0; count < 4; count++) {
      socket.send(Buffer.alloc(LARGE), callbacks.next)
      socket.send('text', callbacks.next)
      socket.ping('ping', false, callbacks.next)
      socket.pong('pong', false, callbacks.next)
    }
  }]
]

type End = (opened: { wire: Wire, client: FrameClient, socket: WebSocket }) => void

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
  ['close() that is not answered', ({ socket }) => socket.close(1000)],
  ['the end of the session', ({ wire }) => { for (const session of wire.sessions) session.destroy() }]
]

for (const tls of [false, true]) {
  for (const [written, window, send] of writes) {
    void t.test(`over ${tls ? 'TLS' : 'TCP'}, where the stream ends during ${written}, each callback is called once`, async (t) => {
      const wire = await serve(t, addEcho, { tls, plugin: { options: { closeTimeout: 200 } } })
      for (const [name, end] of ends) {
        const client = await wire.client({ settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: window }, windowUpdates: false })
        client.windowUpdate(0, MEGABYTE)
        client.connect(1, '/echo')
        await client.response(1)
        const socket = wire.sockets.at(-1)!
        const callbacks = new Callbacks()
        send(socket, callbacks)
        await client.until(() => bytesOf(client) === window || undefined)
        end({ wire, client, socket })
        await Promise.all([wire.emptied(), callbacks.settled()])
        client.destroy()
        t.equal(socket.bufferedAmount, 0, name)
        if (!t.strictSame(callbacks.words, callbacks.words.map(() => 'not sent'), name)) break
      }
    })
  }
}

function bytesOf (client: FrameClient): number {
  return client.frames.filter(({ type, streamId }) => type === 'DATA' && streamId === 1)
    .reduce((sum, { payload }) => sum + payload.length, 0)
}

void t.test('a client that ends its side first gets all that was sent, and each callback is called with success', async (t) => {
  const wire = await serve(t, addEcho)
  const client = await wire.client({ settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: 0 } })
  client.connect(1, '/echo')
  await client.response(1)
  const [socket] = wire.sockets
  const callbacks = new Callbacks()
  for (const [,, send] of writes) send(socket!, callbacks)
  client.end(1)
  await client.settled()
  client.windowUpdate(1, 4 * MEGABYTE)
  client.windowUpdate(0, 4 * MEGABYTE)
  await Promise.all([wire.emptied(), callbacks.settled()])
  t.strictSame(callbacks.words, callbacks.words.map(() => 'sent'))
  await client.settled()
  const several = Array.from({ length: 4 }, () => [`Binary ${LARGE}`, 'Text text', 'Ping ping', 'Pong pong']).flat()
  t.strictSame(client.wsTrace(1), [
    'HEADERS', 'Text x', ...Array.from({ length: 5 }, () => `Text ${'x'.repeat(100)}`), `Binary ${LARGE}`, `Binary ${LARGE}`,
    `Binary ${LARGE}`, `Text ${LARGE}`, ...several, 'END_STREAM'
  ])
})
