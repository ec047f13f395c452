import type { IncomingHttpHeaders } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import type { FastifyInstance, InjectWSContext, InjectWSOption } from 'fastify'
import type { ConnectOptions, WebSocket } from '../../types/index.ts'
import { createRefusal } from '../client/client-socket.ts'
import { connect } from '../client/index.ts'
import { FST_WS_INVALID_OPTION } from '../errors.ts'
import type { RawRequest } from '../handshake/upgrade.ts'
import { isHttp2Server } from '../http2/server.ts'
import { injectConnection } from '../internals/http1.ts'
import { guardDestroy, onSession } from '../internals/http2.ts'
import { CONNECT_OPTIONS } from '../options/client.ts'
import type { Check } from '../options/table.ts'
import { FUNCTION, validate, validateStrict } from '../options/validate.ts'
import { kOwnListener } from '../symbols.ts'
import { createLoopback } from './loopback.ts'

// The address that requests of `fastify.inject()` have (light-my-request).
const LOCALHOST = '127.0.0.1'

const INJECT_OPTIONS = {
  http: CONNECT_OPTIONS.http,
  onInit: FUNCTION,
  onOpen: FUNCTION
} satisfies Record<keyof InjectWSOption, Check>

/** Properties to add to injected requests, by HTTP/2 session or HTTP/1.1 connection. */
const requestProperties = new WeakMap<object, object>()

type Context = InjectWSContext<Record<string, unknown>>

/** Creates the function that opens sockets to a server's routes in memory. */
export function createInjectWS (fastify: FastifyInstance, server: Server): FastifyInstance['injectWS'] {
  const isSecure = server instanceof TlsServer
  const isHttp2 = isHttp2Server(server)

  return async function injectWS (path = '/', context = {}, options = {}) {
    validate({ path }, CONNECT_OPTIONS)
    validateStrict(options, INJECT_OPTIONS)
    const { http, onInit, onOpen } = options
    await fastify.ready()
    extendRequests(server)

    const cleartextVersion = isHttp2 ? '2' : '1.1'
    if (!isSecure && http !== undefined && http !== cleartextVersion) {
      throw new FST_WS_INVALID_OPTION(
        '"http"', `"${cleartextVersion}", the only version that this server supports without TLS`, `"${http}"`
      )
    }
    const socket = connect(`${isSecure ? 'wss' : 'ws'}://localhost${path}`, {
      ...toConnectOptions(context.headers),
      http: isSecure ? http : cleartextVersion,
      createConnection: (options) => connectInMemory(server, selectAlpnProtocol(isHttp2, options), context)
    })
    onInit?.(socket)
    await waitForOpen(socket)
    onOpen?.(socket)
    return socket
  }
}

/** Selects the protocol that ALPN (RFC 7301) would result in. Node chooses the HTTP version by it. */
function selectAlpnProtocol (isHttp2: boolean, { ALPNProtocols }: ConnectionOptions): string {
  return isHttp2 && Array.isArray(ALPNProtocols) && ALPNProtocols.includes('h2') ? 'h2' : 'http/1.1'
}

/** Returns the headers as options of `connect()`, which has separate options for subprotocols and extensions. */
function toConnectOptions (injectedHeaders: IncomingHttpHeaders = {}): ConnectOptions {
  const {
    'sec-websocket-protocol': protocols = '',
    'sec-websocket-extensions': extensions = '',
    ...headers
  } = Object.fromEntries(Object.entries(injectedHeaders).map(([name, value]) => [name.toLowerCase(), value]))

  return {
    headers,
    protocols: String(protocols).split(',').map((protocol) => protocol.trim()).filter((protocol) => protocol !== ''),
    perMessageDeflate: String(extensions).includes('permessage-deflate'),
    maxPayload: 0
  }
}

/** Creates a connection to a server, and returns the client's end. */
function connectInMemory (server: Server, alpnProtocol: string, context: Context): Duplex {
  const [clientEnd, serverEnd] = createLoopback()
  Object.assign(clientEnd, { alpnProtocol })
  Object.assign(serverEnd, { remoteAddress: LOCALHOST, encrypted: server instanceof TlsServer })

  let key: object = serverEnd
  const guard = guardDestroy(serverEnd)
  const stop = onSession(server, (session) => {
    key = session
    guard(session)
  })
  injectConnection(server, serverEnd, alpnProtocol)
  stop()

  const { headers: _, method: __, url: ___, socket = {}, ...properties } = context
  const requestSocket = Object.create(serverEnd, Object.getOwnPropertyDescriptors(socket))
  requestProperties.set(key, { ...properties, socket: requestSocket })
  return clientEnd
}

/** Adds a listener before that of the routes. A server without websocket routes has none, and must not get one here. */
function extendRequests (server: Server): void {
  for (const event of ['upgrade', 'connect']) {
    const listeners = server.listeners(event)
    if (listeners.length > 0 && !listeners.includes(serverOnRequest)) server.prependListener(event, serverOnRequest)
  }
}

/** Adds the properties of `upgradeContext` to an injected request. */
function serverOnRequest (request: RawRequest): void {
  const properties = requestProperties.get('stream' in request ? request.stream.session! : request.socket)
  if (properties !== undefined) Object.defineProperties(request, Object.getOwnPropertyDescriptors(properties))
}

Object.assign(serverOnRequest, { [kOwnListener]: true })

async function waitForOpen (socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    // A refusal is no 'error' if a listener, which `onInit` may have added, handles it.
    if (socket.listenerCount('unexpected-response') > 0) {
      socket.once('unexpected-response', (request, response) => {
        reject(createRefusal(response))
        request.destroy()
      })
    }
    socket.once('open', () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
