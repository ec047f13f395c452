import { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Http2ServerRequest, Http2Stream, ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import { checkExtendedConnect, responseToHttp2, requestToUpgrade } from './headers.ts'
import { combineValues } from './header-fields.ts'
import { restoreMethods } from '../internals/streams.ts'
import { FrameReader } from '../frames/frame-reader.ts'
import type { MessageLimits } from '../frames/frame-reader.ts'
import { nextTurn } from '../next-turn.ts'
import { createResponse } from './http1-response.ts'
import type { Sessions } from '../http2/sessions.ts'
import { freeAfterEnd, resetStream, toStreamSocket } from '../http2/stream-socket.ts'
import type { PluginSocket } from '../socket/websocket.ts'
import { kAttachConnection, kUpgrade } from '../symbols.ts'
import type { Dispatch, OnSocket, Upgrade } from './upgrade.ts'
import { readCloseTimeout } from './websocket-server.ts'

const kResponse = Symbol('fastify-websocket-h2.response')

const NOTHING_AHEAD = Buffer.alloc(0)

/** What makes a response write as it does over HTTP/1.1: Node encodes its fields by how it sends the body. */
const HTTP1_REQUEST: Partial<IncomingMessage> = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, headers: {} }

/** Answers a response that ended with an interim status, such as 103, and nothing after it. */
const UNANSWERED = 'HTTP/1.1 502 Bad Gateway\r\n\r\n'

type UpgradeRequest = Http2ServerRequest & { [kUpgrade]: H2Upgrade }
type UpgradeStream = Http2Stream & { [kResponse]: ServerResponse }

