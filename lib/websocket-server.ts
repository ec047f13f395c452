import type { IncomingMessage } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { createSocketClass } from './socket.ts'
import type { SendLimits } from './socket.ts'
import { kUpgrade } from './symbols.ts'
import type { RawRequest } from './upgrade.ts'
import type { WebsocketServerOptions } from '../types/index.ts'

/** Makes the ws server that negotiates every socket, whichever transport it comes over, and counts them. */
export function createWebSocketServer (options: WebsocketServerOptions, limits: SendLimits): WebSocketServer {
  const SocketClass = createSocketClass((options.WebSocket ?? WebSocket) as typeof WebSocket, limits)
  const server = new WebSocketServer({ ...options, WebSocket: SocketClass, noServer: true } as object)
  server.on('headers', addHeaderLines)
  return server
}

/** How long, in ms, a peer of the server has to finish its closing handshake. */
export function readCloseTimeout (server: WebSocketServer): number {
  return (server.options as Required<WebsocketServerOptions>).closeTimeout
}

/** ws's answer has only what the handshake needs; a cookie that a hook set goes along here. */
function addHeaderLines (lines: string[], request: IncomingMessage): void {
  lines.push(...(request as RawRequest)[kUpgrade]?.headerLines ?? [])
}
