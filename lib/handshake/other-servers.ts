import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { UpgradeHandler } from '../../types/index.ts'
import { ignoreError, logError } from '../error-handling.ts'
import type { StreamSocket } from '../http2/stream-socket.ts'
import { kForwarded } from '../symbols.ts'
import { callHandler, forwardUpgrade, logUnanswered } from './forwarded-upgrade.ts'
import { isWebSocketUpgrade } from './headers.ts'
import { createResponse } from './http1-response.ts'
import { hasOtherListeners, isTaken } from './other-upgrade.ts'

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
  /** Number of handshakes that other servers have received. */
  received = 0

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

  /**
   * Calls `serve` for an upgrade that matches a websocket route or that has no other server, else `leave`. Calls
   * neither if the client leaves before an asynchronous constraint of routes has called back.
   *
   * @param isShared true if other listeners receive the upgrade
   */
  decide (
    request: IncomingMessage | Http2ServerRequest, connection: Duplex, serve: () => void, leave: () => void,
    isShared = hasOtherListeners(this.#server)
  ): void {
    const exist = this.#fallback === undefined ? isShared : this.#fallback !== false
    if (!exist) return serve()

    let isDecided = false
    let stopWaiting = (): void => {}
    const decideOnce = (isMatch: boolean): void => {
      if (isDecided) return
      isDecided = true
      stopWaiting()
      if (isMatch) serve()
      else leave()
    }
    this.#matchRoute(request, decideOnce)
    if (isDecided) return

    // The constraint may never call back. Fastify then waits for it, within the same limit.
    const timer = this.#timeout > 0 ? setTimeout(decideOnce, this.#timeout, true) : undefined
    const connectionOnClose = (): void => {
      isDecided = true
      stopWaiting()
    }
    stopWaiting = () => {
      clearTimeout(timer)
      connection.off('close', connectionOnClose).off('error', ignoreError)
    }
    connection.on('close', connectionOnClose).on('error', ignoreError)
  }

  /**
   * Leaves an HTTP/1.1 upgrade to the other servers. The listeners have received it from Node.
   *
   * @param isWritten returns whether a listener has written to the socket
   */
  leave (request: IncomingMessage, socket: Socket, head: Buffer, isWritten: () => boolean): void {
    this.received++
    // Node has removed its own listener, and a server that ignores the upgrade adds none: a client that resets its
    // connection would end the process.
    socket.on('error', ignoreError)
    if (typeof this.#fallback === 'function' && isWebSocketUpgrade(request.headers) && !isTaken(request, socket)) {
      callHandler(this.#fallback, [request, socket, head], (error) => {
        this.#logError(error, request)
        const response = isWritten() ? undefined : createResponse(request, socket)
        if (response === undefined) socket.destroy()
        else response.writeHead(500, { 'content-length': 0 }).end()
      })
    }
    if (this.#timeout > 0) this.#limit(request, socket, isWritten)
  }

  /** Passes an Extended CONNECT to the other servers. */
  forward (request: Http2ServerRequest, streamSocket: StreamSocket): void {
    this.received++
    forwardUpgrade(request, streamSocket, {
      handler: async (...parameters) => await this.#pass(...parameters),
      timeout: this.#timeout,
      onError: (error, request) => this.#logError(error, request),
      log: this.#log
    })
  }

  /** Emits an upgrade for the other listeners, and calls the fallback if none of them takes it. */
  async #pass (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (hasOtherListeners(this.#server)) {
      this.#server.emit('upgrade', Object.assign(request, { [kForwarded]: true }), socket, head)
    }
    const { headersSent } = socket as ServerHttp2Stream
    if (typeof this.#fallback !== 'function' || headersSent || isTaken(request, socket)) return
    await this.#fallback(request, socket, head)
  }

  /**
   * Refuses an upgrade that no server takes within the timeout, as over HTTP/2. Node keeps its connection indefinitely.
   * If it may be in use, it is left alone.
   */
  #limit (request: IncomingMessage, socket: Socket, isWritten: () => boolean): void {
    const timer = setTimeout(() => {
      socket.off('close', stop)
      if (isTaken(request, socket) || isWritten()) return
      logUnanswered(this.#log, request)
      createResponse(request, socket)?.writeHead(503, { 'content-length': 0 }).end()
    }, this.#timeout)
    const stop = (): void => clearTimeout(timer)
    socket.on('close', stop)
  }

  #logError (error: Error, { url }: IncomingMessage): void {
    logError(this.#log, error, `the upgrade of "${url}" failed`)
  }
}
