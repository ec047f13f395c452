import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Http2Server, Http2ServerRequest } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import { checkExtendedConnect, toStreamHead, toUpgradeHeaders } from './handshake.ts'
import { readServerSettings } from './internals.ts'
import { DEFAULT_MAX_CONCURRENT_STREAMS } from './options.ts'
import { toStreamSocket } from './stream-socket.ts'
import { kUpgrade } from './symbols.ts'
import type { Dispatch, Upgrade } from './upgrade.ts'

const NOTHING_AHEAD = Buffer.alloc(0)

/** Whether a server speaks HTTP/2. */
export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Puts into the first SETTINGS of each session to come that Extended CONNECT is served (RFC 8441 section 3), and how
 * many streams a client may open: browsers take "no limit" for 100, and let their fetches wait for a 101st stream.
 */
export function advertiseExtendedConnect (server: Http2Server, limit: number | undefined): void {
  const maxConcurrentStreams =
    limit ?? readServerSettings(server).maxConcurrentStreams ?? DEFAULT_MAX_CONCURRENT_STREAMS
  server.updateSettings({ enableConnectProtocol: true, maxConcurrentStreams })
}

/** Serves the RFC 8441 handshakes of a server's HTTP/2 sessions. Returns what stops it. */
export function serveExtendedConnect (server: Server, dispatch: Dispatch, log: FastifyBaseLogger): () => void {
  function serverOnConnect (request: Http2ServerRequest, socket: Socket): void {
    // With allowHTTP1 this event brings the CONNECT of HTTP/1.1 too, and with it a socket instead of a response.
    if (request.httpVersionMajor < 2) return refuseTunnel(socket)

    const { stream, headers } = request
    const refusal = checkExtendedConnect(headers, stream.endAfterHeaders)
    if (refusal !== undefined) {
      log.info({ url: request.url, status: refusal.status }, `websocket handshake refused: ${refusal.reason}`)
      stream.respond({ ':status': refusal.status, ...refusal.headers }, { endStream: true })
      return
    }

    const upgrade = new H2Upgrade(request, log)
    dispatch(Object.assign(request, { method: 'GET', [kUpgrade]: upgrade }), upgrade.response)
  }

  server.on('connect', serverOnConnect)
  return () => { server.off('connect', serverOnConnect) }
}

/**
 * Fastify and ws both answer an upgrade with the head of an HTTP/1.1 response, written to a socket. Over HTTP/2 that
 * head answers the stream instead, as in a gateway between the two versions: so every hook and error of Fastify, and
 * every option of ws, means the same on both transports.
 */
class H2Upgrade implements Upgrade {
  log: FastifyBaseLogger
  headerLines: readonly string[] = []
  readonly response: ServerResponse
  readonly #request: Http2ServerRequest
  readonly #sink: Socket

  constructor (request: Http2ServerRequest, log: FastifyBaseLogger) {
    this.log = log
    this.#request = request
    this.#sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#refuse(chunk.toString('latin1'))
        done()
      }
    }) as Socket
    this.response = new ServerResponse(request as unknown as IncomingMessage)
    this.response.assignSocket(this.#sink)
  }

  accept (server: WebSocketServer, onSocket: (socket: WebSocket) => void): void {
    const socket = toStreamSocket(this.#request.stream)
    socket.write = (head: unknown) => { this.#answer(String(head)); return true }
    socket.end = (head: unknown) => { this.#answer(String(head)); return socket }

    server.handleUpgrade(this.#toUpgradeRequest(), socket, NOTHING_AHEAD, (websocket) => {
      this.response.detachSocket(this.#sink)
      onSocket(websocket)
    })
  }

  /** RFC 8441 section 5.1: what a GET with Upgrade says in HTTP/1.1, the CONNECT said with its pseudo-headers. */
  #toUpgradeRequest (): IncomingMessage {
    return Object.create(this.#request, { headers: { value: toUpgradeHeaders(this.#request.headers) } })
  }

  #answer (response: string): void {
    const { stream, headers: request, url } = this.#request
    Reflect.deleteProperty(stream, 'write')
    Reflect.deleteProperty(stream, 'end')
    if (stream.headersSent || stream.closed || stream.destroyed) return

    const { status, headers } = toStreamHead(response, request)
    if (status < 200 && status !== 101) return
    if (status >= 200 && status < 300) {
      this.log.warn({ url, status }, 'a 2xx reply to a websocket handshake would have opened the socket: 502 sent')
    }
    stream.respond(headers, { endStream: status !== 101 })
  }

  #refuse (response: string): void {
    try {
      this.#answer(response)
    } catch (error) {
      this.log.error(error)
      this.#request.stream.respond({ ':status': 500 }, { endStream: true })
    }
  }
}

const CONNECT_REFUSED =
  'HTTP/1.1 405 Method Not Allowed\r\nAllow: \r\nContent-Length: 0\r\nConnection: close\r\n\r\n'

function refuseTunnel (socket: Socket): void {
  socket.on('error', socketOnError)
  socket.write(CONNECT_REFUSED)
  socket.destroySoon()
}

function socketOnError (this: Socket): void {
  this.destroy()
}
