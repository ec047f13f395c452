import { constants } from 'node:http2'
import type { Http2Session, Http2Stream, ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocket } from 'ws'
import type { ReceiveWindowSizes } from '../options/receive-window.ts'
import { connectionOf, measureCongested } from '../socket/connection.ts'
import { AnswerJoiner } from './answer-joiner.ts'
import { ReceiveBudget } from './receive-budget.ts'
import { resetStream } from './reset-stream.ts'
import { SendBudget } from './send-budget.ts'
import type { AgingSession, SessionAgeOptions } from './session-age.ts'
import { roomForWideSlices } from './session-memory.ts'
import { StreamReceiver, receiverOf } from './stream-receiver.ts'
import type { ReceivingSession } from './stream-receiver.ts'
import { StreamSocket } from './stream-socket.ts'
import type { SharedSession } from './stream-socket.ts'
import { WindowTuner } from './window-tuner.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM } = constants

/** Observer of the sessions of a server. */
export interface SessionObserver {
  sessionOpened (session: Session): void
  sessionClosed (session: Session): void
  /** Called when the window of the session's streams changes, with both sizes in bytes. */
  receiveWindowChanged (session: Session, size: number, previous: number): void
}

/** Options of all sessions of a server, or of a client. */
export interface SessionOptions {
  receiveWindow: Partial<ReceiveWindowSizes>
  /** Time, in ms, after which an idle session is closed; 0 is never. If omitted, its owner's timeout is left alone. */
  timeout?: number
  /** If omitted, sessions have no limit of their age. */
  age?: SessionAgeOptions
  log?: FastifyBaseLogger
  observer?: SessionObserver
}

/** State that the streams of one HTTP/2 session share: budgets, window sizes, and the number of sockets. */
export class Session implements AgingSession, ReceivingSession, SharedSession {
  readonly sendBudget: SendBudget
  readonly budget: ReceiveBudget<StreamReceiver>
  readonly tuner: WindowTuner
  readonly answers = new AnswerJoiner()
  readonly transport: Duplex | undefined
  readonly session: Http2Session
  readonly openedAt = performance.now()
  /** Called, in a turn of its own, with each socket that opens from now on. Default: none. */
  onLateSocket: ((socket: WebSocket) => void) | undefined
  readonly #options: SessionOptions
  #sockets = 0
  #isDraining = false
  /** True while a PING of `destroyIfUnresponsive()` is unanswered. */
  #isPinged = false

  constructor (
    session: Http2Session, transport: Duplex | undefined, sizes: ReceiveWindowSizes, options: SessionOptions
  ) {
    this.session = session
    this.transport = transport
    this.#options = options
    const { server } = session as Partial<ServerHttp2Session>
    this.sendBudget = new SendBudget(() => this.#retireFull(), roomForWideSlices(server))
    this.budget = new ReceiveBudget(sizes.sessionBudget)
    this.tuner = new WindowTuner(session, sizes, this.budget, (size, previous) => {
      options.observer?.receiveWindowChanged(this, size, previous)
    })
  }

  /** True while it is not known whether the peer is unresponsive. */
  get isUnderTest (): boolean {
    return this.#isPinged
  }

  /** Registers a stream that carries a WebSocket. Its session never counts as idle. */
  addSocket (stream: Http2Stream): StreamSocket {
    const receiver = this.addStream(stream)
    receiver.isSocket = true
    if (this.#sockets++ === 0) {
      this.tuner.openConnection()
      this.#setTimeout(0)
    }
    return new StreamSocket(stream, receiver, this)
  }

  /** The sockets on streams of the session. */
  get sockets (): WebSocket[] {
    return [...this.budget.streams].flatMap(({ stream }) => {
      const connection = connectionOf(stream)
      return connection instanceof StreamSocket ? connection.websocket ?? [] : []
    })
  }

  socketOpened (socket: WebSocket): void {
    if (this.onLateSocket !== undefined) setImmediate(this.onLateSocket, socket)
  }

  /** Registers a stream that can receive data: all of a session's streams share one budget. */
  addStream (stream: Http2Stream): StreamReceiver {
    const known = receiverOf(stream)
    if (known !== undefined) return known

    const receiver = new StreamReceiver(stream, this)
    this.budget.add(receiver)
    this.tuner.shrinkToLimit()
    return receiver
  }

  removeStream (receiver: StreamReceiver): void {
    this.budget.remove(receiver)
    if (!receiver.isSocket || --this.#sockets > 0) return
    if (this.#isDraining) setImmediate(closeSession, this.session)
    else this.#setTimeout(this.#options.timeout ?? 0)
  }

  /** Resets a stream that received more than the session has room for (RFC 9113 section 7). */
  refuse ({ stream }: StreamReceiver): void {
    this.#options.log?.warn(
      { streamId: stream.id }, 'unread data of an HTTP/2 session exceeds receiveWindow.sessionBudget: stream reset'
    )
    setImmediate(refuseStream, stream)
  }

  /** Sends GOAWAY as soon as the session has no socket. */
  drain (): void {
    this.#isDraining = true
    if (this.#sockets === 0) this.session.close()
  }

  /**
   * Destroys the connection if the peer does not answer a PING (RFC 9113 section 6.7). A congested connection is given
   * time, as long as the peer takes something. Behind a proxy, the peer of one socket may have disconnected alone. Node
   * itself waits as long as TCP does. If a write over TLS has failed (nodejs/node#55804) it waits indefinitely, as it
   * does with the connection of a session that is destroyed.
   *
   * @param timeout for the answer, in ms
   */
  destroyIfUnresponsive (timeout: number): void {
    const session = this.session
    if (session.destroyed || this.#isPinged) return

    let progress = measureCongested(this.transport)
    const timer = setInterval(() => {
      const last = progress
      progress = measureCongested(this.transport)
      if (progress !== undefined && progress !== last) return
      clearInterval(timer)
      if (!session.destroyed || this.transport?.destroyed === false) (this.transport ?? session).destroy()
    }, timeout).unref()
    this.#isPinged = true
    session.ping((error) => {
      // The session of a client may end with the socket that is terminated. Its connection would remain.
      if (error == null) clearInterval(timer)
      this.#isPinged = false
    })
  }

  /**
   * Sends GOAWAY (RFC 9113 section 6.8). Open sockets stay, and the client opens new ones on another connection. GOAWAY
   * waits for the end of the tick: Node's session would send while it receives.
   */
  retire (): void {
    setImmediate(closeSession, this.session)
  }

  #retireFull (): void {
    // A session of a client belongs to its user.
    if (this.#options.timeout === undefined) return
    this.#options.log?.info('an HTTP/2 session accepts no more streams: streams that were reset have left too much data unsent')
    this.retire()
  }

  #setTimeout (milliseconds: number): void {
    if (this.#options.timeout !== undefined && !this.session.destroyed) this.session.setTimeout(milliseconds)
  }
}

function refuseStream (stream: Http2Stream): void {
  const connection = connectionOf(stream)
  if (connection instanceof StreamSocket) connection.reset(NGHTTP2_ENHANCE_YOUR_CALM)
  else resetStream(stream, NGHTTP2_ENHANCE_YOUR_CALM)
}

/** Sends GOAWAY. The session closes with its last stream. Takes the session as its argument, for `setImmediate`. */
export function closeSession (session: Http2Session): void {
  session.close()
}
