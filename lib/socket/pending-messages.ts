import type { WebSocket } from 'ws'
import { MessageSequence, NOWHERE, toPending } from './message-sequence.ts'
import type { Message, Place } from './message-sequence.ts'

/** Bytes of pending messages without a consumer, past which the connection is paused. */
const MAX_PENDING_BYTES = 16 * 1024

/** Time, in ms, that a connection stays paused for lack of a consumer. The peer's Close frame has to wait meanwhile. */
const LISTEN_TIMEOUT = 5000

/** Pending messages of a reader at which the connection is paused. It is resumed at half of that. */
const READ_AHEAD = 16

const ADVICE = 'Add a listener before the handler returns, even one that does nothing (see docs/backpressure.md).'

/** Consumer that takes messages at its own pace, such as a `for await` loop. */
export interface Reader {
  /** Place of the message that it takes next. */
  at: Place
  /** Called when a message may be available. */
  wake (): void
}

/** Methods of the base class of a socket, which bypass the pending messages. */
export interface PausableSocket {
  emit (message: Message): void
  pause (): void
  resume (): void
  /** Called once, the first time that messages are dropped. */
  onDropped (warning: string): void
}

/**
 * Messages of a socket that not all consumers have received yet, in the order in which they arrived.
 *
 * - A consumer is a listener for 'message' or a reader. It receives every message, starting with the first one that no
 *   other consumer had received when it began to listen, until it leaves. The position of a reader has no effect on
 *   the others.
 * - Messages without a consumer wait for one, because a handler may await something before it listens, or listen to one
 *   message at a time. Past MAX_PENDING_BYTES the connection is paused. A handler that only sends never listens: after
 *   it has returned, or after LISTEN_TIMEOUT, the messages are dropped.
 * - The connection is paused while the user has paused it, while a reader is behind, or while MAX_PENDING_BYTES is
 *   exceeded. These three are independent. A socket that the user has paused emits no messages until it is resumed or
 *   closed.
 */
export class PendingMessages {
  readonly #websocket: WebSocket
  readonly #pausableSocket: PausableSocket
  /** Replaced, never modified: readers may join or leave while this array is iterated. */
  #readers: readonly Reader[] = []
  readonly #sequence = new MessageSequence()
  #pausedByUser = false
  /** True if the connection has to be paused, regardless of the user. */
  #isPausing = false
  #isDropping = false
  #hasDropped = false
  #isHandled: boolean
  #timer: NodeJS.Timeout | undefined

  /** @param isHandled true if the handler has returned */
  constructor (websocket: WebSocket, pausableSocket: PausableSocket, isHandled: boolean) {
    this.#websocket = websocket
    this.#pausableSocket = pausableSocket
    this.#isHandled = isHandled
    websocket.on('newListener', (event) => { if (event === 'message') this.#onListenerAdded() })
  }

  /** True if messages may be emitted directly, because none is pending and no reader listens. */
  get isIdle (): boolean {
    return this.#sequence.isEmpty && this.#readers.length === 0 && !this.#pausedByUser
  }

  /** True if the user has paused the socket. Messages that are pending when it closes are emitted nevertheless. */
  get isBlocked (): boolean {
    return this.#pausedByUser && !this.#isClosed
  }

  get #isClosed (): boolean {
    return this.#websocket.readyState === this.#websocket.CLOSED
  }

  get #hasListeners (): boolean {
    return this.#websocket.listenerCount('message') > 0
  }

  /** True if a reader has so many pending messages that the connection has to be paused, or has to stay paused. */
  get #isBehind (): boolean {
    const threshold = this.#isPausing ? READ_AHEAD / 2 + 1 : READ_AHEAD
    for (const { at } of this.#readers) if (this.#sequence.end.number - at.number >= threshold) return true
    return false
  }

