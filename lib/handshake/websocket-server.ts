import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { WebsocketServer, WebsocketServerOptions } from '../../types/index.ts'
import { FST_WS_INVALID_SUBPROTOCOL } from '../errors.ts'
import { loadWs, overrideOptions } from '../internals/ws.ts'
import { isPromise, isToken } from '../options/validate.ts'
import { createSocketClass } from '../socket/websocket.ts'
import { kUpgrade } from '../symbols.ts'
import { validateHead } from './header-fields.ts'
import type { RawRequest } from './upgrade.ts'
import { guardVerifyClient } from './verify-client.ts'

const ws = loadWs()

/** Methods of `app.websocketServer` that ws does not have. */
export type ServerMethods = Omit<WebsocketServer, keyof WebSocketServer>

type HandleProtocols = NonNullable<WebsocketServerOptions['handleProtocols']>

/** Validates the response head of a handshake before ws writes it: listeners of 'headers' may have added anything. */
class CheckingServer extends ws.WebSocketServer {
  override emit (event: string | symbol, ...parameters: unknown[]): boolean {
    const hasListeners = super.emit(event, ...parameters)
    if (event === 'headers') {
      const [lines, request] = parameters as [lines: string[], request: RawRequest]
      lines.splice(0, lines.length, ...validateHead(lines))
      request[kUpgrade]?.startAnswer()
    }
    return hasListeners
  }
}

/** Creates the ws server that negotiates the handshakes of both HTTP versions, and tracks the open sockets. */
export function createWebSocketServer (options: WebsocketServerOptions, log: FastifyBaseLogger): WebSocketServer {
  const { handleProtocols, verifyClient } = options
  const Base = (options.WebSocket ?? ws.WebSocket) as typeof ws.WebSocket
  const SocketClass = createSocketClass(Base)
  const server = new CheckingServer({
    ...options,
    ...(handleProtocols && { handleProtocols: guardHandleProtocols(handleProtocols) }),
    ...(verifyClient && { verifyClient: guardVerifyClient(verifyClient, log) }),
    WebSocket: SocketClass,
    noServer: true
  } as object)
  server.on('headers', addHeaderLines)
  return server
}

/**
 * Adds methods to a ws server, which the servers of routes have then, too. The methods must not use `this`: a user may
 * call them without the server.
 */
export function addServerMethods (server: WebSocketServer, methods: ServerMethods): WebsocketServer {
  return Object.assign(server, methods) as object as WebsocketServer
}

/** Returns the same ws server, except that it negotiates with the options of a route. */
export function withOptions (server: WebSocketServer, routeOptions: WebsocketServerOptions): WebSocketServer {
  if (Object.keys(routeOptions).length === 0) return server
  // ws completes its options in the constructor.
  const { options } = new ws.WebSocketServer({ ...server.options, ...routeOptions } as object)
  return overrideOptions(server, options)
}

/** Returns the `closeTimeout` of a ws server, in ms. */
export function readCloseTimeout (server: WebSocketServer): number {
  return (server.options as Required<WebsocketServerOptions>).closeTimeout
}

/** Returns the `allowSynchronousEvents` of a ws server. */
export function allowsSynchronousEvents (server: WebSocketServer): boolean {
  return (server.options as Required<WebsocketServerOptions>).allowSynchronousEvents!
}

/** Checks the result of `handleProtocols`. ws would send anything, even a promise, as text. */
function guardHandleProtocols (handleProtocols: HandleProtocols): HandleProtocols {
  return (protocols, request) => {
    const selected: unknown = handleProtocols(protocols, request)
    if (isToken(selected)) return selected
    if (selected === false || selected === '' || selected == null) return false
    // The promise is not awaited. An unhandled rejection would end the process.
    if (isPromise(selected)) selected.then(undefined, () => {})
    throw new FST_WS_INVALID_SUBPROTOCOL(isPromise(selected) ? 'a promise' : inspect(selected))
  }
}

/** Adds the headers that hooks have set, such as cookies, to ws's response. */
function addHeaderLines (lines: string[], request: IncomingMessage): void {
  lines.push(...(request as RawRequest)[kUpgrade]?.headerLines ?? [])
}
