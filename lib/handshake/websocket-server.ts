import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { isPromise, isToken } from '../options/validate.ts'
import { FST_WS_INVALID_SUBPROTOCOL } from '../errors.ts'
import { validateHead } from './header-fields.ts'
import { overrideOptions } from '../internals/ws.ts'
import { createSocketClass } from '../socket/websocket.ts'
import { kUpgrade } from '../symbols.ts'
import type { RawRequest } from './upgrade.ts'
import { guardVerifyClient } from './verify-client.ts'
import type { WebsocketServerOptions } from '../../types/index.ts'

type HandleProtocols = NonNullable<WebsocketServerOptions['handleProtocols']>

/** Looks at the head of a handshake before ws writes it: listeners of 'headers' may have put anything there. */
class CheckingServer extends WebSocketServer {
  override emit (event: string | symbol, ...parameters: unknown[]): boolean {
    const isHeard = super.emit(event, ...parameters)
    if (event === 'headers') {
      const [lines, request] = parameters as [lines: string[], request: RawRequest]
      lines.splice(0, lines.length, ...validateHead(lines))
      request[kUpgrade]?.startAnswer()
    }
    return isHeard
  }
}

/** Makes the ws server that negotiates every socket, whichever transport it comes over, and counts them. */
export function createWebSocketServer (
  options: WebsocketServerOptions, log: FastifyBaseLogger
): FastifyInstance['websocketServer'] {
  const { handleProtocols, verifyClient } = options
  const Base = (options.WebSocket ?? WebSocket) as typeof WebSocket
  const SocketClass = createSocketClass(Base, Base.prototype.send === WebSocket.prototype.send)
  const server = new CheckingServer({
    ...options,
    ...(handleProtocols && { handleProtocols: guardHandleProtocols(handleProtocols) }),
    ...(verifyClient && { verifyClient: guardVerifyClient(verifyClient, log) }),
    WebSocket: SocketClass,
    noServer: true
  } as object)
  server.on('headers', addHeaderLines)
  return server as object as FastifyInstance['websocketServer']
}

/** The same server, which negotiates with options of its own. */
export function withOptions (server: WebSocketServer, routeOptions: WebsocketServerOptions): WebSocketServer {
  if (Object.keys(routeOptions).length === 0) return server
  // ws itself makes of options what it works with.
  const { options } = new WebSocketServer({ ...server.options, ...routeOptions } as object)
  return overrideOptions(server, options)
}

/** How long, in ms, a peer of the server has to finish its closing handshake. */
export function readCloseTimeout (server: WebSocketServer): number {
  return (server.options as Required<WebsocketServerOptions>).closeTimeout
}

/** ws sends what it is given; a promise too, as text. */
function guardHandleProtocols (choose: HandleProtocols): HandleProtocols {
  return (protocols, request) => {
    const chosen: unknown = choose(protocols, request)
    if (isToken(chosen)) return chosen
    if (chosen === false || chosen === '' || chosen == null) return false
    // It is not waited for: why it rejects is of no use to anybody.
    if (isPromise(chosen)) chosen.then(undefined, () => {})
    throw new FST_WS_INVALID_SUBPROTOCOL(isPromise(chosen) ? 'a promise' : inspect(chosen))
  }
}

/** ws's answer has only what the handshake needs; a cookie that a hook set goes along here. */
function addHeaderLines (lines: string[], request: IncomingMessage): void {
  lines.push(...(request as RawRequest)[kUpgrade]?.headerLines ?? [])
}
