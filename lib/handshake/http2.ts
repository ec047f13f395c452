import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { Http2Server, Http2ServerRequest, ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocketServer } from 'ws'
import { readHeaderListLimit, sizeOfHeaderList } from '../http2/header-list.ts'
import type { Sessions } from '../http2/sessions.ts'
import type { HeadWriter } from '../http2/stream-sender.ts'
import type { StreamHandshake, StreamSocket } from '../http2/stream-socket.ts'
import { assignResponse, releaseConnection } from '../internals/http1.ts'
import { onConnect } from '../internals/http2.ts'
import { kUpgrade } from '../symbols.ts'
import { completeUpgrade } from './complete-upgrade.ts'
import { combineValues } from './header-fields.ts'
import { addUpgradeFields, checkExtendedConnect, hasKey, responseToHttp2 } from './headers.ts'
import type { Refusal } from './headers.ts'
import { closeDetached, createResponse } from './http1-response.ts'
import type { Dispatch, OnSocket, Upgrade } from './upgrade.ts'
import { declineCompression } from './websocket-server.ts'

const NOTHING_AHEAD = Buffer.alloc(0)

const SWITCHING_PROTOCOLS = 'HTTP/1.1 101 '

/** Response to a request whose only reply was an interim status, such as 103. */
const UNANSWERED = 'HTTP/1.1 502 Bad Gateway\r\n\r\n'

/** Refusal of a header list that Node accepts because the client has not acknowledged the limit in SETTINGS. */
const TOO_LARGE: Refusal = { status: 431, reason: 'header fields larger than maxHeaderListSize' }

type UpgradeRequest = Http2ServerRequest & { [kUpgrade]: H2Upgrade }

/**
 * Serves the Extended CONNECTs of a server's HTTP/2 sessions (RFC 8441 section 4). Returns a function that stops it.
 */
export function serveExtendedConnect (
  server: Http2Server, sessions: Sessions, dispatch: Dispatch, log: FastifyBaseLogger
): () => void {
  const headerListLimit = readHeaderListLimit(server)

  function serverOnConnect (request: Http2ServerRequest, connection: Socket): void {
    // With allowHTTP1 this event reports the CONNECT of HTTP/1.1 too, with a connection instead of a response.
    if (request.httpVersionMajor < 2) return refuseTunnel(request as unknown as IncomingMessage, connection)

    const { stream, headers, rawHeaders } = request
    // From Node 27 on, a client that resets a stream causes an error of the stream and its request (nodejs/node#63249).
    for (const emitter of [stream, request]) emitter.on('error', ignoreError)
    const refusal = sizeOfHeaderList(rawHeaders) > headerListLimit
      ? TOO_LARGE
      : checkExtendedConnect(headers, stream.endAfterHeaders)
    if (refusal !== undefined) {
      log.info({ url: request.url, status: refusal.status }, `websocket handshake refused: ${refusal.reason}`)
      stream.respond({ ':status': refusal.status, ...refusal.headers }, { endStream: true })
      return
    }

    const streamSocket = sessions.forStream(stream)?.addSocket(stream)
    if (streamSocket === undefined) return
    streamSocket.receiver.readFrames()

    // RFC 9113 section 8.3.1: with an :authority, a Host field is ignored. Hooks compare `host` with the Origin.
    Object.assign(headers, { host: headers[':authority'] })

    const upgrade = new H2Upgrade(request, streamSocket, log)
    dispatch(Object.assign(request, { method: 'GET', [kUpgrade]: upgrade }), upgrade.response)
  }

  return onConnect(server, serverOnConnect)
}

/**
 * Handshake over HTTP/2. Fastify and ws both answer an upgrade with an HTTP/1.1 response head that they write to a
 * socket. That head is converted to the response of the stream, as by a gateway between the two versions, so every hook
 * and error of Fastify, and every option of ws, has the same effect on both transports.
 */
