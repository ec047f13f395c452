import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { UpgradeHandler } from '../../types/index.ts'
import { logError } from '../error-handling.ts'
import type { StreamSocket } from '../http2/stream-socket.ts'
import { readResponse } from '../internals/http1.ts'
import { kForwarded } from '../symbols.ts'
import { callHandler, forwardUpgrade } from './forwarded-upgrade.ts'
import { isWebSocketUpgrade } from './headers.ts'
import { createResponse } from './http1-response.ts'
import { hasOtherListeners } from './other-upgrade.ts'

/** Function that calls back with true for a request that Fastify routes to a websocket route. */
export type MatchRoute = (request: IncomingMessage | Http2ServerRequest, done: (isMatch: boolean) => void) => void

/** Options of the plugin that apply to other servers. */
interface OtherServersOptions {
  upgradeFallback: UpgradeHandler | false | undefined
  handshakeTimeout: number
}

/**
 * Other WebSocket servers on the port, such as socket.io: the listeners for 'upgrade', or the function of the option
 * `upgradeFallback`. Upgrades that match no websocket route are theirs.
 */
export class OtherServers {
  readonly #server: Server
  readonly #fallback: UpgradeHandler | false | undefined
  readonly #matchRoute: MatchRoute
  readonly #timeout: number
  readonly #log: FastifyBaseLogger

  constructor (
    server: Server, { upgradeFallback, handshakeTimeout }: OtherServersOptions, matchRoute: MatchRoute,
    log: FastifyBaseLogger
  ) {
    this.#server = server
    this.#fallback = upgradeFallback
    this.#timeout = handshakeTimeout
    this.#matchRoute = matchRoute
    this.#log = log
  }

  /** Calls `serve` for an upgrade that matches a websocket route or that has no other server, else `leave`. */
  decide (request: IncomingMessage | Http2ServerRequest, serve: () => void, leave: () => void): void {
    const exist = this.#fallback === undefined ? hasOtherListeners(this.#server) : this.#fallback !== false
    if (exist) this.#matchRoute(request, (isMatch) => { if (isMatch) serve(); else leave() })
    else serve()
  }

  /** Leaves an HTTP/1.1 upgrade to the other servers. The listeners have received it from Node. */
  leave (request: IncomingMessage, socket: Socket, head: Buffer): void {
    // Node has removed its own listener, and a server that ignores the upgrade adds none: a client that resets its
    // connection would end the process.
    socket.on('error', ignoreError)
    if (typeof this.#fallback !== 'function' || !isWebSocketUpgrade(request.headers)) return
    if (readResponse(socket) !== undefined) return
    callHandler(this.#fallback, [request, socket, head], (error) => {
      this.#logError(error, request)
      if (socket.bytesWritten > 0) socket.destroy()
      else createResponse(request, socket)?.writeHead(500, { 'content-length': 0 }).end()
    })
  }

  /** Passes an Extended CONNECT to the other servers. */
  forward (request: Http2ServerRequest, streamSocket: StreamSocket): void {
    forwardUpgrade(request, streamSocket, {
      handler: typeof this.#fallback === 'function' ? this.#fallback : (...parameters) => this.#emit(...parameters),
      timeout: this.#timeout,
      onError: (error, request) => this.#logError(error, request),
      log: this.#log
    })
  }

  #emit (request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.emit('upgrade', Object.assign(request, { [kForwarded]: true }), socket, head)
  }

  #logError (error: Error, { url }: IncomingMessage): void {
    logError(this.#log, error, `the upgrade of "${url}" failed`)
  }
}

function ignoreError (): void {}
