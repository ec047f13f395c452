import { getEventListeners, once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { WebSocket as WsWebSocket } from 'ws'
import { connect } from '../../../lib/client/index.ts'
import type { ReconnectingConnectOptions, ReconnectingWebSocket } from '../../../lib/client/index.ts'
import { H1, start } from '../../helpers/transports.ts'
import { waitUntil } from '../../helpers/waiting.ts'

interface Parts {
  socket: ReconnectingWebSocket
  /** Sockets of the server, in the order in which they were opened. */
  peers: WsWebSocket[]
  app: FastifyInstance
  /** Ends the connection in a way that another one replaces, and waits for that. */
  reconnect: () => Promise<void>
}

async function setUp (t: Test, options: Partial<ReconnectingConnectOptions> = {}): Promise<Parts> {
  const peers: WsWebSocket[] = []
  const { app, origin } = await start(t, H1, (app) => {
    app.get('/', { websocket: true }, (peer) => { peers.push(peer) })
  })
  const reconnect = { minDelay: 1 }
  const socket = connect(origin.replace('http', 'ws'), { reconnect, ...options })
  t.teardown(() => socket.terminate())
  return {
    socket,
    peers,
    app,
    reconnect: async () => {
      const reconnected = once(socket, 'reconnected')
      peers.at(-1)!.close(1012)
      await reconnected
      await waitUntil(() => peers.at(-1)!.readyState === 1, 'the server has the new socket')
    }
  }
}

void t.test('events of all connections are emitted, and "open" only once', async (t) => {
  const { socket, peers, reconnect } = await setUp(t)
  const events: unknown[] = []
  for (const event of ['open', 'message', 'ping', 'pong', 'upgrade', 'reconnecting', 'reconnected', 'close'] as const) {
    socket.on(event, () => events.push(event))
  }
  await once(socket, 'open')
  await reconnect()
  peers[1]!.ping()
  peers[1]!.pong()
  peers[1]!.send('hello')
  await once(socket, 'message')
  peers[1]!.close(1000)
  await once(socket, 'close')
  t.same(events, ['upgrade', 'open', 'reconnecting', 'upgrade', 'reconnected', 'ping', 'pong', 'message', 'close'])
})

void t.test('readyState is CONNECTING between connections, and CLOSED in the end', async (t) => {
  const { socket, reconnect } = await setUp(t)
  t.equal(socket.readyState, socket.CONNECTING)
  await once(socket, 'open')
  t.equal(socket.readyState, socket.OPEN)
  socket.once('reconnecting', () => t.equal(socket.readyState, socket.CONNECTING))
  await reconnect()
  t.equal(socket.readyState, socket.OPEN)
  socket.close()
  t.equal(socket.readyState, socket.CLOSING)
  await once(socket, 'close')
  t.equal(socket.readyState, socket.CLOSED)
})

void t.test('send, ping and pong call back with FST_WS_NOT_OPEN while no connection is open, and do not throw', async (t) => {
  const { socket } = await setUp(t)
  const results = [
    new Promise((resolve) => socket.send('x', resolve)),
    new Promise((resolve) => socket.send('x', { binary: true }, resolve)),
    new Promise((resolve) => socket.ping('x', true, resolve)),
    new Promise((resolve) => socket.pong(resolve as never))
  ]
  socket.send('x')
  for (const error of await Promise.all(results)) t.match(error, { code: 'FST_WS_NOT_OPEN' })
  await once(socket, 'open')
  t.equal(await new Promise((resolve) => socket.send('y', (error) => resolve(error ?? 'sent'))), 'sent')
})

void t.test('writableNeedDrain is true while no connection is open, and "drain" follows a new one', async (t) => {
  const { socket, reconnect } = await setUp(t)
  t.equal(socket.writableNeedDrain, true)
  await once(socket, 'drain')
  t.equal(socket.writableNeedDrain, false)
  const drained = once(socket, 'drain')
  await reconnect()
  await drained
  socket.terminate()
  await once(socket, 'close')
  t.equal(socket.writableNeedDrain, false, 'nobody waits for a connection that will never open')
})

void t.test('a loop continues with the messages of later connections, and ends with the socket', async (t) => {
  const { socket, peers, reconnect } = await setUp(t)
  const texts: unknown[] = []
  const loop = (async () => { for await (const message of socket) texts.push(message) })()
  await once(socket, 'open')
  await waitUntil(() => peers.length === 1)
  peers[0]!.send('first')
  await waitUntil(() => texts.length === 1)
  await reconnect()
  peers[1]!.send('second')
  peers[1]!.close(1000)
  await loop
  t.same(texts, ['first', 'second'])
})

void t.test('messages wait for a listener, over reconnections', async (t) => {
  const { socket, peers, reconnect } = await setUp(t)
  await once(socket, 'open')
  await waitUntil(() => peers.length === 1)
  peers[0]!.send('first')
  await reconnect()
  peers[1]!.send('second')
  const texts: string[] = []
  socket.on('message', (data) => texts.push(String(data)))
  await waitUntil(() => texts.length === 2)
  t.same(texts, ['first', 'second'])
})

void t.test('pause() and binaryType outlast a connection', async (t) => {
  const { socket, peers } = await setUp(t)
  const received: unknown[] = []
  socket.binaryType = 'arraybuffer'
  socket.on('message', (data) => received.push(data))
  socket.pause()
  await once(socket, 'open')
  t.equal(socket.isPaused, true)
  socket.resume()
  peers[0]!.close(1012)
  await once(socket, 'reconnecting')
  socket.pause()
  await once(socket, 'reconnected')
  await waitUntil(() => peers.length === 2)
  await new Promise((resolve) => peers[1]!.send(Buffer.from('x'), resolve))
  t.same(received, [])
  socket.resume()
  await once(socket, 'message')
  t.type(received[0], ArrayBuffer)
  t.equal(socket.binaryType, 'arraybuffer')
})

void t.test('close() and terminate() while it waits stop it without an error', async (t) => {
  for (const method of ['close', 'terminate'] as const) {
    const { socket, peers } = await setUp(t, { reconnect: { minDelay: 100_000 } })
    socket.on('error', (error) => t.fail(error))
    await once(socket, 'open')
    await waitUntil(() => peers.length === 1)
    peers[0]!.close(1001)
    await once(socket, 'reconnecting')
    socket[method]()
    t.same(await once(socket, 'close'), [1006, Buffer.alloc(0)])
  }
})

void t.test('close() and terminate() during an attempt stop it without an error', async (t) => {
  for (const method of ['close', 'terminate'] as const) {
    const { socket } = await setUp(t)
    socket.on('error', (error) => t.fail(error))
    socket[method]()
    t.same(await once(socket, 'close'), [1006, Buffer.alloc(0)])
  }
})

void t.test('close() throws if the code is invalid, and the socket stays open', async (t) => {
  const { socket, reconnect } = await setUp(t)
  await once(socket, 'open')
  t.throws(() => socket.close(1005), TypeError)
  t.equal(socket.readyState, socket.OPEN)
  await reconnect()
})

void t.test('a signal ends the socket without an error, before, during and after an attempt', async (t) => {
  const aborted = await setUp(t, { signal: AbortSignal.abort() })
  t.equal((await once(aborted.socket, 'close'))[0], 1006)
  t.equal(aborted.peers.length, 0)

  for (const event of [undefined, 'open', 'reconnecting'] as const) {
    const controller = new AbortController()
    const { socket, peers } = await setUp(t, { signal: controller.signal, reconnect: { minDelay: 100_000 } })
    socket.on('error', (error) => t.fail(error))
    if (event === 'reconnecting') {
      await once(socket, 'open')
      await waitUntil(() => peers.length === 1)
      peers[0]!.terminate()
    }
    if (event !== undefined) await once(socket, event)
    controller.abort()
    t.equal((await once(socket, 'close'))[0], 1006)
  }
})

void t.test('an invalid URL is thrown, and leaves no listener at the signal', (t) => {
  const { signal } = new AbortController()
  t.throws(() => connect('http:', { signal, reconnect: true }), SyntaxError)
  t.same(getEventListeners(signal, 'abort'), [])
  t.end()
})

void t.test('an error of the protocol ends the socket, and is emitted once', async (t) => {
  const { socket, peers } = await setUp(t, { maxPayload: 4 })
  const events: unknown[] = []
  socket.on('error', (error: Error & { code?: string }) => events.push(error.code))
  socket.on('reconnecting', () => events.push('reconnecting'))
  await once(socket, 'open')
  await waitUntil(() => peers.length === 1)
  peers[0]!.send('too long')
  await new Promise((resolve) => socket.once('close', (code) => resolve(events.push(code))))
  t.same(events, ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009])
})

void t.test('properties are those of the current connection', async (t) => {
  const { socket } = await setUp(t, { perMessageDeflate: false })
  t.equal(socket.httpVersion, undefined)
  await once(socket, 'open')
  t.match(socket.url, /^ws:\/\/127\.0\.0\.1:\d+\/$/)
  t.same([socket.httpVersion, socket.protocol, socket.extensions, socket.bufferedAmount], ['1.1', '', '', 0])
})
