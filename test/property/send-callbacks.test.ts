import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import type { WebSocket } from 'ws'
import { Callbacks } from '../helpers/callbacks.ts'
import { SETTINGS_INITIAL_WINDOW_SIZE } from '../helpers/h2-frames.ts'
import { startServer } from '../helpers/test-server.ts'
import type { TestServer } from '../helpers/test-server.ts'
import { upgradeRequest } from '../helpers/upgrade-request.ts'
import { waitTurns } from '../helpers/waiting.ts'
import { testProperty, waitUntil } from './property.ts'

const RUNS = 60

/** The client's side of a socket. It reads only on demand. */
interface Reader {
  /** Reads some more bytes. */
  read (bytes: number): void
  reset (): void
  endSide (): void
  /** Ends the connection below. */
  lose (): void
}

type Step =
  | { kind: 'send', size: number, isText: boolean }
  | { kind: 'ping' | 'pong' }
  | { kind: 'read', bytes: number }
  | { kind: 'turn' }

const size = fc.oneof(
  fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 400_000 }), fc.constantFrom(4086, 4096, 131_072)
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), size, isText: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const) }),
  fc.record({ kind: fc.constant('read' as const), bytes: fc.integer({ min: 1, max: 500_000 }) }),
  fc.record({ kind: fc.constant('turn' as const) })
)
const script = fc.record({
  window: fc.constantFrom(0, 1000, 65_535, 300_000),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  end: fc.constantFrom('reset', 'endSide', 'lose', 'terminate', 'close', 'close and reset', 'destroy')
})

async function openStream (server: TestServer, window: number): Promise<Reader> {
  const client = await server.client({ settings: { [SETTINGS_INITIAL_WINDOW_SIZE]: window }, windowUpdates: false })
  client.connect(1, '/')
  await client.response(1)
  return {
    read (bytes) {
      client.windowUpdate(0, bytes)
      client.windowUpdate(1, bytes)
    },
    reset () { client.rst(1) },
    endSide () { client.end(1) },
    lose () { client.resetConnection() }
  }
}

async function openConnection (server: TestServer): Promise<Reader> {
  const socket: Socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(upgradeRequest('/'))
  await once(socket, 'readable')
  return {
    read (bytes) { socket.read(Math.min(bytes, socket.readableLength)) },
    reset () { socket.resetAndDestroy() },
    endSide () { socket.end() },
    lose () { socket.destroy() }
  }
}

function perform (action: Step, socket: WebSocket, reader: Reader, callbacks: Callbacks): void {
  if (action.kind === 'send') socket.send(action.isText ? 'ü'.repeat(action.size / 2) : Buffer.alloc(action.size), callbacks.next)
  else if (action.kind === 'read') reader.read(action.bytes)
  else if (action.kind !== 'turn') socket[action.kind]('control', false, callbacks.next)
}

function finish (end: string, socket: WebSocket, reader: Reader, server: TestServer): void {
  if (end === 'terminate') socket.terminate()
  if (end.startsWith('close')) socket.close(1000)
  if (end === 'close and reset' || end === 'reset') reader.reset()
  if (end === 'endSide') reader.endSide()
  if (end === 'lose') reader.lose()
  if (end !== 'destroy') return
  if (server.sessions.size > 0) for (const session of server.sessions) session.destroy()
  else socket.terminate()
}

const plugin = { options: { closeTimeout: 100 }, heartbeat: 0, sendLimit: Infinity, errorHandler: () => {} }
const addRoute = (app: TestServer['app']): void => { app.get('/', { websocket: true }, () => {}) }
const h2 = await startServer(t, addRoute, { plugin })
const h1 = await startServer(t, addRoute, { plugin, server: { http2: false } })

for (const [name, server, open] of [['HTTP/2', h2, openStream], ['HTTP/1.1', h1, openConnection]] as const) {
  await testProperty(`over ${name} each callback of send(), ping() and pong() is called once, however the socket ends`, { runs: RUNS }, script,
    async ({ window, steps, end }) => {
      const reader = await open(server, window)
      const socket = server.sockets.at(-1)!
      const closed = new Promise((resolve) => socket.once('close', resolve))
      const callbacks = new Callbacks()
      for (const action of steps) {
        perform(action, socket, reader, callbacks)
        if (action.kind === 'turn') await waitTurns()
      }
      finish(end, socket, reader, server)
      await closed
      await callbacks.settled()
      assert.deepEqual(callbacks.results.filter((result) => result === 'never' || result === 'twice'), [])
      assert.equal(socket.bufferedAmount, 0)
      reader.lose()
      await waitUntil(() => server.app.websocketServer.clients.size === 0, 'no socket is left')
    })
}
