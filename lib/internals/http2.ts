import type { Http2Server, Http2Session, Http2Stream, Settings } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { readSymbol } from './read-symbol.ts'

const kWritten = Symbol('fastify-websocket-h2.written')

/**
 * Makes a stream forget that it owes its peer an END_STREAM, so that `stream.close(code)` is one RST_STREAM.
 *
 * Node ends the writable side first in `close(code)`: END_STREAM goes out, and an abort looks orderly to the peer.
 * `destroy(error)` would send RST_STREAM, but only with INTERNAL_ERROR. The END_STREAM comes from `_final`, which
 * Writable calls only if it is a function.
 */
export function forgetEndStream (stream: Http2Stream): void {
  (stream as unknown as { _final: null })._final = null
}

/**
 * Stops the timer of `session.setTimeout()` of a session that is closed.
 *
 * Node means to stop it in `destroy()`, but calls `setTimeout(0)` there when the session counts as destroyed already,
 * which does nothing. Without this the timer keeps the session, and all that it leads to, until it goes off.
 */
export function clearSessionTimeout (session: Http2Session): void {
  clearTimeout(readSymbol(session, 'timeout') as NodeJS.Timeout | undefined)
}

const CONNECTION_EVENTS = ['connection', 'secureConnection']

/**
 * Calls a listener with each session of a server, and with the connection that carries it. Returns a function that stops
 * it.
 *
 * Node documents neither: `session.socket` is a Proxy that refuses `destroy()`. Node creates the session of a connection
 * while it emits the event of that connection, so the last connection is that of the next session.
 */
export function onSession (
  server: Http2Server, listener: (session: Http2Session, connection: Duplex) => void
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
 * The settings that the user gave for the server's HTTP/2 sessions.
 *
 * `server.updateSettings()` writes them, and nothing reads them: without this, a `maxConcurrentStreams` in the
 * `https.settings` of Fastify's options would be overwritten by our default.
 */
export function readServerSettings (server: Http2Server): Settings {
  const options = readSymbol(server, 'options') as { settings?: Settings } | undefined
  return options?.settings ?? {}
}

/**
 * Makes sessions over a connection that is not Node's own wait with `destroy()` until nothing is being written. To be
 * called before a session is made of the connection; the function that it returns gets the session.
 *
 * Node wraps such a connection in something that takes one write at a time. `destroy()` of Node 26 writes its GOAWAY
 * without asking, and the process ends with ERR_INTERNAL_ASSERTION. A write is over for Node a turn after its callback.
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
