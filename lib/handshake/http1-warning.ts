import type { Http2Server } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer, TLSSocket } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { allowsHttp1, isBadPreface, isProtocolMismatch, onSession } from '../internals/http2.ts'

const OVER_TLS = 'a client that offered only HTTP/1.1 could not connect, because this server serves HTTP/2 only: to ' +
  'serve WebSockets over HTTP/1.1 too, set `https.allowHTTP1: true` in the options of Fastify (see docs/http1-and-http2.md)'

const WITHOUT_TLS = 'a client that offered only HTTP/1.1 could not connect, because a clear-text server with ' +
  '`http2: true` serves HTTP/2 only, and browsers use HTTP/1.1 without TLS: use TLS with `https.allowHTTP1: true`, or `http2: false` ' +
  '(see docs/http1-and-http2.md)'

const REQUEST_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]\r?\n/

/** Size, in bytes, of the shortest request of HTTP/1.1. */
const SHORTEST_REQUEST = 'GET / HTTP/1.1\r\nHost:\r\n\r\n'.length

/** State of the process. One warning is enough: what it says holds for all clients, and often for all servers. */
const ofProcess = { hasWarned: false }

/**
 * Logs a warning, once per process, when an HTTP/1.1 client connects to a server that serves only HTTP/2. Node answers
 * such a client, and reports it nowhere. Returns a function that stops it.
 */
export function warnOfHttp1Clients (server: Http2Server, log: FastifyBaseLogger, state = ofProcess): () => void {
  const warn = (message: string): void => {
    if (!state.hasWarned) log.warn(message)
    state.hasWarned = true
  }
  if (!(server instanceof TlsServer)) return watchPrefaces(server, warn)
  return allowsHttp1(server) ? () => {} : watchTlsHandshakes(server, warn)
}

function watchTlsHandshakes (server: TlsServer, warn: (message: string) => void): () => void {
  function serverOnTlsError (error: Error): void {
    if (isProtocolMismatch(error)) warn(OVER_TLS)
  }

  // A client without ALPN. Node answers it with 403, unless there is a listener for 'unknownProtocol'. A connection of
  // injectWS is no client.
  function serverOnSecureConnection (connection: Duplex): void {
    if (!(connection instanceof TLSSocket) || connection.alpnProtocol === 'h2') return
    if (server.listenerCount('unknownProtocol') > 0) return
    connection.once('data', (chunk: Buffer) => {
      connection.pause()
      if (REQUEST_LINE.test(chunk.toString('latin1'))) warn(OVER_TLS)
    })
  }

  server.on('tlsClientError', serverOnTlsError).on('secureConnection', serverOnSecureConnection)
  return () => { server.off('tlsClientError', serverOnTlsError).off('secureConnection', serverOnSecureConnection) }
}

/** Without TLS, the bytes of a client are read by Node's session only: their number is known, their content is not. */
function watchPrefaces (server: Http2Server, warn: (message: string) => void): () => void {
  return onSession(server, (session, connection) => {
    session.once('error', (error) => {
      const { bytesRead = 0 } = connection as Partial<Socket>
      if (isBadPreface(error) && bytesRead >= SHORTEST_REQUEST) warn(WITHOUT_TLS)
    })
  })
}
