import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { GatewayOptions, UpgradeHandler } from '../../types/index.ts'
import { FST_WS_INVALID_OPTION, FST_WS_INVALID_RESPONSE } from '../errors.ts'
import { claimServer } from '../handshake/claim.ts'
import { onExtendedConnect } from '../handshake/extended-connect.ts'
import { forwardUpgrade } from '../handshake/forwarded-upgrade.ts'
import { advertiseExtendedConnect, isHttp2Server } from '../http2/server.ts'
import { Sessions } from '../http2/sessions.ts'
import { readGatewayOptions } from '../options/gateway.ts'
import { completeSizes } from '../options/receive-window.ts'
import { describe, isObject } from '../options/validate.ts'

export type { GatewayOptions, UpgradeHandler } from '../../types/index.ts'

/**
 * Serves the WebSocket handshakes of an HTTP/2 server (Extended CONNECT, RFC 8441) with a function that serves HTTP/1.1
 * upgrades, such as `wss.handleUpgrade()` of ws or `io.engine.handleUpgrade()` of socket.io. Call it before the server
 * listens: WebSocket is offered to the HTTP/2 connections that begin later.
 *
 * The handler receives each handshake as a GET with `upgrade: websocket`, and the HTTP/2 stream as its socket. The
 * response that it writes is converted: status 101 opens the socket, and is sent as 200. Any other status refuses it.
 * Backpressure, receive windows and resets are those of the plugin's sockets.
 *
 * HTTP/1.1 clients are not served: add the handler as a listener for `'upgrade'` too. Apps with the plugin do not need
 * this function. It serves other listeners for `'upgrade'`, and has the option `upgradeFallback`.
 *
 * @param server server of `node:http2`, or `app.server` of a Fastify app without the plugin
 * @param options limits, and a function for errors
 * @returns a function that stops it: new handshakes are answered with 405. Open sockets stay open
 * @throws FST_WS_INVALID_OPTION if an argument or option is invalid or unknown
 * @throws FST_WS_ALREADY_REGISTERED if the plugin, or another call, serves the same server
 * @example
 * const wss = new WebSocketServer({ noServer: true })
 * const upgrade = (request, socket, head) => {
 *   wss.handleUpgrade(request, socket, head, (websocket) => wss.emit('connection', websocket, request))
 * }
 * serveExtendedConnect(server, upgrade)
 * server.on('upgrade', upgrade) // HTTP/1.1, with allowHTTP1
 */
export function serveExtendedConnect (
  server: Http2Server | Http2SecureServer, handler: UpgradeHandler, options: GatewayOptions = {}
): () => void {
  if (!isObject(server) || !isHttp2Server(server)) throw invalidArgument('server', 'an HTTP/2 server', server)
  if (typeof handler !== 'function') throw invalidArgument('handler', 'a function', handler)
  const { handshakeTimeout, onError = reportError, settings, receiveWindow } = readGatewayOptions(options)
  const release = claimServer(server)
  const sessions = new Sessions({
    receiveWindow,
    // Read for each session, because server.setTimeout() may be called later.
    get timeout () { return (server as { timeout?: number }).timeout ?? 0 }
  })
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

function invalidArgument (name: string, expected: string, value: unknown): Error {
  return new FST_WS_INVALID_OPTION(`"${name}" of serveExtendedConnect()`, expected, describe(value))
}

/**
 * Throws an error that nothing catches, like an error of a listener for 'upgrade'. A response that is not one may come
 * from another server, which must not end the process.
 */
function reportError (error: Error): void {
  if (error instanceof FST_WS_INVALID_RESPONSE) process.emitWarning(error)
  else process.nextTick(() => { throw error })
}
