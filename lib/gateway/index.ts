import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { GatewayOptions, UpgradeHandler } from '../../types/index.ts'
import { claimServer } from '../handshake/claim.ts'
import { onExtendedConnect } from '../handshake/extended-connect.ts'
import { forwardUpgrade } from '../handshake/forwarded-upgrade.ts'
import { advertiseExtendedConnect } from '../http2/server.ts'
import { Sessions } from '../http2/sessions.ts'
import { readGatewayOptions } from '../options/gateway.ts'
import { completeSizes } from '../options/receive-window.ts'

export type { GatewayOptions, UpgradeHandler } from '../../types/index.ts'

/**
 * Serves WebSocket over HTTP/2 (Extended CONNECT, RFC 8441) with a handler of HTTP/1.1 upgrades, such as
 * `wss.handleUpgrade()` of ws or `io.engine.handleUpgrade()` of socket.io. Call it before the server listens.
 *
 * The handler receives the request as a GET with `upgrade: websocket`, and the stream as its socket. The HTTP/1.1 head
 * that it writes is sent as that of the stream: status 101 as 200, which opens the socket; any other status refuses it.
 * Backpressure, receive windows and resets are those of the plugin's own sockets.
 *
 * Upgrades over HTTP/1.1 are not served: add the handler as a listener for `'upgrade'` too.
 *
 * @returns a function that stops it for new handshakes. Open sockets stay open
 * @throws FST_WS_INVALID_OPTION if an option is invalid or unknown
 * @throws FST_WS_ALREADY_REGISTERED if the plugin, or another call, serves the same server
 * @example
 * const wss = new WebSocketServer({ noServer: true })
 * serveExtendedConnect(server, (request, socket, head) => {
 *   wss.handleUpgrade(request, socket, head, (websocket) => wss.emit('connection', websocket, request))
 * })
 */
export function serveExtendedConnect (
  server: Http2Server | Http2SecureServer, handler: UpgradeHandler, options: GatewayOptions = {}
): () => void {
  const { handshakeTimeout, onError = throwLater, settings, receiveWindow } = readGatewayOptions(options)
  const release = claimServer(server)
  const sessions = new Sessions({ receiveWindow, timeout: (server as { timeout?: number }).timeout ?? 0 })
  const { sessionBudget } = completeSizes(receiveWindow)
  const warning = advertiseExtendedConnect(server, settings, sessionBudget)
  if (warning !== undefined) process.emitWarning(warning)
  const forwarding = { handler, timeout: handshakeTimeout, onError }
  const untrack = sessions.track(server)
  const stop = onExtendedConnect(server, sessions, undefined, (request, streamSocket) => {
    forwardUpgrade(request, streamSocket, forwarding)
  })
  return () => {
    stop()
    untrack()
    release()
  }
}

/** Throws an error that nothing catches. */
function throwLater (error: Error): void {
  process.nextTick(() => { throw error })
}
