import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import { isWebSocketUpgrade } from './handshake.ts'
import { createResponse, detachResponse } from './response.ts'
import { freeAfterEnd, freeAfterFinish } from './stream-socket.ts'
import type { RouteSocket } from './socket.ts'
import { kConnect, kUpgrade } from './symbols.ts'
import type { Dispatch, OnSocket, RawRequest, Upgrade } from './upgrade.ts'
import { readCloseTimeout } from './websocket-server.ts'

/** Serves the RFC 6455 upgrades of a server's HTTP/1.1 connections. Returns what stops it. */
export function serveUpgrade (server: Server, dispatch: Dispatch, log: FastifyBaseLogger): () => void {
  function serverOnUpgrade (request: IncomingMessage, socket: Socket, head: Buffer): void {
    const response = createResponse(request, socket)
    if (response === undefined) return

    // RFC 9110 section 7.8: a server may ignore an Upgrade. Java's HttpClient sends "Upgrade: h2c" with its first.
    if (isWebSocketUpgrade(request.headers)) {
      (request as RawRequest)[kUpgrade] = new H1Upgrade(request, response, socket, head, log)
    }
    dispatch(request, response)
  }

  server.on('upgrade', serverOnUpgrade)
  return () => { server.off('upgrade', serverOnUpgrade) }
}

class H1Upgrade implements Upgrade {
  log: FastifyBaseLogger
  headerLines: readonly string[] = []
  timer: NodeJS.Timeout | undefined
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #socket: Socket
  readonly #head: Buffer

  constructor (
    request: IncomingMessage, response: ServerResponse, socket: Socket, head: Buffer, log: FastifyBaseLogger
  ) {
    this.log = log
    this.#request = request
    this.#response = response
    this.#socket = socket
    this.#head = head
  }

  accept (server: WebSocketServer, onSocket: OnSocket): void {
    server.handleUpgrade(this.#request, this.#socket, this.#head, (socket) => {
      // From here on the connection is the WebSocket's: a late reply must not write into it.
      detachResponse(this.#response, this.#socket)
      freeAfterFinish(this.#socket)
      freeAfterEnd(this.#socket, readCloseTimeout(server));
      (socket as RouteSocket)[kConnect](this.#socket)
      onSocket(socket as RouteSocket, this.#socket)
    })
  }

  refuseUnprocessed (): void {
    this.#response.writeHead(503, { 'content-length': 0 }).end()
  }
}
