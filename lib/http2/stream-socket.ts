import { constants } from 'node:http2'
import type { Http2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { WebSocket } from 'ws'
import type { MessageLimits } from '../frames/frame-reader.ts'
import { hookMethods, nodeDestroy } from '../internals/streams.ts'
import { Connection, connectionOf, destroyDuplex, measureCongested } from '../socket/connection.ts'
import { resetStream } from './reset-stream.ts'
import type { SendBudget } from './send-budget.ts'
import type { StreamReceiver } from './stream-receiver.ts'
import { StreamSender } from './stream-sender.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants

/** Part of a Session that a StreamSocket uses. */
export interface SharedSession {
  readonly sendBudget: SendBudget
  /** TCP connection of the session; undefined if it is unknown, like that of a client's session. */
  readonly transport: Duplex | undefined
  destroyIfUnresponsive (timeout: number): void
  /** Called when a WebSocket has opened on a stream. */
  socketOpened (websocket: WebSocket): void
}

/** Handshake that is informed when its stream closes. */
export interface StreamHandshake {
  onStreamClose (): void
}

/**
 * HTTP/2 stream that acts as the TCP connection which ws expects (RFC 8441 section 5): `end()` sends END_STREAM in
 * place of FIN, `destroy()` sends RST_STREAM, and the peer's RST_STREAM ends the socket. All state that the plugin has
 * of such a stream is here, or in its receiver.
 */
export class StreamSocket extends Connection {
  override readonly httpVersion = '2'
  declare readonly writer: StreamSender
  readonly receiver: StreamReceiver
  /** Handshake of the stream, until the stream closes or the socket opens. */
  handshake: StreamHandshake | undefined
  /** Undefined until its handshake is accepted, and for a stream that is passed to another WebSocket server. */
  websocket: WebSocket | undefined
  readonly #session: SharedSession

  constructor (stream: Http2Stream, receiver: StreamReceiver, session: SharedSession) {
    super(stream, new StreamSender(stream, session.sendBudget))
    this.receiver = this.writer.receiver = receiver
    this.#session = session
    hookMethods(stream, { end: streamEnd, destroy: streamDestroy })
    stream.on('aborted', streamOnAborted)
    this.destroyAfterFinish()
  }

  get stream (): Http2Stream {
    return this.duplex as Http2Stream
  }

  override startReading (websocket: WebSocket, options: object): void {
    this.websocket = websocket
    this.receiver.reader?.start(websocket, options as MessageLimits)
    this.#session.socketOpened(websocket)
  }

  protected override awaitData (): void {
    this.receiver.observer = this
  }

  /** Includes the connection of the session: while it is congested, all of its streams wait. */
  override measureProgress (): number {
    return this.writer.bytesSent + (measureCongested(this.transport) ?? 0)
  }

  override destroyIfUnresponsive (timeout: number): void {
    this.#session.destroyIfUnresponsive(timeout)
  }

  /** Sends REFUSED_STREAM (RFC 9113 section 8.7): nothing was processed, so a proxy may send it to another server. */
  refuseUnprocessed (): void {
    setImmediate(() => this.reset(NGHTTP2_REFUSED_STREAM))
  }

  /** Sends one RST_STREAM with a code, immediately. */
  reset (code: number): void {
    // Called back before the stream's 'close', as over TCP.
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
      if (stream.state.localClose === 1) this.writer.isEndSent = true
      this.loseWrite(error)
      return nodeDestroy(stream, error)
    }

    // A destroyed socket emits no more data. If it is paused, ws reads at 'close' what it has received.
    if (!stream.isPaused()) stream.removeAllListeners('data').resume()
    setImmediate(sendReset, this)
  }

  override onClose (): void {
    this.handshake?.onStreamClose()
    super.onClose()
  }

  override get transport (): Duplex | undefined {
    return this.#session.transport
  }
}

/**
 * Aborts a stream with RST_STREAM(CANCEL) (RFC 8441 section 5). After END_STREAM the code is NO_ERROR: the reset only
 * reports that nothing more is read.
 */
function sendReset (socket: StreamSocket): void {
  socket.reset(socket.stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL)
}

function streamEnd (this: Http2Stream, ...parameters: unknown[]): Http2Stream {
  (connectionOf(this) as StreamSocket).writer.end(parameters)
  return this
}

function streamDestroy (this: Http2Stream, error?: Error): Http2Stream {
  (connectionOf(this) as StreamSocket).destroy(error)
  return this
}

/** Destroys a stream that its peer has reset. Before Node 26, it would never close while its writes are blocked. */
function streamOnAborted (this: Http2Stream): void {
  setImmediate(destroyDuplex, this)
}
