import { once } from 'node:events'
import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import type { WebSocketServer } from 'ws'
import type { WebsocketServerOptions } from '../../../index.ts'
import {
  addServerMethods, allowsSynchronousEvents, createWebSocketServer, readCloseTimeout, withOptions
} from '../../../lib/handshake/websocket-server.ts'
import type { PluginSocket } from '../../../lib/socket/plugin-socket.ts'
import { kAttachConnection } from '../../../lib/symbols.ts'
import { createLog, readToEnd, receiveUpgrade } from '../../helpers/pending-upgrade.ts'
import type { PendingUpgrade } from '../../helpers/pending-upgrade.ts'
import { upgradeRequest } from '../../helpers/upgrade-request.ts'
import { waitTurns } from '../../helpers/waiting.ts'

type HandleProtocols = NonNullable<WebsocketServerOptions['handleProtocols']>

function createServer (options: object = {}, log: FastifyBaseLogger = createLog().log): WebSocketServer {
  return createWebSocketServer(options as WebsocketServerOptions, log) as unknown as WebSocketServer
}

/** Lets ws handle a handshake, and returns the sockets that it opens. */
function handle (server: WebSocketServer, { request }: PendingUpgrade): WebSocket[] {
  const sockets: WebSocket[] = []
  const { socket } = request
  server.handleUpgrade(request as never, socket, Buffer.alloc(0), (websocket) => sockets.push(websocket))
  return sockets
}

async function receiveOffer (): Promise<PendingUpgrade> {
  return await receiveUpgrade(undefined, upgradeRequest('/', ['Sec-WebSocket-Protocol: chat, talk']))
}

/** Returns the response head of a handshake that is accepted. */
async function readHead ({ client }: PendingUpgrade): Promise<string> {
  return String((await once(client, 'data'))[0])
}

void t.test('createWebSocketServer: its sockets are those of the plugin, and of the user\'s class', async (t) => {
  class UserSocket extends WebSocket {}
  for (const [options, Class] of [[{}, WebSocket], [{ WebSocket: UserSocket }, UserSocket]] as const) {
    const server = createServer(options)
    const pending = await receiveUpgrade()
    const [socket] = handle(server, pending)
    t.type(socket, Class)
    t.type((socket as PluginSocket)[kAttachConnection], 'function')
    t.ok(server.clients.has(socket!))
    pending.client.destroy()
  }
})

void t.test('createWebSocketServer: it does not listen itself', async (t) => {
  t.equal(createServer().options.noServer, true)
  t.throws(() => createServer().address(), { message: /noServer/ })
})

void t.test('createWebSocketServer: the headers of hooks and of \'headers\' listeners are in the response head', async (t) => {
  const server = createServer()
  const pending = await receiveUpgrade()
  pending.upgrade.headerLines = ['x-hook: a', 'set-cookie: b=1']
  server.on('headers', (lines, request) => {
    t.equal(request, pending.request)
    t.equal(pending.upgrade.isAnswered, false)
    lines.push('x-listener: c', 'content-length: 5', 'connection: close')
  })
  handle(server, pending)
  t.equal(pending.upgrade.isAnswered, true)
  const head = await readHead(pending)
  t.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n/)
  t.match(head, /\r\nx-hook: a\r\nset-cookie: b=1\r\nx-listener: c\r\n\r\n$/)
})

void t.test('createWebSocketServer: an invalid line of a \'headers\' listener throws, and nothing is sent', async (t) => {
  const server = createServer()
  server.on('headers', (lines) => lines.push('x-a: b\r\nx-split: c'))
  const pending = await receiveUpgrade()
  t.throws(() => handle(server, pending), { code: 'FST_WS_INVALID_HEADER' })
  t.equal(pending.upgrade.isAnswered, false)
  pending.upgrade.abort()
  t.equal(await readToEnd(pending.client), '')
})

void t.test('createWebSocketServer: handleProtocols receives the offered subprotocols and the request', async (t) => {
  const calls: unknown[][] = []
  const pending = await receiveOffer()
  const [socket] = handle(createServer({
    handleProtocols: ((...parameters) => {
      calls.push(parameters)
      return 'talk'
    }) as HandleProtocols
  }), pending)
  t.equal(socket!.protocol, 'talk')
  t.strictSame([...calls[0]![0] as Set<string>], ['chat', 'talk'])
  t.equal(calls[0]![1], pending.request)
  t.match(await readHead(pending), /\r\nSec-WebSocket-Protocol: talk\r\n/)
})

