import type { WebSocket as WsWebSocket } from 'ws'
import type { WebSocket } from '../../types/index.ts'
import { FST_WS_SLOW_CONSUMER } from '../errors.ts'
import { heldBytesOf } from '../frames/frame-writer.ts'
import type { SendCallback } from '../frames/frame-writer.ts'
import { preparedOf } from '../frames/prepared-message.ts'
import type { PreparedMessage } from '../frames/prepared-message.ts'
import { NO_LIMITS } from '../options/send-limits.ts'
import { decide, whileDeciding } from './slow-consumer.ts'
import type { Verdict } from './slow-consumer.ts'
import type { SocketRecord } from './socket-record.ts'

// RFC 6455 section 7.4.1.
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

/** Applies `sendLimit` and `slowConsumer` to the messages of one socket, before each is sent. */
export class SendPolicy {
  limits = NO_LIMITS
  readonly #socket: WsWebSocket
  /** Verdict about the message that is being sent in fragments. */
  #fragmentVerdict: Verdict | undefined
  /** Prepared message that is being sent in fragments, if this is one. */
  #fragmented: PreparedMessage | undefined
  #isDeciding = false
  #hasRejected = false

  constructor (socket: WsWebSocket) {
    this.#socket = socket
  }

  /** True while more waits to be sent than `sendLimit` allows. */
  get isExceeded (): boolean {
    return this.#socket.bufferedAmount > this.limits.sendLimit
  }

  /**
   * Decides about a message or fragment. A message is sent as a whole or not at all, so its first fragment decides.
   *
   * @param isLast true for a whole message and for the last fragment
   * @param options of `send()`. A prepared message may come between the fragments of another message
   */
  decide (isLast: boolean, options?: unknown): Verdict {
    // The function `slowConsumer`, or a subscriber, may send messages itself, which must not call it again.
    if (this.#isDeciding) return 'send'
    // Nearly all messages: whole ones, of a socket that sends none in fragments.
    if (isLast && this.#fragmentVerdict === undefined) return this.#applySendLimit(false)
    const prepared = preparedOf(options)
    if (this.#fragmentVerdict !== undefined && prepared !== this.#fragmented) return this.#applySendLimit(false)
    const verdict = this.#fragmentVerdict === 'drop' ? 'drop' : this.#applySendLimit(this.#fragmentVerdict === 'send')
    this.#fragmentVerdict = isLast ? undefined : verdict
    this.#fragmented = isLast ? undefined : prepared
    return verdict
  }

  /** Calls a function that sends one message, and returns false if this message was rejected. */
  isAccepted (send: () => void): boolean {
    const outer = this.#hasRejected
    this.#hasRejected = false
    try {
      send()
      return !this.#hasRejected
    } finally {
      this.#hasRejected = outer
    }
  }

  /**
   * Carries out a verdict other than 'send': reports the error, and closes the socket unless the verdict is 'drop'.
   *
   * @param record informed first. The messages that its subscribers send are not decided about
   */
  reject (verdict: Verdict, callback: SendCallback | undefined, record?: SocketRecord): void {
    this.#isDeciding = true
    whileDeciding(() => record?.refusedMessage(verdict === 'drop' ? 'drop' : 'close', this.#socket.bufferedAmount))
    this.#isDeciding = false
    this.#hasRejected = true
    const error = verdict instanceof Error
      ? verdict
      : new FST_WS_SLOW_CONSUMER(this.#socket.bufferedAmount, this.limits.sendLimit)
    if (callback !== undefined) process.nextTick(callback, error)
    if (verdict === 'drop') return
    if (verdict === 'close') this.#socket.close(POLICY_VIOLATION, 'slow consumer')
    else this.#socket.close(INTERNAL_ERROR)
    process.nextTick(emitError, this.#socket, error)
  }

  #applySendLimit (hasBegun: boolean): Verdict {
    const { sendLimit, slowConsumer } = this.limits
    if (sendLimit === Infinity) return 'send'
    const { bufferedAmount, readyState, OPEN } = this.#socket
    if (bufferedAmount <= sendLimit || readyState !== OPEN) return 'send'
    // What waits for the last fragment must not prevent it.
    const bytes = hasBegun ? bufferedAmount - heldBytesOf(this.#socket) : bufferedAmount
    if (bytes <= sendLimit) return 'send'

    this.#isDeciding = true
    const verdict = decide(slowConsumer, this.#socket as WebSocket, bytes)
    this.#isDeciding = false
    return verdict === 'drop' && hasBegun ? 'close' : verdict
  }
}

function emitError (socket: WsWebSocket, error: Error): void {
  socket.emit('error', error)
}
