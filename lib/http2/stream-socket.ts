import { constants } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { forgetEndStream } from '../internals/http2.ts'
import { hookMethods, readSendQueue } from '../internals/streams.ts'
import type { WriteCallback, WriteItem } from '../internals/streams.ts'
import { nextTurn } from '../next-turn.ts'
import { Outflow } from './stream-sender.ts'
import { SMALL_WRITE } from './send-budget.ts'
import type { SendBudget } from './send-budget.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

const kCloseTimeout = Symbol('fastify-websocket-h2.closeTimeout')
const kOutflow = Symbol('fastify-websocket-h2.outflow')
const kTimer = Symbol('fastify-websocket-h2.timer')

/**
 * A connection or stream that carries a WebSocket. Its listeners are functions that all carriers share, and `on` adds
 * them even for what happens once: a closure, or what `once` makes, would cost each idle socket 100 to 200 bytes.
 */
interface Carrier extends Duplex {
  [kCloseTimeout]?: number
  [kOutflow]?: Outflow
  [kTimer]?: NodeJS.Timeout
}

/**
 * How long, in ms, a peer may take to end its side once ours has ended. Firefox, nghttpx and undici 7 never do, and
 * ws would wait for them until its close timer goes off. Not 0: a reset that overtakes the Close frame in a proxy's
 * buffers turns a clean close into a 1006.
 */
const LINGER = 250

/**
 * Makes an HTTP/2 stream what ws expects of a socket (RFC 8441 section 5: the stream takes the place of the TCP
 * connection): `end()` is a FIN, `destroy()` is a RST, a peer's RST_STREAM ends it, and what it sends goes out in
 * slices.
 */
export function toStreamSocket (stream: Http2Stream, budget: SendBudget): Http2Stream {
  stream.destroy = destroyLater
  stream.on('aborted', streamOnAborted)
  trackWrites(stream, budget)
  freeAfterFinish(stream)
  return stream
}

/**
 * Has each write of a connection or stream called back once, and counts what leaves. A Duplex that was made with
 * functions of its own is left alone: what they stand for is not known.
 *
 * @param budget of an HTTP/2 session
 */
export function trackWrites (carrier: Carrier, budget?: SendBudget): void {
  if (kOutflow in carrier || Object.hasOwn(carrier, '_write') || Object.hasOwn(carrier, '_writev')) return
  hookMethods(carrier, { _write: writeChunk, _writev: writeChunks })
  Object.assign(carrier, { [kOutflow]: new Outflow(carrier, budget) }).on('close', carrierLoseWrite)
}

/**
 * Has the end of a stream wait for the last slice of what was written. Node sends END_STREAM behind the slice that it
 * has, and drops the rest.
 */
export function holdEnd (carrier: Carrier): void {
  if (carrier[kOutflow]?.isSliced === true) carrier.end = endLater
}

/** Bytes that a connection or stream still counts as its own, and that Node has sent already. */
export function countGone (socket: Carrier): number {
  return socket[kOutflow]?.gone ?? 0
}

/** Returns the bytes that have left a stream; 0 for a connection. */
export function countSent (carrier: Carrier): number {
  return carrier[kOutflow]?.sent ?? 0
}

/**
 * Whether all that was written has been sent, and the end with it. A stream that closes with the last of it, because
 * its peer has ended too, is destroyed by Node ahead of its 'finish'.
 */
export function hasSaidAll (socket: Carrier): boolean {
  return socket.writableFinished || socket[kOutflow]?.hasEnded === true
}

/**
 * Frees a connection or stream on which we have said all we had to say: RFC 6455 section 7.1.1 lets the server close
 * first, so a peer that never ends its side need not be waited for.
 */
export function freeAfterFinish (socket: Carrier): void {
  socket.on('finish', carrierOnFinish)
  socket.on('close', carrierOnClose)
}

/**
 * Frees a connection or stream whose peer has ended its side, and takes nothing of what is left to be sent. ws starts
 * its close timer only when it sends a Close frame, and here it sends none.
 *
 * @param closeTimeout time, in ms, in which the peer has to take something
 */
