import type { WebSocket } from 'ws'
import { NOWHERE } from './message-sequence.ts'
import type { Message, Place } from './message-sequence.ts'
import type { PendingMessages, Reader } from './pending-messages.ts'

type Result = IteratorResult<string | Buffer, void>

/** Pending call of `next()`. */
interface Waiting {
  resolve (result: Result): void
  reject (error: unknown): void
}

/**
 * Iterator over the messages of a socket for one `for await` loop, until the socket closes or the loop is left. It
 * starts to listen at the first call of `next()`. It is not an async generator, because `return()` of a generator waits
 * for a pending `next()`, which waits for a message.
 */
export class MessageIterator implements AsyncGenerator<string | Buffer, void, undefined>, Reader {
  at: Place = NOWHERE
  readonly #websocket: WebSocket
  readonly #pendingMessages: PendingMessages
  #waiting: Waiting[] = []
  #hasStarted = false
  /** True if no more messages will arrive. */
  #isEnding = false
  #isDone = false
  /** Error that the loop throws after the messages that preceded it. */
  #failure: { error: unknown } | undefined

  constructor (websocket: WebSocket, pendingMessages: PendingMessages) {
    this.#websocket = websocket
    this.#pendingMessages = pendingMessages
  }

  next (): Promise<Result> {
    if (!this.#hasStarted) this.#start()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.wake()
    })
  }

  async return (value: void | PromiseLike<void>): Promise<Result> {
    this.#finish()
    return { value: await value, done: true }
  }

  async throw (error: unknown): Promise<Result> {
    this.#finish()
    throw error
  }

  [Symbol.asyncIterator] (): this {
    return this
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.return()
  }

  wake (): void {
    while (this.#waiting.length > 0 && !this.#isDone) {
      const message = this.#pendingMessages.take(this)
      if (message !== undefined) this.#settle(message)
      else if (!this.#isEnding || this.#pendingMessages.isBlocked) return
      else this.#finish()
    }
    while (this.#waiting.length > 0) this.#waiting.shift()!.resolve({ value: undefined, done: true })
  }

  #start (): void {
    this.#hasStarted = true
    if (this.#isDone) return
    this.#pendingMessages.join(this)
    this.#isEnding = this.#websocket.readyState === this.#websocket.CLOSED
    if (!this.#isEnding) this.#websocket.on('error', this.#onError).on('close', this.#onClose)
  }

  #settle (message: Message): void {
    const { resolve, reject } = this.#waiting.shift()!
    try {
      resolve({ value: toValue(message), done: false })
    } catch (error) {
      // A text message may exceed the maximum length of a string.
      reject(error)
      this.#finish()
    }
  }

  #finish (): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#hasStarted) {
      this.#websocket.off('error', this.#onError).off('close', this.#onClose)
      this.#pendingMessages.leave(this)
    }
    if (this.#failure !== undefined) this.#waiting.shift()?.reject(this.#failure.error)
    this.wake()
  }

  readonly #onError = (error: unknown): void => {
    this.#failure ??= { error }
    this.#onClose()
  }

  readonly #onClose = (): void => {
    this.#isEnding = true
    this.wake()
  }
}

function toValue ([data, isBinary]: Message): string | Buffer {
  return isBinary ? data : data.toString()
}
