import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { WebSocketServer } from 'ws'
import { ignoreError } from '../error-handling.ts'
import { Connection } from '../socket/connection.ts'
import { kForwarded, kOwnListener, kUpgrade } from '../symbols.ts'
import { completeUpgrade } from './complete-upgrade.ts'
import { isCleartextHttp2, isWebSocketUpgrade } from './headers.ts'
import { closeDetached, createResponse, detachResponse } from './http1-response.ts'
import type { OtherServers } from './other-servers.ts'
import { hasOtherListeners, ignoreOtherUpgrades, isTaken, serveAsRequest, watchWrites } from './other-upgrade.ts'
import { REFUSED_BY_WS } from './refused-handshake.ts'
import type { Dispatch, OnSocket, RawRequest, Refusal, Upgrade } from './upgrade.ts'

const TAKEN = 'another listener for \'upgrade\' has answered the handshake of a websocket route: let it ignore this URL, ' +
  'or call it in upgradeFallback'

const BAD_REQUEST = 400

/**
 * Serves the upgrades of a server's HTTP/1.1 connections (RFC 6455 section 4.2), except those of other servers on the
 * port. Returns a function that stops it.
 */
export function serveUpgrade (
  server: Server, others: OtherServers, dispatch: Dispatch, log: FastifyBaseLogger
): () => void {
  function serverOnUpgrade (request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (kForwarded in request) return
    if (hasOtherListeners(server)) {
      // Node has removed its own listener, and the connection may have failed already.
      socket.on('error', ignoreError)
      // They may use the connection, and some do so without checking that it is free.
      process.nextTick(decide, request, socket, head, watchWrites(socket), true)
    } else if (isWebSocketUpgrade(request.headers)) {
      decide(request, socket, head, watchWrites(socket), false)
    } else if (!serveAsRequest(server, request, socket, head)) {
      serve(request, socket, head, false)
    }
  }

  /** @param isShared true if other listeners have received the upgrade, also those that `once()` has removed since */
  function decide (
    request: IncomingMessage, socket: Socket, head: Buffer, isWritten: () => boolean, isShared: boolean
  ): void {
    const serveIt = (): void => serve(request, socket, head, isShared)
    const leave = (): void => others.leave(request, socket, head, isWritten)
    if (isWebSocketUpgrade(request.headers)) others.decide(request, socket, serveIt, leave, isShared)
    else if (isCleartextHttp2(request.headers)) serveIt()
    else leave()
  }

  function serve (request: IncomingMessage, socket: Socket, head: Buffer, isShared: boolean): void {
    if (isShared && isTaken(request, socket)) {
      // A connection that has failed looks like one that is taken.
      if (socket.errored === null) log.warn({ url: request.url }, TAKEN)
      return
    }
    const response = createResponse(request, socket)
    if (response === undefined) return

    if (isWebSocketUpgrade(request.headers)) {
      (request as RawRequest)[kUpgrade] = new H1Upgrade(request, response, socket, head, log)
    }
    dispatch(request, response)
  }

  // First, so that it sees the connection as it was before other listeners used it.
  server.prependListener('upgrade', Object.assign(serverOnUpgrade, { [kOwnListener]: true }))
  const undo = ignoreOtherUpgrades(server)
  return () => {
    server.off('upgrade', serverOnUpgrade)
    undo?.()
  }
}

/** Handshake over HTTP/1.1. ws writes its response to the connection. */
class H1Upgrade implements Upgrade {
  readonly httpVersion = '1.1'
  log: FastifyBaseLogger
  request: FastifyRequest | undefined
  refusal: Refusal | undefined
  headerLines: readonly string[] = []
  timer: NodeJS.Timeout | undefined
  isAnswered = false
  readonly response: ServerResponse
  readonly #request: IncomingMessage
  readonly #socket: Socket
  readonly #head: Buffer

  constructor (
    request: IncomingMessage, response: ServerResponse, socket: Socket, head: Buffer, log: FastifyBaseLogger
  ) {
    this.log = log
    this.#request = request
    this.response = response
    this.#socket = socket
    this.#head = head
  }

  get status (): number | undefined {
    if (this.response.headersSent) return this.response.statusCode
    return this.refusal === REFUSED_BY_WS ? BAD_REQUEST : undefined
  }

  accept (server: WebSocketServer, onSocket: OnSocket): void {
    server.handleUpgrade(this.#request, this.#socket, this.#head, (websocket) => {
      this.#socket.setDefaultEncoding('utf8')
      // A late reply must not write to the connection, which now carries a WebSocket.
      detachResponse(this.response, this.#socket)
      const connection = new Connection(this.#socket)
      connection.destroyAfterFinish()
      completeUpgrade(websocket, connection, server, onSocket)
    })
    if (this.#socket.writableEnded && !this.response.headersSent) this.refusal ??= REFUSED_BY_WS
  }

  refuseUnprocessed (): void {
    this.response.writeHead(503, { 'content-length': 0 }).end()
  }

  startAnswer (): void {
    this.isAnswered = true
    // ws writes the response head as UTF-8. Node, and an HTTP/2 stream, send each character of a head as one byte.
    this.#socket.setDefaultEncoding('latin1')
  }

  abort (): void {
    this.#socket.destroy()
    closeDetached(this.response)
  }
}
