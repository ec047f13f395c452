import { maxHeaderSize } from 'node:http'
import type { Http2Server, Http2ServerRequest, Http2ServerResponse, Http2Session, Http2Stream, Settings } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { readSymbol } from './read-symbol.ts'

const kWritten = Symbol('fastify-websocket-h2.written')

/**
 * Disables the END_STREAM of a stream, so that `stream.close(code)` sends RST_STREAM alone.
 *
 * In `close(code)`, Node ends the writable side first: END_STREAM is sent, and the peer takes an abort for an orderly
 * end. `destroy(error)` would send RST_STREAM, but only with INTERNAL_ERROR. END_STREAM is sent by `_final`, which
 * Writable calls only if it is a function.
 */
export function forgetEndStream (stream: Http2Stream): void {
  (stream as unknown as { _final: null })._final = null
}

/**
 * Clears the timer of `session.setTimeout()` of a closed session.
 *
 * Node attempts that in `destroy()`, but calls `setTimeout(0)` after the session is marked as destroyed, which has no
 * effect. Without this function the timer retains the session, and everything that it references, until it fires.
 */
export function clearSessionTimeout (session: Http2Session): void {
  clearTimeout(readSymbol(session, 'timeout') as NodeJS.Timeout | undefined)
}

const CONNECTION_EVENTS = ['connection', 'secureConnection']

/**
 * Calls a listener with each session of a server, and with the connection that carries it. Returns a function that
 * stops it.
 *
 * Node does not document how to get the connection: `session.socket` is a Proxy, whose `destroy()` throws, or destroys
 * the session from Node 24 on. Node creates the session of a connection while it emits the event of that connection, so
 * the last connection is that of the next session.
 */
export function onSession (
  server: Server, listener: (session: Http2Session, connection: Duplex) => void
): () => void {
  let last: Duplex
  const serverOnConnection = (connection: Duplex): void => { last = connection }
  const serverOnSession = (session: Http2Session): void => listener(session, last)
  for (const event of CONNECTION_EVENTS) server.prependListener(event, serverOnConnection)
  server.on('session', serverOnSession)
  return () => {
    for (const event of CONNECTION_EVENTS) server.off(event, serverOnConnection)
    server.off('session', serverOnSession)
  }
}

/**
 * Calls a listener with each CONNECT request of a server, and with its response, or with its connection if it came over
 * HTTP/1.1. Returns a function that stops it.
 *
 * Node documents the event for HTTP/1.1 only. Of a stream it makes a request, and then this event, once the server has
 * had a listener for 'request'.
 */
export function onConnect (
  server: Server, listener: (request: Http2ServerRequest, response: Http2ServerResponse | Socket) => void
): () => void {
  server.on('connect', listener)
  if (server.listenerCount('request') === 0) server.once('request', () => {})
  return () => { server.off('connect', listener) }
}

/** Options of an HTTP/2 server that Node reads when a connection or session begins. */
export interface SessionDefaults {
  settings?: Settings
  /** In MB of 10^6 bytes. Node's default is 10. */
  maxSessionMemory?: number
  allowHTTP1?: boolean
}

/**
 * Returns the options of an HTTP/2 server, as Node reads them for each new session. A change applies to later sessions.
 *
 * No documented method reads the options of `createServer()`, nor the settings that `server.updateSettings()` adds, and
 * none changes `maxSessionMemory`. Without this function the plugin's defaults would overwrite values in the `http` or
 * `https` of Fastify's options.
 */
export function readServerOptions (server: Http2Server): SessionDefaults {
  return readSymbol(server, 'options') ?? {}
}

/**
 * Returns the limit, in bytes, that a server with `allowHTTP1` has for the head of an HTTP/1.1 request: its
 * `maxHeaderSize`, which Node reads from Node 24 on, or that of the process.
 */
export function readMaxHeaderSize (server: Http2Server): number {
  return (server as { maxHeaderSize?: number }).maxHeaderSize || maxHeaderSize
}

/**
 * Makes `destroy()` of a session over a connection that is not a net.Socket wait until no write is pending. Call it
 * before the session is created on the connection, and the function that it returns with the session.
 *
 * Node wraps such a connection in an object that accepts one write at a time. In Node 26, `destroy()` writes GOAWAY
 * without waiting, and the process ends with ERR_INTERNAL_ASSERTION. For Node, a write is complete one turn of the
 * event loop after its callback.
 */
export function guardDestroy (connection: Duplex): (session: Http2Session) => void {
  let writes = 0
  const { write } = connection as { write: (chunk: unknown, ...parameters: unknown[]) => boolean }

  connection.write = (chunk: unknown, ...parameters: unknown[]): boolean => {
    const [encoding] = parameters.filter((each) => typeof each === 'string')
    const done = parameters.at(-1)
    writes++
    return write.call(connection, chunk, encoding, (error?: Error | null) => {
      if (typeof done === 'function') done(error)
      setImmediate(() => { if (--writes === 0) connection.emit(kWritten) })
    })
  }

  return (session) => {
    const { destroy } = session
    session.destroy = (...parameters) => {
      if (writes === 0 || connection.closed) return destroy.apply(session, parameters)
      const destroyAgain = (): void => {
        connection.off(kWritten, destroyAgain).off('close', destroyAgain)
        session.destroy(...parameters)
      }
      connection.once(kWritten, destroyAgain).once('close', destroyAgain)
    }
  }
}

/**
 * Returns whether an HTTP/2 server with TLS serves HTTP/1.1, too.
 *
 * `allowHTTP1` is an option of the server, and no documented property shows it.
 */
export function allowsHttp1 (server: Http2Server): boolean {
  return readServerOptions(server).allowHTTP1 === true
}

/**
 * Returns whether a TLS handshake failed because the client offers none of the server's protocols (ALPN, RFC 7301).
 *
 * Node documents the event, and passes the code of OpenSSL's error on. It does not report what the client offers.
 */
export function isProtocolMismatch (error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_SSL_NO_APPLICATION_PROTOCOL'
}

/** NGHTTP2_ERR_BAD_CLIENT_MAGIC. */
const BAD_PREFACE = -903

/**
 * Returns whether a session failed because its client has not sent the connection preface of HTTP/2 (RFC 9113 section
 * 3.4).
 *
 * Node documents the event. The number is that of nghttp2, which is not in `http2.constants`.
 */
export function isBadPreface (error: Error): boolean {
  return (error as NodeJS.ErrnoException).errno === BAD_PREFACE
}
