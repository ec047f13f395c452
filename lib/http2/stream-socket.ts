import { constants } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { WebSocket } from 'ws'
import type { MessageLimits } from '../frames/frame-reader.ts'
import { hookMethods, nodeDestroy, readSendQueue } from '../internals/streams.ts'
import { Connection, connectionOf, destroyDuplex } from '../socket/connection.ts'
import { resetStream } from './reset-stream.ts'
import type { SendBudget } from './send-budget.ts'
import type { StreamReceiver } from './stream-receiver.ts'
import { StreamSender } from './stream-sender.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/** The part of an HTTP/2 session that its sockets share. */
export interface SharedSession {
  readonly sendBudget: SendBudget
  /** The TCP connection of the session; undefined for one that is unknown, as a client's. */
  readonly transport: Duplex | undefined
  destroyIfUnresponsive (timeout: number): void
}

/** A handshake that has to know that its stream has closed. */
export interface StreamHandshake {
  onStreamClose (): void
}

/**
 * An HTTP/2 stream in the place of a TCP connection (RFC 8441 section 5): `end()` sends END_STREAM as a TCP connection
 * would a FIN, `destroy()` sends RST_STREAM, and the peer's RST_STREAM ends the socket. All that the plugin keeps of
 * such a stream is here, or in its receiver.
 */
export class StreamSocket extends Connection {
  readonly receiver: StreamReceiver
  readonly sender: StreamSender
  /** The handshake that the stream carries, until it closes or the socket has been opened. */
  handshake: StreamHandshake | undefined
  readonly #session: SharedSession

  constructor (stream: Http2Stream, receiver: StreamReceiver, session: SharedSession) {
    const sender = new StreamSender(stream, session.sendBudget)
    super(stream, sender)
    this.sender = sender
    this.receiver = receiver
    this.#session = session
    hookMethods(stream, { end: streamEnd, destroy: streamDestroy })
    stream.on('aborted', streamOnAborted)
    this.destroyAfterFinish()
  }

  get stream (): Http2Stream {
    return this.duplex as Http2Stream
  }

  override startReading (websocket: WebSocket, options: object): void {
    this.receiver.reader?.start(websocket, options as MessageLimits)
  }

  /** A stream has to wait for the connection of its session too: while that is congested, so is the stream. */
  override measureProgress (): number {
    const queue = this.transport && readSendQueue(this.transport)
    return this.sender.bytesSent + (queue !== undefined && queue.queued > 0 ? queue.accepted : 0)
  }

  override destroyIfUnresponsive (timeout: number): void {
    this.#session.destroyIfUnresponsive(timeout)
  }

  /** Sends one RST_STREAM with a code, immediately. */
  reset (code: number): void {
    // Ahead of the stream's 'close', as over TCP.
    this.loseWrite()
    resetStream(this.stream, code)
  }

  /**
   * Destroys the stream. The reset waits for the end of the tick: sent from a listener it would overtake the 200 or the
   * Close frame that the same listener wrote, and Node's session would send while it receives.
   */
  destroy (error?: Error): void {
    const { stream } = this
    const isAlive = !stream.closed && !stream.destroyed && stream.session?.destroyed === false
    if (error !== undefined || !isAlive) {
      if (stream.state.localClose === 1) this.sender.isEndSent = true
      this.loseWrite(error)
      return nodeDestroy(stream, error)
    }

    // A destroyed socket emits no more data. ws reads what a paused one has received at its 'close'.
    if (!stream.isPaused()) stream.removeAllListeners('data').resume()
    setImmediate(sendReset, this)
  }

  override onClose (): void {
    this.handshake?.onStreamClose()
    super.onClose()
  }

  protected override get transport (): Duplex | undefined {
    return this.#session.transport
  }
}

/**
 * RFC 8441 section 5: an abort is RST_STREAM with CANCEL. After our END_STREAM it only says that we no longer listen.
 */
function sendReset (socket: StreamSocket): void {
  socket.reset(socket.stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL)
}

function streamEnd (this: Http2Stream, ...parameters: unknown[]): Http2Stream {
  (connectionOf(this) as StreamSocket).sender.end(parameters)
  return this
}

function streamDestroy (this: Http2Stream, error?: Error): Http2Stream {
  (connectionOf(this) as StreamSocket).destroy(error)
  return this
}

/** Before Node 26 a stream that is reset while its writes are blocked never closes by itself. */
function streamOnAborted (this: Http2Stream): void {
  setImmediate(destroyDuplex, this)
}