class H2Upgrade implements Upgrade, HeadWriter, StreamHandshake {
  log: FastifyBaseLogger
  headerLines: readonly string[] = []
  timer: NodeJS.Timeout | undefined
  isAnswered = false
  readonly response: ServerResponse
  readonly #request: Http2ServerRequest
  readonly #streamSocket: StreamSocket
  readonly #hasKey: boolean

  constructor (request: Http2ServerRequest, streamSocket: StreamSocket, log: FastifyBaseLogger) {
    this.log = log
    this.#request = request
    this.#streamSocket = streamSocket
    this.#hasKey = hasKey(request.headers)
    this.response = assignResponse(request, this.#createSink())
    this.response.on('finish', responseOnFinish)
    streamSocket.handshake = this
  }

  accept (server: WebSocketServer, onSocket: OnSocket): void {
    const { stream, headers } = this.#request
    addUpgradeFields(headers)
    // Not earlier: a hook may answer the stream itself, with a body.
    this.#streamSocket.writer.head = this
    const raw = this.#request as unknown as IncomingMessage
    // Messages over HTTP/2 are not compressed (H2-DESIGN section 7).
    declineCompression(server).handleUpgrade(raw, stream, NOTHING_AHEAD, (websocket) => {
      // An open socket lives long, and no longer needs the handshake.
      releaseConnection(this.response)
      this.#streamSocket.handshake = undefined
      completeUpgrade(websocket, this.#streamSocket, server, onSocket)
    })
  }

  /** Sends REFUSED_STREAM (RFC 9113 section 8.7): nothing was processed, so a proxy may send it to another server. */
  refuseUnprocessed (): void {
    setImmediate(() => this.#streamSocket.reset(constants.NGHTTP2_REFUSED_STREAM))
  }

  startAnswer (): void {
    this.isAnswered = true
  }

  abort (): void {
    this.#request.stream.destroy()
    closeDetached(this.response)
  }

  /** Answers with the response head that ws writes: the 101 that opens the socket, or a refusal. */
  writeHead (head: string): void {
    if (head.startsWith(SWITCHING_PROTOCOLS)) this.#answer(head, true)
    else this.refuse(head)
  }

  /** Answers with a refusal, unless the handshake has been answered. */
  refuse (response: string): void {
    try {
      this.#answer(response, false)
    } catch (error) {
      this.log.error(error)
      this.#request.stream.respond({ ':status': 500 }, { endStream: true })
    }
  }

  onStreamClose (): void {
    this.response.socket?.destroy()
  }

  /** Returns a connection for the response, which passes the response head on, and ends with the stream. */
  #createSink (): Writable {
    const { stream } = this.#request
    return new Writable({
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
  }

  /** @param mayOpen true if a 101 is that of ws, and not that of a reply with this status */
  #answer (response: string, mayOpen: boolean): void {
    const { stream, url } = this.#request
    if (stream.headersSent || stream.closed || stream.destroyed) return

    const { status, headers } = responseToHttp2(response, this.#hasKey, mayOpen)
    if (status < 200 && status !== 101) return
    if (headers[':status'] === '502' && status !== 502) {
      this.log.warn({ url, status }, 'a 2xx reply to a handshake would open the socket over HTTP/2: 502 sent instead')
    }
    respond(stream, headers, { endStream: headers[':status'] !== '200' })
  }
}

/** Responds, even if a field such as ETag has several values: over HTTP/1.1 they are sent too. */
function respond (stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions): void {
  try {
    stream.respond(headers, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_HTTP2_HEADER_SINGLE_VALUE') throw error
    stream.respond(combineValues(headers), options)
  }
}

function responseOnFinish (this: ServerResponse): void {
  (this.req as unknown as UpgradeRequest)[kUpgrade].refuse(UNANSWERED)
}

function refuseTunnel (request: IncomingMessage, connection: Socket): void {
  createResponse(request, connection)?.writeHead(405, { allow: '', 'content-length': 0 }).end()
}

function ignoreError (): void {}
