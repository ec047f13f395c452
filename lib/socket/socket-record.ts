import type { FastifyRequest } from 'fastify'
import type { HttpVersion, SocketCloseMessage, SocketMessage, SocketTraffic, WebSocket } from '../../types/index.ts'
import { channels } from '../channels.ts'

/** Code of a connection that was lost without a Close frame (RFC 6455 section 7.1.5). */
const NO_CODE = 1006

/** Observer of the sockets of a server. */
export interface SocketObserver {
  /** Called once, when a socket has closed. */
  socketClosed (record: SocketRecord, message: SocketCloseMessage): void
  socketUnresponsive (record: SocketRecord): void
  slowConsumer (action: 'close' | 'drop'): void
}

/** Record of one open socket of a route: its identity and its traffic. Publishes its events on the channels. */
export class SocketRecord implements SocketMessage, SocketTraffic {
  readonly socket: WebSocket
  readonly request: FastifyRequest
  readonly route: string
  readonly httpVersion: HttpVersion
  messagesReceived = 0
  messagesSent = 0
  bytesReceived = 0
  bytesSent = 0
  readonly #openedAt = performance.now()
  readonly #observer: SocketObserver
  #closedBy: SocketCloseMessage['closedBy']
  #isSendingBlocked = false
  #isPaused = false

  constructor (socket: WebSocket, request: FastifyRequest, httpVersion: HttpVersion, observer: SocketObserver) {
    this.socket = socket
    this.request = request
    this.route = request.routeOptions.url!
    this.httpVersion = httpVersion
    this.#observer = observer
  }

  /** Identity of the socket, for a message. */
  get identity (): SocketMessage {
    const { socket, request, route, httpVersion } = this
    return { socket, request, route, httpVersion }
  }

  /** Counts a received message. */
  received (bytes: number): void {
    this.messagesReceived++
    this.bytesReceived += bytes
  }

  /**
   * Counts a message that was passed on to be sent, or a fragment of one.
   *
   * @param isLast true for a whole message and for the last fragment
   */
  sent (bytes: number, isLast: boolean): void {
    if (isLast) this.messagesSent++
    this.bytesSent += bytes
  }

  /** Called when more waits to be sent than the connection wants to buffer. */
  blocked (): void {
    if (this.#isSendingBlocked) return
    this.#isSendingBlocked = true
    this.#publishBackpressure('send', true)
  }

  /** Called when everything that waited has been sent. */
  drained (): void {
    if (!this.#isSendingBlocked) return
    this.#isSendingBlocked = false
    this.#publishBackpressure('send', false)
  }

  /** Called when reading stops, and when it continues. */
  paused (isPaused: boolean): void {
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    this.#publishBackpressure('receive', isPaused)
  }

  /** Called when `slowConsumer` has decided against a message. */
  refusedMessage (action: 'close' | 'drop', bufferedAmount: number): void {
    this.#observer.slowConsumer(action)
    if (!channels.slowConsumer.hasSubscribers) return
    channels.slowConsumer.publish({ ...this.identity, bufferedAmount, action })
  }

  /** Called before the socket is terminated because its client is unresponsive. */
  unresponsive (): void {
    this.#observer.socketUnresponsive(this)
  }

  /** Called when a side begins to close the socket. Only the first call counts. */
  closing (side: 'client' | 'server'): void {
    this.#closedBy ??= side
  }

  /**
   * Called when the socket has closed. Ends the backpressure first, so that each beginning is followed by an end.
   *
   * @param code of 'close'. A user who emits it may omit the arguments
   */
  closed (code: number = NO_CODE, reason: string | Buffer = ''): void {
    this.drained()
    this.paused(false)
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = this
    this.#observer.socketClosed(this, {
      ...this.identity,
      code,
      reason: String(reason),
      duration: performance.now() - this.#openedAt,
      closedBy: this.#closedBy,
      messagesReceived,
      messagesSent,
      bytesReceived,
      bytesSent
    })
  }

  #publishBackpressure (direction: 'receive' | 'send', active: boolean): void {
    if (!channels.backpressure.hasSubscribers) return
    channels.backpressure.publish({ ...this.identity, direction, active })
  }
}
