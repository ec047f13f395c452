import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { overrideOptions } from './internals.ts'
import { createSocketClass } from './socket.ts'
import { kUpgrade } from './symbols.ts'
import type { RawRequest } from './upgrade.ts'
import type { WebsocketServerOptions } from '../types/index.ts'

/** Makes the ws server that negotiates every socket, whichever transport it comes over, and counts them. */
export function createWebSocketServer (options: WebsocketServerOptions): FastifyInstance['websocketServer'] {
  const Base = (options.WebSocket ?? WebSocket) as typeof WebSocket
  const SocketClass = createSocketClass(Base, Base.prototype.send === WebSocket.prototype.send)
  const server = new WebSocketServer({ ...options, WebSocket: SocketClass, noServer: true } as object)
  server.on('headers', addHeaderLines)
  return server as object as FastifyInstance['websocketServer']
}

/** The same server, which negotiates with options of its own. */
export function withOptions (server: WebSocketServer, own: WebsocketServerOptions): WebSocketServer {
  if (Object.keys(own).length === 0) return server
  // ws itself makes of options what it works with.
  const { options } = new WebSocketServer({ ...server.options, ...own } as object)
  return overrideOptions(server, options)
}

/** How long, in ms, a peer of the server has to finish its closing handshake. */
export function readCloseTimeout (server: WebSocketServer): number {
  return (server.options as Required<WebsocketServerOptions>).closeTimeout
}

/** ws's answer has only what the handshake needs; a cookie that a hook set goes along here. */
function addHeaderLines (lines: string[], request: IncomingMessage): void {
  lines.push(...(request as RawRequest)[kUpgrade]?.headerLines ?? [])
}
