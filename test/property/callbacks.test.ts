import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import type { WebSocket } from 'ws'
import { Callbacks } from '../helpers/callbacks.ts'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import { serve } from '../wire/server.ts'
import type { Wire } from '../wire/server.ts'
import { holds, until } from './runs.ts'

const RUNS = 60
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The client's side of a socket, which takes what the server sends as slowly as it is told. */
interface Reader {
  /** Takes some more bytes. */
  take (bytes: number): void
  reset (): void
  endSide (): void
  /** Ends the connection below. */
  lose (): void
}

type Step =
  | { kind: 'send', size: number, isText: boolean }
  | { kind: 'ping' | 'pong' }
  | { kind: 'take', bytes: number }
  | { kind: 'turn' }

const size = fc.oneof(
  fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 400_000 }), fc.constantFrom(4086, 4096, 131_072)
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), size, isText: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const) }),
  fc.record({ kind: fc.constant('take' as const), bytes: fc.integer({ min: 1, max: 500_000 }) }),
  fc.record({ kind: fc.constant('turn' as const) })
)
const script = fc.record({
  window: fc.constantFrom(0, 1000, 65_535, 300_000),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  end: fc.constantFrom('reset', 'endSide', 'lose', 'terminate', 'close', 'close and reset', 'destroy')
})

async function openStream (wire: Wire, window: number): Promise<Reader> {
  const client = await wire.client({ settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: window }, windowUpdates: false })
  client.connect(1, '/')
  await client.response(1)
  return {
    take (bytes) {
      client.windowUpdate(0, bytes)
      client.windowUpdate(1, bytes)
    },
    reset () { client.rst(1) },
    endSide () { client.end(1) },
    lose () { client.resetConnection() }
  }
}

async function openConnection (wire: Wire): Promise<Reader> {
  const socket: Socket = connect({ port: wire.port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`)
  await once(socket, 'readable')
  return {
    take (bytes) { socket.read(Math.min(bytes, socket.readableLength)) },
    reset () { socket.resetAndDestroy() },
    endSide () { socket.end() },
    lose () { socket.destroy() }
  }
}

function perform (action: Step, socket: WebSocket, reader: Reader, callbacks: Callbacks): void {
  if (action.kind === 'send') socket.send(action.isText ? 'ü'.repeat(action.size / 2) : Buffer.alloc(action.size), callbacks.next)
  else if (action.kind === 'take') reader.take(action.bytes)
  else if (action.kind !== 'turn') socket[action.kind]('control', false, callbacks.next)
}

function finish (end: string, socket: WebSocket, reader: Reader, wire: Wire): void {
  if (end === 'terminate') socket.terminate()
  if (end.startsWith('close')) socket.close(1000)
  if (end === 'close and reset' || end === 'reset') reader.reset()
  if (end === 'endSide') reader.endSide()
  if (end === 'lose') reader.lose()
  if (end !== 'destroy') return
  if (wire.sessions.size > 0) for (const session of wire.sessions) session.destroy()
  else socket.terminate()
}

const plugin = { options: { closeTimeout: 100 }, heartbeat: 0, sendLimit: Infinity, errorHandler: () => {} }
const addRoute = (app: Wire['app']): void => { app.get('/', { websocket: true }, () => {}) }
const h2 = await serve(t, addRoute, { plugin })
const h1 = await serve(t, addRoute, { plugin, server: { http2: false } })

for (const [name, wire, open] of [['HTTP/2', h2, openStream], ['HTTP/1.1', h1, openConnection]] as const) {
  await holds(`over ${name} each callback of send(), ping() and pong() is called once, whatever ends the socket`, { runs: RUNS }, script,
    async ({ window, steps, end }) => {
      const reader = await open(wire, window)
      const socket = wire.sockets.at(-1)!
      const closed = new Promise((resolve) => socket.once('close', resolve))
      const callbacks = new Callbacks()
      for (const action of steps) {
        perform(action, socket, reader, callbacks)
        if (action.kind === 'turn') await new Promise((resolve) => setImmediate(resolve))
      }
      finish(end, socket, reader, wire)
      await closed
      await callbacks.settled()
      assert.deepEqual(callbacks.words.filter((word) => word === 'never' || word === 'twice'), [])
      assert.equal(socket.bufferedAmount, 0)
      reader.lose()
      await until(() => wire.app.websocketServer.clients.size === 0, 'no socket is left')
    })
}
