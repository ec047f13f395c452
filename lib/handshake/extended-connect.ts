import type { IncomingMessage } from 'node:http'
import type { Http2Server, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { ignoreError } from '../error-handling.ts'
import { readHeaderListLimit, sizeOfHeaderList } from '../http2/header-list.ts'
import type { Sessions } from '../http2/sessions.ts'
import type { StreamSocket } from '../http2/stream-socket.ts'
import { detachResponse } from '../internals/http2-response.ts'
import { onConnect } from '../internals/http2.ts'
import { checkExtendedConnect } from './headers.ts'
import type { Refusal } from './headers.ts'
import { createResponse } from './http1-response.ts'

/** Refusal of a header list that Node accepts because the client has not acknowledged the limit in SETTINGS. */
const TOO_LARGE: Refusal = { status: 431, reason: 'header fields larger than maxHeaderListSize' }

/**
 * Calls a listener with each WebSocket handshake of a server's HTTP/2 sessions (RFC 8441 section 4), and with its
 * stream. Answers other CONNECT requests with a refusal. Returns a function that stops it.
 *
 * @param onRefused called with each request that is refused here, and has been logged
 */
export function onExtendedConnect (
  server: Http2Server,
  sessions: Sessions,
  log: FastifyBaseLogger | undefined,
  listener: (request: Http2ServerRequest, streamSocket: StreamSocket) => void,
  onRefused?: (request: Http2ServerRequest, status: number) => void
): () => void {
  const headerListLimit = readHeaderListLimit(server)

  function serverOnConnect (request: Http2ServerRequest, response: Http2ServerResponse | Socket): void {
    // With allowHTTP1 this event reports the CONNECT of HTTP/1.1 too, with a connection instead of a response.
    if (request.httpVersionMajor < 2) return refuseTunnel(request as unknown as IncomingMessage, response as Socket)

    const { stream, headers, rawHeaders } = request
    // A listener for 'stream' has answered or ended it.
    if (stream.headersSent || stream.closed || stream.destroyed) return
    // From Node 27 on, a client that resets a stream causes an error of the stream and its request (nodejs/node#63249).
    // Node's own listener on the stream is enough: a second one would take memory as long as the socket is open.
    for (const emitter of [stream, request]) if (emitter.listenerCount('error') === 0) emitter.on('error', ignoreError)
    const refusal = sizeOfHeaderList(rawHeaders) > headerListLimit
      ? TOO_LARGE
      : checkExtendedConnect(headers, stream.endAfterHeaders)
    if (refusal !== undefined) {
      log?.info({ url: request.url, status: refusal.status }, `websocket handshake refused: ${refusal.reason}`)
      stream.respond({ ':status': refusal.status, ...refusal.headers }, { endStream: true })
      onRefused?.(request, refusal.status)
      return
    }

    detachResponse(server, stream, response)
    const streamSocket = sessions.forStream(stream)?.addSocket(stream)
    if (streamSocket === undefined) return
    // RFC 9113 section 8.3.1: with an :authority, a Host field is ignored. Hooks compare `host` with the Origin.
    Object.assign(headers, { host: headers[':authority'] })
    listener(request, streamSocket)
  }

  return onConnect(server, serverOnConnect)
}

function refuseTunnel (request: IncomingMessage, connection: Socket): void {
  createResponse(request, connection)?.writeHead(405, { allow: '', 'content-length': 0 }).end()
}
