import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session, Http2ServerRequest, Http2Session } from 'node:http2'
import type { Socket as TcpSocket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { text as readAll } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import { Server } from 'socket.io'
import type { ServerOptions, Socket } from 'socket.io'
import { Fetch, Manager, NodeWebSocket, NodeXHR } from 'socket.io-client'
import type { ManagerOptions, Socket as ClientSocket } from 'socket.io-client'
import type { Test } from 'tap'
import type { WebsocketPluginOptions } from '../../index.ts'
import { connect } from '../../lib/client/index.ts'
import { addEcho } from './echo.ts'
import { start } from './transports.ts'
import type { ConnectOptions, Fixture, Transport } from './transports.ts'
import { waitUntil } from './waiting.ts'

/** A request that socket.io has received over one of its transports. */
export type AnyRequest = IncomingMessage | Http2ServerRequest

/** The HTTP version, and the kind of connection, that a request came over. */
export type Carrier = Pick<Transport, 'httpVersion' | 'secure'>

/** A request of engine.io, as the server has received it. */
export interface Handled extends Carrier {
  transport: string
}

/** A server with the plugin and socket.io. */
export interface SocketIoFixture extends Fixture {
  io: Server
  /** TCP connections that the server has accepted. */
  connections: Set<TcpSocket>
  /** Handshakes of engine.io: a websocket, or the first request of polling. */
  handled: Handled[]
  /** Creates the manager of a client, which has a transport of its own. */
  manager (options?: ClientOptions): Manager
  /** Connects a client. Returns both ends. */
  client (options?: ClientOptions): Promise<{ client: ClientSocket, peer: Socket }>
}

/** Names of the transports that a client may use, in order of preference. */
export interface ClientOptions extends Partial<Omit<ManagerOptions, 'transports'>> {
  transports?: Array<'polling' | 'websocket'>
  namespace?: string
}

export interface SocketIoOptions {
  io?: Partial<ServerOptions>
  plugin?: WebsocketPluginOptions
  /** Default: the route /echo. */
  routes?: (app: FastifyInstance, getServer: () => Server) => unknown
}

/** Starts a server with the plugin, then socket.io. */
export async function startSocketIo (
  t: Test, transport: Transport, { io: ioOptions, plugin, routes = addEcho }: SocketIoOptions = {}
): Promise<SocketIoFixture> {
  let io: Server
  const connections = new Set<TcpSocket>()
  const handled: Handled[] = []
  const fixture = await start(t, transport, async (app) => {
    await routes(app, () => io)
    app.server.on('connection', (connection: TcpSocket) => connections.add(connection))
    // Pings find the clients of a test that has ended.
    io = new Server(app.server, { pingInterval: 2000, pingTimeout: 5000, ...ioOptions })
    // The server waits 30 s for the next poll of a client that it disconnects, and the test for the server.
    io.engine.on('connection', ({ transport }) => Object.assign(transport, { closeTimeout: 2000 }))
    recordHandshakes(io, handled)
  }, plugin)
  return { ...fixture, io: io!, connections, handled, manager, client, get session () { return fixture.session } }

  function manager (options?: ClientOptions): Manager {
    return createManager(t, fixture.origin, fixture.session, options)
  }

  async function client (options?: ClientOptions): Promise<{ client: ClientSocket, peer: Socket }> {
    const { namespace = '/' } = options ?? {}
    const client = manager(options).socket(namespace)
    await connected(client)
    return { client, peer: io.of(namespace).sockets.get(client.id!)! }
  }
}

/** Waits until a client is connected. Rejects if it is refused. */
export async function connected (client: ClientSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => { client.once('connect', resolve).once('connect_error', reject) })
}

/** Waits until both ends of a client use websocket. */
export async function untilUpgraded (client: ClientSocket, peer: Socket): Promise<void> {
  await waitUntil(() => {
    return [peer.conn, client.io.engine].every(({ transport }) => transport?.name === 'websocket')
  }, 'the upgrade to websocket')
}

/** Opens an HTTP/2 session for a test. */
export function openSession (t: Test, origin: string): ClientHttp2Session {
  const session = connectHttp2(origin, { rejectUnauthorized: false }).on('error', () => {})
  t.teardown(() => session.destroy())
  return session
}

/** Records, as the server sees it, over which transport each session of engine.io begins and each websocket opens. */
export function recordHandshakes (io: Server, handled: Handled[]): void {
  io.engine.on('headers', (_headers: object, request: AnyRequest & { _query: { sid?: string, transport: string } }) => {
    const { sid, transport } = request._query
    if (sid === undefined || transport === 'websocket') handled.push({ transport, ...carrierOf(request) })
  })
}

/** Creates the manager of a client: over the session if there is one, else with the connections of socket.io-client. */
export function createManager (
  t: Test, origin: string, session: ClientHttp2Session | undefined, options: ClientOptions = {}
): Manager {
  const { transports = ['websocket'], namespace, ...rest } = options
  const own = session === undefined ? { polling: NodeXHR, websocket: NodeWebSocket } : overSession(session)
  const manager = new Manager(origin, {
    reconnection: false,
    rejectUnauthorized: false,
    ...rest,
    transports: transports.map((name) => own[name])
  } as never)
  t.teardown(() => manager._close())
  return manager
}

/** Returns the transport that carried a request. An upgrade over HTTP/2 has its stream as its socket. */
export function carrierOf (request: AnyRequest): Carrier {
  const session = sessionOf(request)
  if (session !== undefined) return { httpVersion: '2.0', secure: session.alpnProtocol === 'h2' }
  return { httpVersion: '1.1', secure: (request.socket as TLSSocket).encrypted === true }
}

/** Returns the HTTP/2 session of a request, and undefined over HTTP/1.1. */
export function sessionOf (request: AnyRequest): Http2Session | undefined {
  const { session } = 'stream' in request ? request.stream : request.socket as { session?: Http2Session }
  return session
}

/** Transports of engine.io-client on an HTTP/2 session. */
function overSession (session: ClientHttp2Session) {
  class SessionPolling extends Fetch {
    override doPoll (): void {
      void this.#request().then((body) => this.onData(body), (error) => this.onError('polling', error))
    }

    override doWrite (data: string, callback: () => void): void {
      void this.#request(data).then(callback, (error) => this.onError('polling', error))
    }

    async #request (body?: string): Promise<string> {
      const { pathname, search } = new URL(this.uri())
      const stream = session.request({ ':method': body === undefined ? 'GET' : 'POST', ':path': pathname + search })
      const responded = once(stream, 'response')
      stream.end(body)
      const [{ ':status': status }] = await responded
      if (status !== 200) throw new Error(`status ${status}`)
      return await readAll(stream)
    }
  }

  class SessionWebSocket extends NodeWebSocket {
    override createSocket (uri: string, protocols: string | string[] | undefined, options: ConnectOptions) {
      const { pathname, search } = new URL(uri)
      const { headers, perMessageDeflate } = options
      return connect(session, protocols, { path: pathname + search, headers, perMessageDeflate })
    }
  }

  return { polling: SessionPolling, websocket: SessionWebSocket }
}
