import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { Writable } from 'node:stream'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { WebSocketServer } from 'ws'
import type { HeadWriter } from '../http2/stream-sender.ts'
import type { StreamHandshake, StreamSocket } from '../http2/stream-socket.ts'
import { assignResponse, releaseConnection } from '../internals/http1.ts'
import { kUpgrade } from '../symbols.ts'
import { completeUpgrade } from './complete-upgrade.ts'
import { addUpgradeFields, hasKey, responseToHttp2 } from './headers.ts'
import { closeDetached } from './http1-response.ts'
import { REFUSED_BY_WS } from './refused-handshake.ts'
import { respond } from './respond.ts'
import type { Dispatch, OnSocket, Refusal, Upgrade } from './upgrade.ts'

const NOTHING = Buffer.alloc(0)

const SWITCHING_PROTOCOLS = 'HTTP/1.1 101 '

/** Response to a request whose only reply was an interim status, such as 103. */
const UNANSWERED = 'HTTP/1.1 502 Bad Gateway\r\n\r\n'

type UpgradeRequest = Http2ServerRequest & { [kUpgrade]?: H2Upgrade }

/** Passes an Extended CONNECT to Fastify, as the GET of its path. */
export function serveStream (
  request: Http2ServerRequest, streamSocket: StreamSocket, dispatch: Dispatch, log: FastifyBaseLogger
): void {
  streamSocket.receiver.readFrames()
  const upgrade = new H2Upgrade(request, streamSocket, log)
  dispatch(Object.assign(request, { method: 'GET', [kUpgrade]: upgrade }), upgrade.response)
}

/**
 * Handshake over HTTP/2. Fastify and ws both answer an upgrade with an HTTP/1.1 response head that they write to a
 * socket. That head is converted to the response of the stream, as by a gateway between the two versions, so every hook
 * and error of Fastify, and every option of ws, has the same effect on both transports.
 */
class H2Upgrade implements Upgrade, HeadWriter, StreamHandshake {
  readonly httpVersion = '2'
  log: FastifyBaseLogger
  request: FastifyRequest | undefined
  refusal: Refusal | undefined
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

  get status (): number | undefined {
    const { headersSent, sentHeaders } = this.#request.stream
    return headersSent ? Number(sentHeaders![':status']) : undefined
  }

  accept (server: WebSocketServer, onSocket: OnSocket): void {
    const { stream, headers } = this.#request
    addUpgradeFields(headers)
    // Not earlier: a hook may answer the stream itself, with a body.
    this.#streamSocket.writer.head = this
    const raw = this.#request as unknown as IncomingMessage
    server.handleUpgrade(raw, stream, NOTHING, (websocket) => {
      // An open socket lives long, and no longer needs the handshake.
      releaseConnection(this.response)
      this.#streamSocket.handshake = undefined
      completeUpgrade(websocket, this.#streamSocket, server, onSocket)
    })
  }

  refuseUnprocessed (): void {
    this.#streamSocket.refuseUnprocessed()
  }

  startAnswer (): void {
    this.isAnswered = true
  }

  abort (): void {
    this.#request.stream.destroy()
    closeDetached(this.response)
  }

  /** Answers with the response that ws writes at once: the 101 that opens the socket, or a refusal. */
  writeHead (response: string | Buffer): Buffer {
    // A head of HTTP/1.1 is a sequence of bytes, and Latin-1 has a character for each.
    const head = typeof response === 'string' ? response : response.toString('latin1')
    if (head.startsWith(SWITCHING_PROTOCOLS)) {
      this.#answer(head, true)
    } else {
      this.refusal ??= REFUSED_BY_WS
      this.refuse(head)
    }
    return NOTHING
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

function responseOnFinish (this: ServerResponse): void {
  (this.req as unknown as UpgradeRequest)[kUpgrade]?.refuse(UNANSWERED)
}
