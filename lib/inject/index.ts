import type { IncomingHttpHeaders } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import type { FastifyInstance, InjectWSContext } from 'fastify'
import { connect } from '../client/index.ts'
import { FST_WS_INVALID_OPTION, FST_WS_UNEXPECTED_RESPONSE } from '../errors.ts'
import { injectConnection } from '../internals/http1.ts'
import { guardDestroy } from '../internals/http2.ts'
import { createLoopback } from './loopback.ts'
import { kOwnListener } from '../symbols.ts'
import { isHttp2Server } from '../http2/server.ts'
import type { RawRequest } from '../handshake/upgrade.ts'
import type { ConnectOptions, WebSocket } from '../../types/index.ts'

// As light-my-request has it, whose requests `fastify.inject()` makes.
const LOCALHOST = '127.0.0.1'

/** What tests say of their requests, by session or connection. */
const injected = new WeakMap<object, object>()

type Context = InjectWSContext<Record<string, unknown>>

/** Makes the function that opens sockets to a server's routes without a port. */
export function createInjectWS (fastify: FastifyInstance, server: Server): FastifyInstance['injectWS'] {
  const isSecure = server instanceof TlsServer
  const isHttp2 = isHttp2Server(server)

  return async function injectWS (path = '/', context = {}, { http, onInit, onOpen } = {}) {
    await fastify.ready()
    follow(server)

    const known = isHttp2 ? '2' : '1.1'
    if (!isSecure && http !== undefined && http !== known) {
      throw new FST_WS_INVALID_OPTION('"http"', `"${known}", which is all that the server speaks without TLS`, `"${http}"`)
    }
    const socket = connect(`${isSecure ? 'wss' : 'ws'}://localhost${path}`, {
      ...toOptions(context.headers),
      http: isSecure ? http : known,
      createConnection: (options) => connectInMemory(server, toProtocol(isHttp2, options), context)
    })
    onInit?.(socket)
    await untilOpen(socket)
    onOpen?.(socket)
    return socket
  }
}

/** What Node does after a TLS handshake by the outcome of ALPN (RFC 7301). */
function toProtocol (isHttp2: boolean, { ALPNProtocols }: ConnectionOptions): string {
  return isHttp2 && Array.isArray(ALPNProtocols) && ALPNProtocols.includes('h2') ? 'h2' : 'http/1.1'
}

/** The client writes these fields itself, by what it is to offer. */
function toOptions (given: IncomingHttpHeaders = {}): ConnectOptions {
  const {
    'sec-websocket-protocol': protocols = '',
    'sec-websocket-extensions': extensions = '',
    ...headers
  } = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))

  return {
    headers,
    protocols: String(protocols).split(',').map((protocol) => protocol.trim()).filter((protocol) => protocol !== ''),
    perMessageDeflate: String(extensions).includes('permessage-deflate'),
    maxPayload: 0
  }
}

/** Makes a connection to a server, and returns the client's end. */
function connectInMemory (server: Server, alpnProtocol: string, context: Context): Duplex {
  const [end, otherEnd] = createLoopback()
  Object.assign(end, { alpnProtocol })
  Object.assign(otherEnd, { alpnProtocol, server, remoteAddress: LOCALHOST, encrypted: server instanceof TlsServer })

  let key: object = otherEnd
  const guard = guardDestroy(otherEnd)
  const serverOnSession = (session: ServerHttp2Session): void => {
    key = session
    guard(session)
  }
  server.once('session', serverOnSession)
  injectConnection(server, otherEnd)
  server.off('session', serverOnSession)

  const { headers: _, method: __, url: ___, socket = {}, ...properties } = context
  const view = Object.create(otherEnd, Object.getOwnPropertyDescriptors(socket))
  injected.set(key, { ...properties, socket: view })
  return end
}

/** Looks at requests before the routes do. Without a websocket route nobody listens, and it must stay so. */
function follow (server: Server): void {
  for (const event of ['upgrade', 'connect']) {
    const listeners = server.listeners(event)
    if (listeners.length > 0 && !listeners.includes(serverOnRequest)) server.prependListener(event, serverOnRequest)
  }
}

/** Puts on a request that was injected what its test says of it. */
function serverOnRequest (request: RawRequest): void {
  const properties = injected.get('stream' in request ? request.stream.session! : request.socket)
  if (properties !== undefined) Object.defineProperties(request, Object.getOwnPropertyDescriptors(properties))
}

Object.assign(serverOnRequest, { [kOwnListener]: true })

async function untilOpen (socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.once('unexpected-response', (request, { statusCode = 0, headers }) => {
      // Tests compare errors by their names, and that of @fastify/websocket has this one.
      reject(Object.assign(new FST_WS_UNEXPECTED_RESPONSE(statusCode), { name: 'Error', statusCode, headers }))
      request.destroy()
    })
    socket.once('open', () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