export function freeAfterEnd (socket: Carrier, closeTimeout: number): void {
  socket[kCloseTimeout] = closeTimeout
  socket.on('end', carrierOnEnd)
}

/** One RST_STREAM, now. */
export function resetStream (stream: Http2Stream, code: number): void {
  if (!stream.closed && !stream.destroyed) {
    forgetEndStream(stream)
    stream.close(code)
  }
  destroyNow(stream)
}

function carrierOnFinish (this: Carrier): void {
  clearTimeout(this[kTimer])
  this[kTimer] = setTimeout(destroyCarrier, LINGER, this)
}

function carrierOnEnd (this: Carrier): void {
  this[kTimer] ??= setTimeout(destroyIfStuck, this[kCloseTimeout], this, countTaken(this))
}

/** @param taken at the beginning of the time that is over now */
function destroyIfStuck (carrier: Carrier, taken: number): void {
  const now = countTaken(carrier)
  if (now === taken) carrier.destroy()
  else carrier[kTimer] = setTimeout(destroyIfStuck, carrier[kCloseTimeout], carrier, now)
}

/** Counts what the peer's windows let through, or what the kernel took, which is less than a large write. */
function countTaken (carrier: Carrier): number {
  const outflow = carrier[kOutflow]
  if (outflow?.isSliced === true) return outflow.sent
  return readSendQueue(carrier)?.accepted ?? outflow?.sent ?? -carrier.writableLength
}

function carrierOnClose (this: Carrier): void {
  clearTimeout(this[kTimer])
}

function carrierLoseWrite (this: Carrier): void {
  process.nextTick(loseWrite, this)
}

function loseWrite (carrier: Carrier, error?: Error): void {
  carrier[kOutflow]!.lose(error)
}

function destroyCarrier (socket: Duplex): void {
  socket.destroy()
}

/**
 * `destroy()` of a stream that plays a socket. The reset waits for the end of the tick: sent from a listener it would
 * overtake the 200 or the Close frame that the same listener wrote, and Node's session would send while it receives.
 */
function destroyLater (this: Http2Stream, error?: Error): Http2Stream {
  const isAlive = !this.closed && !this.destroyed && this.session?.destroyed === false
  if (error !== undefined || !isAlive) {
    if (this.state.localClose === 1) (this as Carrier)[kOutflow]!.hasEnded = true
    return destroyNow(this, error)
  }

  // A destroyed socket emits no more data. What a paused one has received is read by ws at its 'close'.
  if (!this.isPaused()) this.removeAllListeners('data').resume()
  nextTurn(sendReset, this)
  return this
}

/** RFC 8441 section 5: an abort is RST_STREAM with CANCEL. After our END_STREAM it only says that we listen no more. */
function sendReset (stream: Http2Stream): void {
  resetStream(stream, stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL)
}

function destroyNow (stream: Http2Stream, error?: Error): Http2Stream {
  // Ahead of its 'close', as over TCP.
  process.nextTick(loseWrite, stream, error)
  return Object.getPrototypeOf(stream).destroy.call(stream, error)
}

/** Before Node 26 a stream that is reset while its writes are blocked never closes by itself. */
function streamOnAborted (this: Http2Stream): void {
  nextTurn(destroyCarrier, this)
}

function endLater (this: Carrier & Http2Stream, ...parameters: unknown[]): Carrier {
  const outflow = this[kOutflow]!
  outflow.endsLater = !this.closed && this.writableLength > SMALL_WRITE
  if (!outflow.endsLater) Object.getPrototypeOf(this).end.apply(this, parameters)
  return this
}

function writeChunk (
  this: Carrier, chunk: Buffer | string, encoding: BufferEncoding, done: WriteCallback
): void {
  this[kOutflow]!.write(chunk, encoding, done)
}

function writeChunks (this: Carrier, items: WriteItem[], done: WriteCallback): void {
  this[kOutflow]!.writeAll(items, done)
}
