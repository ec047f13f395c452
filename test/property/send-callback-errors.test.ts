import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { WebSocket } from 'ws'
import { SendBudget } from '../../lib/http2/send-budget.ts'
import { Callbacks } from '../helpers/callbacks.ts'
import { ERROR_CODES, SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import type { FrameClient } from '../helpers/h2-frames.ts'
import { MIB } from '../helpers/sizes.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { OFFER_DEFLATE, upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { testProperty, waitUntil } from './property.ts'

const KINDS = ['binary', 'text', 'ping', 'pong'] as const
/** More than the kernel buffers for a client that does not read. */
const BACKLOG = 12 * MIB
// Before Node 26 a reset over TLS may stay unnoticed during a write (nodejs/node#55804). Then the heartbeat ends it.
const OPTIONS = {
  sendLimit: Infinity, heartbeat: 300, errorHandler: () => {}, options: { closeTimeout: 50, perMessageDeflate: true }
}

interface Sent { kind: typeof KINDS[number], size: number }

const sent: fc.Arbitrary<Sent> = fc.record({
  kind: fc.constantFrom(...KINDS),
  size: fc.oneof(fc.nat(125), fc.nat(2000), fc.constantFrom(4086, 4096, 131_062, 131_072), fc.nat(400_000))
})
const sends = fc.array(sent, { minLength: 1, maxLength: 12 })

/** Bytes that sessions have reserved, by their budgets. */
const held = new Map<SendBudget, number>()
const { reserve, release } = SendBudget.prototype
SendBudget.prototype.reserve = function () {
  const size = reserve.call(this)
  held.set(this, (held.get(this) ?? 0) + size)
  return size
}
SendBudget.prototype.release = function (size) {
  release.call(this, size)
  held.set(this, (held.get(this) ?? 0) - size)
}

/** Sends a message, and returns the size of its frame. */
function send (socket: WebSocket, { kind, size }: Sent, callback: (error?: Error | null) => void): number {
  if (kind === 'ping' || kind === 'pong') {
    const length = Math.min(size, 125)
    socket[kind](Buffer.alloc(length), false, callback)
    return 2 + length
  }
  socket.send(kind === 'text' ? 'x'.repeat(size) : Buffer.alloc(size), callback)
  return size + (size < 126 ? 2 : size < 65_536 ? 4 : 10)
}

function addRoute (app: FastifyInstance): void {
  app.get('/', { websocket: true }, () => {})
}

type End = (real: { client: FrameClient, socket: WebSocket, server: TestServer }) => void

const STREAM_ENDS: Record<string, End> = {
  ...Object.fromEntries(ERROR_CODES.map((code): [string, End] => [`RST_STREAM ${code}`, ({ client }) => client.rst(1, code)])),
  END_STREAM: ({ client }) => client.end(1),
  'END_STREAM and RST_STREAM': ({ client }) => { client.end(1); client.rst(1, 'NO_ERROR') },
  GOAWAY: ({ client }) => client.goaway('PROTOCOL_ERROR'),
  FIN: ({ client }) => client.endConnection(),
  'TCP reset': ({ client }) => client.resetConnection(),
  'terminate()': ({ socket }) => socket.terminate(),
  'close()': ({ socket }) => socket.close(1000),
  'close() and RST_STREAM': ({ socket, client }) => { socket.close(1000); client.rst(1, 'NO_ERROR') },
  'terminate() and RST_STREAM': ({ socket, client }) => { socket.terminate(); client.rst(1) },
  'session.destroy()': ({ server }) => { for (const session of server.sessions) session.destroy() }
}

// All servers start before the first test, because tap ends if it has to wait between two tests.
const h2c = await startServer(t, addRoute, { plugin: OPTIONS })
const h2 = await startServer(t, addRoute, { tls: true, plugin: OPTIONS })
const h1 = await startServer(t, addRoute, { server: { http2: false }, plugin: OPTIONS })

for (const [name, server] of [['TCP', h2c], ['TLS', h2]] as const) {
  await testProperty(`over HTTP/2 (${name}) a callback receives an error if its data cannot have been sent, and the budget is released`,
    { runs: 100 },
    fc.record({
      sends,
      isCorked: fc.boolean(),
      window: fc.oneof(fc.constant(0), fc.nat(70_000), fc.nat(1_500_000)),
      opens: fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 3 }),
      end: fc.constantFrom(...Object.keys(STREAM_ENDS)),
      settles: fc.boolean()
    }),
    async ({ sends, isCorked, window, opens, end, settles }) => {
      const settings = { [SETTINGS_INITIAL_WINDOW_SIZE]: window }
      const client = await server.client({ settings, windowUpdates: false })
      client.windowUpdate(0, 16 * MIB)
      client.connect(1, '/')
      await client.response(1)
      const socket = server.sockets.at(-1)!
      const [stream] = server.streams
      const callbacks = new Callbacks()
      if (isCorked) stream!.cork()
      let bytes = 0
      const ends = sends.map((each) => (bytes += send(socket, each, callbacks.next)))
      if (isCorked) process.nextTick(() => stream!.uncork())
      for (const increment of opens) client.windowUpdate(1, increment)
      if (settles) await client.roundTrip()
      STREAM_ENDS[end]!({ client, socket, server })
      await waitUntil(() => server.streams.size === 0 && server.app.websocketServer.clients.size === 0, 'no stream and no socket is left')
      await callbacks.settled()

      const granted = opens.reduce((sum, increment) => sum + increment, window)
      callbacks.results.forEach((result, index) => {
        assert.ok(result === 'sent' || result === 'not sent', `${index}: ${result}`)
        if (ends[index]! > granted) assert.equal(result, 'not sent', `${index}: byte ${ends[index]} of ${granted}`)
      })
      assert.equal(socket.bufferedAmount, 0)
      assert.ok([...held.values()].every((size) => size === 0), 'everything is released')
      held.clear()
      client.destroy()
    })
}