/** Serves the RFC 8441 handshakes of a server's HTTP/2 sessions. Returns what stops it. */
export function serveExtendedConnect (
  server: Server, sessions: Sessions, dispatch: Dispatch, log: FastifyBaseLogger
): () => void {
  function serverOnConnect (request: Http2ServerRequest, socket: Socket): void {
    // With allowHTTP1 this event brings the CONNECT of HTTP/1.1 too, and with it a socket instead of a response.
    if (request.httpVersionMajor < 2) return refuseTunnel(request as unknown as IncomingMessage, socket)

    const { stream, headers } = request
    const refusal = checkExtendedConnect(headers, stream.endAfterHeaders)
    if (refusal !== undefined) {
      log.info({ url: request.url, status: refusal.status }, `websocket handshake refused: ${refusal.reason}`)
      stream.respond({ ':status': refusal.status, ...refusal.headers }, { endStream: true })
      return
    }

    const session = sessions.forStream(stream)
    if (session === undefined) return
    const reader = new FrameReader(stream)
    session.addSocket(toStreamSocket(stream, session.sendBudget), reader)

    // RFC 9113 section 8.3.1: where there is an :authority, a Host field has no say. Hooks compare it with the Origin.
    Object.assign(headers, { host: headers[':authority'] })

    const upgrade = new H2Upgrade(request, reader, log)
    dispatch(Object.assign(request, { method: 'GET', [kUpgrade]: upgrade }), upgrade.response)
  }

  server.on('connect', serverOnConnect)
  // Node makes requests, and this event, of streams only for a server that has ever had a listener for requests.
  if (server.listenerCount('request') === 0) server.once('request', () => {})
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
  timer: NodeJS.Timeout | undefined
  isAnswered = false
  readonly response: ServerResponse
  readonly #request: Http2ServerRequest
  readonly #reader: FrameReader

  constructor (request: Http2ServerRequest, reader: FrameReader, log: FastifyBaseLogger) {
    this.log = log
    this.#request = request
    this.#reader = reader
    this.response = Object.assign(new ServerResponse(HTTP1_REQUEST as IncomingMessage), { req: request })
    this.response.assignSocket(this.#createSink())
    this.response.on('finish', responseOnFinish)
    Object.assign(request.stream, { [kResponse]: this.response }).on('close', streamOnClose)
  }

  accept (server: WebSocketServer, onSocket: OnSocket): void {
    const socket = this.#request.stream
    freeAfterEnd(socket, readCloseTimeout(server))
    socket.write = (head: unknown) => { this.#answer(String(head), true); return true }
    socket.end = (head: unknown) => { this.refuse(String(head)); return socket }

    server.handleUpgrade(this.#toUpgradeRequest(), socket, NOTHING_AHEAD, (websocket) => {
      // An open socket lives for long, and has no use for it.
      this.response.detachSocket(this.response.socket!);
      (websocket as PluginSocket)[kAttachConnection](socket)
      this.#reader.start(websocket, server.options as unknown as MessageLimits)
      onSocket(websocket as PluginSocket, socket)
    })
  }

  /** RFC 9113 section 8.7: REFUSED_STREAM says that nothing was done, so that a proxy may ask another server. */
  refuseUnprocessed (): void {
    nextTurn(resetStream, this.#request.stream, constants.NGHTTP2_REFUSED_STREAM)
  }

  startAnswer (): void {
    this.isAnswered = true
  }

  abort (): void {
    this.#request.stream.destroy()
  }

  /** Unless it has been answered. */
  refuse (response: string): void {
    try {
      this.#answer(response, false)
    } catch (error) {
      this.log.error(error)
      this.#request.stream.respond({ ':status': 500 }, { endStream: true })
    }
  }

  /** What the response takes for its connection: it keeps the head, and lives and dies with the stream. */
  #createSink (): Socket {
    const { stream } = this.#request
    const sink = new Writable({
      // A body goes nowhere, and nothing has to wait for it.
      highWaterMark: Number.MAX_SAFE_INTEGER,
      write: (chunk: Buffer, _encoding, done) => {
        this.refuse(chunk.toString('latin1'))
        done()
      },
      destroy: (_error, done) => {
        if (!stream.headersSent) stream.destroy()
        done(null)
      }
    })
    return sink as unknown as Socket
  }

  /**
   * RFC 8441 section 5.1: what a GET with Upgrade says in HTTP/1.1, the CONNECT said with its pseudo-headers. No object
   * that inherits from the request: V8 would keep a shape of its own for each request that is a prototype.
   */
  #toUpgradeRequest (): IncomingMessage {
    const headers = requestToUpgrade(this.#request.headers)
    return new Proxy(this.#request as unknown as IncomingMessage, {
      get: (request, name) => name === 'headers' ? headers : Reflect.get(request, name)
    })
  }

  /** @param mayOpen whether a 101 is ws's, and not some reply that has the number */
  #answer (response: string, mayOpen: boolean): void {
    const { stream, headers: request, url } = this.#request
    restoreMethods(stream, 'write', 'end')
    if (stream.headersSent || stream.closed || stream.destroyed) return

    const { status, headers } = responseToHttp2(response, request, mayOpen)
    if (status < 200 && status !== 101) return
    if (headers[':status'] === '502' && status !== 502) {
      this.log.warn({ url, status }, 'a 2xx reply to a websocket handshake would have opened the socket: 502 sent')
    }
    respond(stream, headers, { endStream: headers[':status'] !== '200' })
  }
}

/** Several values of a field such as ETag are sent over HTTP/1.1, too. */
function respond (stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions): void {
  try {
    stream.respond(headers, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP2_HEADER_SINGLE_VALUE') throw error
    stream.respond(combineValues(headers), options)
  }
}

function streamOnClose (this: UpgradeStream): void {
  this[kResponse].socket?.destroy()
}

function responseOnFinish (this: ServerResponse): void {
  (this.req as unknown as UpgradeRequest)[kUpgrade].refuse(UNANSWERED)
}

function refuseTunnel (request: IncomingMessage, socket: Socket): void {
  createResponse(request, socket)?.writeHead(405, { allow: '', 'content-length': 0 }).end()
}
