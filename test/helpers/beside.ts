import { Socket } from 'node:net'
import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { WebSocketServer } from 'ws'
import type { UpgradeHandler, WebsocketPluginOptions } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { addEcho } from './echo.ts'
import { H1, H1_TLS, H2C, H2_TLS, start } from './transports.ts'
import type { Fixture, Transport } from './transports.ts'
import { closed, nextText } from './waiting.ts'

export const TRANSPORTS = [H1, H1_TLS, H2C, H2_TLS]

/** The ways to hand upgrades on to another WebSocket server. */
export const WAYS = ['upgradeFallback', 'a listener for \'upgrade\''] as const

export type Way = typeof WAYS[number]

/** A server with the plugin, its route /echo, and another WebSocket server on the same port. */
export interface Beside extends Fixture {
  /** Transports of the upgrades that the other server has received, by name, in their order. */
  carriers: string[]
  /** URL of the other server. */
  url: string
  /** Class for packages that open their sockets with `new WebSocket(url, protocols)`. */
  ClientWebSocket: typeof WebSocket
}

/**
 * Starts a server for one test, with another WebSocket server at a path.
 *
 * @param other a server of ws with `noServer`, or a function that serves an upgrade
 */
export async function startBeside (
  t: Test, transport: Transport, way: Way, path: string, other: WebSocketServer | UpgradeHandler,
  options: WebsocketPluginOptions = {}
): Promise<Beside> {
  const carriers: string[] = []
  const serve: UpgradeHandler = typeof other === 'function' ? other : serveWith(other)
  const handle: UpgradeHandler = (request, socket, head) => {
    carriers.push(carrierOf(socket))
    void serve(request, socket, head)
  }
  const isFallback = way === 'upgradeFallback'
  const fixture = await start(t, transport, (app) => {
    addEcho(app)
    if (isFallback) return
    app.server.on('upgrade', (request, socket, head) => {
      if (`${request.url!.split('?')[0]}/`.startsWith(`${path}/`)) void handle(request, socket, head)
    })
  }, isFallback ? { ...options, upgradeFallback: handle } : options)
  return Object.assign(Object.create(fixture) as Fixture, {
    carriers,
    url: fixture.origin.replace('http', 'ws') + path,
    ClientWebSocket: createClientClass(fixture)
  })
}

function serveWith (server: WebSocketServer): UpgradeHandler {
  return (request, socket, head) => {
    server.handleUpgrade(request, socket, head, (websocket) => server.emit('connection', websocket, request))
  }
}

/** Returns the name of the transport of a connection that a listener for 'upgrade' has received. */
export function carrierOf (connection: Duplex): string {
  if (connection instanceof Socket) return 'encrypted' in connection ? H1_TLS.name : H1.name
  return (connection as ServerHttp2Stream).session?.alpnProtocol === 'h2' ? H2_TLS.name : H2C.name
}

/** Checks that a route of the app serves sockets, on the same session as the other sockets. */
export async function checkOwnRoute (t: Test, { open, app }: Fixture): Promise<void> {
  const socket = await open('/echo')
  socket.send('own')
  t.equal(await nextText(socket), 'own')
  t.ok(app.websocketServer.clients.size > 0)
  const end = closed(socket)
  socket.close(4001)
  t.equal((await end).code, 4001)
}

/** Returns a class with the interface of browsers: ws over HTTP/1.1, connect() on the session of a fixture else. */
export function createClientClass (fixture: Fixture): typeof WebSocket {
  function ClientWebSocket (url: string, protocols?: string | string[]): WebSocket {
    const { session } = fixture
    const options = { rejectUnauthorized: false, perMessageDeflate: false }
    if (session === undefined) return new WebSocket(url, protocols, options)
    const { pathname, search } = new URL(url)
    return connect(session, protocols, { path: pathname + search, perMessageDeflate: false })
  }
  const { CONNECTING, OPEN, CLOSING, CLOSED } = WebSocket
  return Object.assign(ClientWebSocket, { CONNECTING, OPEN, CLOSING, CLOSED }) as unknown as typeof WebSocket
}
