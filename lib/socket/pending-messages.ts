import type { WebSocket } from 'ws'
import { MessageSequence, NOWHERE, toPending } from './message-sequence.ts'
import type { Message, Place } from './message-sequence.ts'

/** Bytes of messages that are held for one socket before its peer has to wait. */
const MAX_PENDING_BYTES = 16 * 1024

/** Time, in ms, that a peer has to wait for a handler that does not listen: its Close waits behind its messages. */
const LISTEN_TIMEOUT = 5000

/** Messages that a reader may have waiting before the connection is paused. It is resumed at half of that. */
const READ_AHEAD = 16

const ADVICE = 'Add a listener in the handler before it returns, even if it does nothing.'

/** A consumer that takes messages at its own pace, such as a `for await` loop. */
export interface Reader {
  /** The place of the message that it takes next. */
  at: Place
  /** Called when there may be a message to take. */
  wake (): void
}

/** The methods of the socket that the hold stands in front of. */
export interface PausableSocket {
  emit (message: Message): void
  pause (): void
  resume (): void
  /** Called once, when messages are dropped for the first time. */
  onDropped (warning: string): void
}

/**
 * The messages of a socket that not everybody has received yet, in the order in which they came.
 *
 * - A consumer, which is a listener of 'message' or a reader, receives each message from the first one that no other
 *   consumer had received when it began to listen, until it leaves. How far a reader has read ahead has no effect.
 * - A message that nobody listens to waits for a handler that will: one that awaits something before it listens, or
 *   that listens to one message at a time. Past a limit the connection is paused. A handler that only sends never
 *   listens at all: once it has returned, or has let the peer wait long enough, its messages are dropped.
 * - The connection is paused while the user wants it paused, while a reader is behind, or while that limit is passed.
 *   Each of these three ends by itself. What the user paused emits nothing until it is resumed or closed.
 */
export class PendingMessages {
  readonly #socket: WebSocket
  readonly #held: PausableSocket
  /** Replaced, and not changed, when one comes or leaves: it may do so while they are woken. */
  #readers: readonly Reader[] = []
  readonly #sequence = new MessageSequence()
  #pausedByUser = false
  /** Whether the connection has to be paused, whatever the user says. */
  #isPausing = false
  #isDropping = false
  #hasDropped = false
  #isHandled: boolean
  #timer: NodeJS.Timeout | undefined

  /** @param isHandled whether the handler has returned */
  constructor (socket: WebSocket, held: PausableSocket, isHandled: boolean) {
    this.#socket = socket
    this.#held = held
    this.#isHandled = isHandled
    socket.on('newListener', (event) => { if (event === 'message') this.#onListenerAdded() })
  }

  /** Whether a message may go to the listeners without passing through here. */
  get isIdle (): boolean {
    return this.#sequence.isEmpty && this.#readers.length === 0 && !this.#pausedByUser
  }

  /** Whether the user has paused the socket. What is held when it closes is delivered all the same. */
  get isBlocked (): boolean {
    return this.#pausedByUser && !this.#isClosed
  }

  get #isClosed (): boolean {
    return this.#socket.readyState === this.#socket.CLOSED
  }

  get #isHeard (): boolean {
    return this.#socket.listenerCount('message') > 0
  }

  /** Whether a reader has so much waiting that the connection has to be paused, or has to stay so. */
  get #isBehind (): boolean {
    const enough = this.#isPausing ? READ_AHEAD / 2 + 1 : READ_AHEAD
    for (const { at } of this.#readers) if (this.#sequence.end.number - at.number >= enough) return true
    return false
  }

  add (message: Message): void {
    if (this.#isDropping) return
    // A reader takes it soon.
    this.#sequence.add(this.#readers.length > 0 ? message : toPending(message))
    this.flush()
  }

  /** Emits what is held, in order, as long as somebody listens. */
  flush (): void {
    while (!this.#sequence.isEmpty && this.#isHeard && !this.isBlocked) this.#emitFirst()
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

  /** The reader's next message, unless there is none, or the user has paused the socket. */
  take (reader: Reader): Message | undefined {
    const { at, at: { message } } = reader
    if (at.next === undefined || this.isBlocked) return undefined
    reader.at = at.next
    // A listener that was added just now is to receive it too.
    if (at === this.#sequence.first && this.#isHeard) this.#emitFirst()
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

  /** Nothing is dropped while the user has paused the socket. */
  pause (): void {
    this.#pausedByUser = true
    this.#isDropping = false
    this.#held.pause()
    this.#regulate()
  }

  resume (): void {
    this.#pausedByUser = false
    this.#regulate()
    if (!this.#isPausing) this.#held.resume()
    this.#scheduleFlush()
  }

  /** The handler has returned: one that does not listen now need not be waited for. */
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

  /** A listener that throws stops neither the messages after its own nor the 'close'. */
  #emitFirst (): void {
    const { first } = this.#sequence
    const message = this.#sequence.receive()
    if (this.#readers.length === 0) this.#sequence.release(first)
    try {
      this.#held.emit(message)
    } catch (error) {
      process.nextTick(rethrow, error)
    }
  }

  /** Pauses and resumes the connection, and drops what nobody will listen to. */
  #regulate (): void {
    const isPastLimit = this.#sequence.bytes > MAX_PENDING_BYTES && this.#readers.length === 0 && !this.#isHeard &&
      !this.#pausedByUser && !this.#isClosed
    if (!isPastLimit) this.#stopTimer()
    else if (this.#isHandled) return this.#drop('nobody listens to \'message\', and the handler has returned')
    else this.#timer ??= setTimeout(() => this.#drop('nobody listened to \'message\' for 5 s'), LISTEN_TIMEOUT)
    this.#setPausing(isPastLimit || this.#isBehind)
  }

  #setPausing (isPausing: boolean): void {
    if (isPausing === this.#isPausing) return
    this.#isPausing = isPausing
    if (this.#pausedByUser) return
    if (isPausing) this.#held.pause()
    else this.#held.resume()
  }

  #drop (reason: string): void {
    this.#sequence.clear()
    this.#isDropping = true
    this.#stopTimer()
    this.#setPausing(false)
    if (!this.#hasDropped) this.#held.onDropped(`websocket messages were dropped: ${reason}. ${ADVICE}`)
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