const CONNECTION_ENDS: Record<string, (client: Socket, socket: WebSocket) => void> = {
  'TCP reset': (client) => client.resetAndDestroy(),
  FIN: (client) => client.end(),
  'terminate()': (_client, socket) => socket.terminate(),
  'close()': (_client, socket) => socket.close(1000),
  'close() and TCP reset': (client, socket) => { socket.close(1000); client.resetAndDestroy() }
}

/** Opens a socket whose client does not read. */
async function openUnread (deflates: boolean): Promise<[client: Socket, socket: WebSocket]> {
  const count = h1.sockets.length
  const client = connectTcp(h1.port, '127.0.0.1')
  client.on('error', () => {})
  client.write(upgradeRequest('/', deflates ? [OFFER_DEFLATE] : []))
  await waitUntil(() => h1.sockets.length > count, 'the socket')
  return [client, h1.sockets.at(-1)!]
}

await testProperty('over HTTP/1.1, compressed or not, a callback receives an error if its data cannot have been sent', { runs: 40 },
  fc.record({
    sends,
    deflates: fc.boolean(),
    blocks: fc.boolean(),
    end: fc.constantFrom(...Object.keys(CONNECTION_ENDS)),
    turns: fc.nat(5)
  }),
  async ({ sends, deflates, blocks, end, turns }) => {
    const [client, socket] = await openUnread(deflates)
    const callbacks = new Callbacks()
    if (blocks) socket.send(Buffer.alloc(BACKLOG), { compress: false }, callbacks.next)
    for (const each of sends) send(socket, each, callbacks.next)
    await waitTurns(turns)
    CONNECTION_ENDS[end]!(client, socket)
    await waitUntil(() => h1.app.websocketServer.clients.size === 0, 'the socket is closed')
    await callbacks.settled()

    for (const result of callbacks.results) assert.ok(result === 'not sent' || (result === 'sent' && !blocks), result)
    client.destroy()
  })