for (const selected of [false, '', null, undefined]) {
  void t.test(`createWebSocketServer: handleProtocols that returns ${JSON.stringify(selected)} selects none`, async (t) => {
    const pending = await receiveOffer()
    const [socket] = handle(createServer({ handleProtocols: () => selected }), pending)
    t.equal(socket!.protocol, '')
    t.notMatch(await readHead(pending), /sec-websocket-protocol/i)
  })
}

const INVALID: Array<[title: string, handleProtocols: () => unknown, received: string]> = [
  ['a promise', async () => 'chat', 'a promise'],
  ['a promise that rejects', async () => { throw new Error('boom') }, 'a promise'],
  ['an object', () => ({ protocol: 'chat' }), '{ protocol: \'chat\' }'],
  ['true', () => true, 'true'],
  ['two subprotocols', () => 'chat, talk', '\'chat, talk\''],
  ['a line break', () => 'chat\r\nx-split: c', '\'chat\\r\\nx-split: c\'']
]

for (const [title, handleProtocols, received] of INVALID) {
  void t.test(`createWebSocketServer: handleProtocols that returns ${title} throws an error that says so`, async (t) => {
    const pending = await receiveOffer()
    t.throws(() => handle(createServer({ handleProtocols }), pending), {
      code: 'FST_WS_INVALID_SUBPROTOCOL',
      message: `handleProtocols must synchronously return a subprotocol or false, got ${received}`
    })
    await waitTurns()
    pending.client.destroy()
  })
}

void t.test('createWebSocketServer: an error of an async verifyClient is logged, and answered with 500', async (t) => {
  const { log, logs } = createLog()
  const pending = await receiveUpgrade(log)
  t.same(handle(createServer({ verifyClient: async () => { throw new Error('boom') } }, log), pending), [])
  t.match(await readToEnd(pending.client), /^HTTP\/1\.1 500 /)
  t.match(logs, [{ msg: 'verifyClient failed', err: { message: 'boom' } }])
})

void t.test('withOptions: without options it returns the server itself', async (t) => {
  const server = createServer()
  t.equal(withOptions(server, {}), server)
})

void t.test('withOptions: the options of a route replace those of the server, on that route only', async (t) => {
  const server = createServer({ maxPayload: 10, autoPong: false })
  const route = withOptions(server, { maxPayload: 100 })
  t.match(route.options, { maxPayload: 100, autoPong: false, noServer: true, perMessageDeflate: false })
  t.equal(server.options.maxPayload, 10)
  t.equal(route.options.WebSocket, server.options.WebSocket)
})

void t.test('withOptions: sockets of the route are clients of the server', async (t) => {
  const server = createServer()
  const pending = await receiveUpgrade()
  const [socket] = handle(withOptions(server, { maxPayload: 100 }), pending)
  t.strictSame([...server.clients], [socket])
  pending.client.destroy()
})

void t.test('readCloseTimeout: returns the option closeTimeout of the server or route, or the default of ws', async (t) => {
  t.equal(readCloseTimeout(createServer()), 30_000)
  t.equal(readCloseTimeout(createServer({ closeTimeout: 7 })), 7)
  t.equal(readCloseTimeout(withOptions(createServer({ closeTimeout: 7 }), { closeTimeout: 8 })), 8)
})

void t.test('addServerMethods: the servers of routes have the methods, too', async (t) => {
  const drain = async (): Promise<number> => 5
  const stats = (): never => { throw new Error('not called') }
  const methods = { drain, stats, publish: stats, broadcast: stats, subscribers: stats, prepare: stats }
  const server = createServer()
  t.equal(addServerMethods(server, methods), server)
  const ofRoute = withOptions(server, { maxPayload: 10 }) as unknown as { drain: typeof drain }
  t.equal(await ofRoute.drain(), 5)
})

void t.test('allowsSynchronousEvents: returns the option of the server or route, or the default of ws', async (t) => {
  t.equal(allowsSynchronousEvents(createServer()), true)
  t.equal(allowsSynchronousEvents(withOptions(createServer(), { allowSynchronousEvents: false })), false)
})