  add (message: Message): void {
    if (this.#isDropping) return
    // Not copied for a reader, which takes it soon.
    this.#sequence.add(this.#readers.length > 0 ? message : toPending(message))
    this.flush()
  }

  /** Emits the pending messages in order while there is a listener, then wakes the readers. */
  flush (): void {
    while (!this.#sequence.isEmpty && this.#hasListeners && !this.isBlocked) this.#emitFirst()
    for (const reader of this.#readers) reader.wake()
    this.#regulate()
  }

  // Readers

  join (reader: Reader): void {
    reader.at = this.#sequence.first
    this.#readers = [...this.#readers, reader]
    this.#isDropping = false
    this.#stopTimer()
    this.#regulate()
  }

  /** Returns the reader's next message; undefined if there is none, or if the user has paused the socket. */
  take (reader: Reader): Message | undefined {
    const { at, at: { message } } = reader
    if (at.next === undefined || this.isBlocked) return undefined
    reader.at = at.next
    // A listener that was added in this tick receives it too.
    if (at === this.#sequence.first && this.#hasListeners) this.#emitFirst()
    else if (at === this.#sequence.first) this.#sequence.receive()
    if (this.#readers.length === 1) this.#sequence.release(at)
    if (this.#isPausing) this.#regulate()
    return message
  }

  leave (reader: Reader): void {
    this.#readers = this.#readers.filter((each) => each !== reader)
    reader.at = NOWHERE
    if (this.#readers.length === 0) this.#sequence.detach()
    this.#regulate()
  }

  // Pausing

  /** Pauses the socket for the user. No messages are dropped meanwhile. */
  pause (): void {
    this.#pausedByUser = true
    this.#isDropping = false
    this.#pausableSocket.pause()
    this.#regulate()
  }

  resume (): void {
    this.#pausedByUser = false
    this.#regulate()
    if (!this.#isPausing) this.#pausableSocket.resume()
    this.#scheduleFlush()
  }

  /** Reports that the handler has returned. If nothing listens by now, messages past the limit are dropped. */
  handlerReturned (): void {
    this.#isHandled = true
    this.#regulate()
  }

  #onListenerAdded (): void {
    this.#isDropping = false
    this.#stopTimer()
    this.#scheduleFlush()
  }

  #scheduleFlush (): void {
    process.nextTick(() => this.flush())
  }

  /** Emits the first message. If a listener throws, the messages that follow and 'close' are still emitted. */
  #emitFirst (): void {
    const { first } = this.#sequence
    const message = this.#sequence.receive()
    if (this.#readers.length === 0) this.#sequence.release(first)
    try {
      this.#pausableSocket.emit(message)
    } catch (error) {
      process.nextTick(rethrow, error)
    }
  }

  /** Pauses or resumes the connection, and drops messages that will have no consumer. */
  #regulate (): void {
    const exceedsLimit = this.#sequence.bytes > MAX_PENDING_BYTES && this.#readers.length === 0 &&
      !this.#hasListeners && !this.#pausedByUser && !this.#isClosed
    if (!exceedsLimit) this.#stopTimer()
    else if (this.#isHandled) return this.#drop('\'message\' has no listener, and the handler has returned')
    else this.#timer ??= setTimeout(() => this.#drop('\'message\' had no listener for 5 s'), LISTEN_TIMEOUT)
    this.#setPausing(exceedsLimit || this.#isBehind)
  }

  #setPausing (isPausing: boolean): void {
    if (isPausing === this.#isPausing) return
    this.#isPausing = isPausing
    if (this.#pausedByUser) return
    if (isPausing) this.#pausableSocket.pause()
    else this.#pausableSocket.resume()
  }

  #drop (reason: string): void {
    this.#sequence.clear()
    this.#isDropping = true
    this.#stopTimer()
    this.#setPausing(false)
    if (!this.#hasDropped) this.#pausableSocket.onDropped(`websocket messages were dropped: ${reason}. ${ADVICE}`)
    this.#hasDropped = true
  }

  #stopTimer (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function rethrow (error: unknown): void {
  throw error
}
