import { constants } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { forgetEndStream } from './internals.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/**
 * How long, in ms, a peer may take to end its side once ours has ended. Firefox, nghttpx and undici 7 never do, and
 * ws would wait for them until its close timer goes off. Not 0: a reset that overtakes the Close frame in a proxy's
 * buffers turns a clean close into a 1006.
 */
const LINGER = 250

/**
 * Makes an HTTP/2 stream what ws expects of a socket (RFC 8441 section 5: the stream takes the place of the TCP
 * connection): `end()` is a FIN, `destroy()` is a RST, and a peer's RST_STREAM ends it.
 */
export function toStreamSocket (stream: ServerHttp2Stream): ServerHttp2Stream {
  stream.destroy = resetStream
  stream.on('aborted', streamOnAborted)
  freeAfterFinish(stream)
  return stream
}

/**
 * Frees a connection or stream on which we have said all we had to say: RFC 6455 section 7.1.1 lets the server close
 * first, so a peer that never ends its side need not be waited for.
 */
export function freeAfterFinish (socket: Duplex): void {
  socket.once('finish', () => destroyAfter(socket, LINGER))
}

/**
 * Frees a connection or stream whose peer has ended its side, but does not read what we have left to say. ws starts
 * its close timer only when it sends a Close frame, and here it sends none.
 *
 * @param closeTimeout in ms
 */
export function freeAfterEnd (socket: Duplex, closeTimeout: number): void {
  socket.once('end', () => destroyAfter(socket, closeTimeout))
}

function destroyAfter (socket: Duplex, delay: number): void {
  const timer = setTimeout(destroySocket, delay, socket)
  socket.once('close', () => clearTimeout(timer))
}

function destroySocket (socket: Duplex): void {
  socket.destroy()
}

/**
 * `destroy()` of a stream that plays a socket. The reset waits for the end of the tick: sent from a listener it would
 * overtake the 200 or the Close frame that the same listener wrote, and Node's session would send while it receives.
 */
function resetStream (this: ServerHttp2Stream, error?: Error): ServerHttp2Stream {
  const isAlive = !this.closed && !this.destroyed && this.session?.destroyed === false
  if (error !== undefined || !isAlive) return destroyStream(this, error)

  // A destroyed socket brings nothing more.
  this.removeAllListeners('data').resume()
  setImmediate(sendReset, this)
  return this
}

/** RFC 8441 section 5: an abort is RST_STREAM with CANCEL. After our END_STREAM it only says that we listen no more. */
function sendReset (stream: ServerHttp2Stream): void {
  if (!stream.closed && !stream.destroyed) {
    const code = stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL
    forgetEndStream(stream)
    stream.close(code)
  }
  destroyStream(stream)
}

function destroyStream (stream: ServerHttp2Stream, error?: Error): ServerHttp2Stream {
  return Object.getPrototypeOf(stream).destroy.call(stream, error)
}

/** Before Node 26 a stream that is reset while its writes are blocked never closes by itself. */
function streamOnAborted (this: ServerHttp2Stream): void {
  setImmediate(destroySocket, this)
}
