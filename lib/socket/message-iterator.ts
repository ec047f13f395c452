import type { WebSocket } from 'ws'
import type { PendingMessages, Reader } from './pending-messages.ts'
import { NOWHERE } from './message-sequence.ts'
import type { Message, Place } from './message-sequence.ts'

type Result = IteratorResult<string | Buffer, void>

/** A call of `next()` that waits for its message. */
interface Waiting {
  resolve (result: Result): void
  reject (error: unknown): void
}

/**
 * The messages of a socket for one `for await` loop, until the socket closes or the loop is left. It begins to listen
 * with the first call of `next()`. No async generator: `return()` of one waits for a `next()` that waits for a message.
 */
export class MessageIterator implements AsyncGenerator<string | Buffer, void, undefined>, Reader {
  at: Place = NOWHERE
  readonly #socket: WebSocket
  readonly #hold: PendingMessages
  #waiting: Waiting[] = []
  #hasBegun = false
  /** Whether no message will arrive any more. */
  #isEnding = false
  #isDone = false
  /** What the loop throws when it has taken the messages before it. */
  #failure: { error: unknown } | undefined

  constructor (socket: WebSocket, hold: PendingMessages) {
    this.#socket = socket
    this.#hold = hold
  }

  next (): Promise<Result> {
    if (!this.#hasBegun) this.#begin()
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
      const message = this.#hold.take(this)
      if (message !== undefined) this.#settle(message)
      else if (!this.#isEnding || this.#hold.isBlocked) return
      else this.#finish()
    }
    while (this.#waiting.length > 0) this.#waiting.shift()!.resolve({ value: undefined, done: true })
  }

  #begin (): void {
    this.#hasBegun = true
    if (this.#isDone) return
    this.#hold.join(this)
    this.#isEnding = this.#socket.readyState === this.#socket.CLOSED
    if (!this.#isEnding) this.#socket.on('error', this.#onError).on('close', this.#onClose)
  }

  #settle (message: Message): void {
    const { resolve, reject } = this.#waiting.shift()!
    try {
      resolve({ value: toValue(message), done: false })
    } catch (error) {
      // Text may be longer than a string can be.
      reject(error)
      this.#finish()
    }
  }

  #finish (): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#hasBegun) {
      this.#socket.off('error', this.#onError).off('close', this.#onClose)
      this.#hold.leave(this)
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
