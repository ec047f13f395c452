import type { WebSocket } from 'ws'
import { copyOf } from './memory.ts'

export type Message = [data: Buffer, isBinary: boolean]

/** Bytes of messages that are held for one socket before its peer has to wait. */
const LIMIT = 16 * 1024

/** What holding a message costs besides its bytes: many tiny ones must not be cheaper than they are. */
const OVERHEAD = 128

/** How long, in ms, a peer has to wait for a handler that takes its time: its Close waits behind its messages. */
const PATIENCE = 5000

/**
 * The messages of a socket that nobody listens to, kept for a handler that will: one that awaits something before it
 * listens, or that listens to one message at a time. Past the limit the socket is paused. A handler that only sends
 * never listens at all: once it has returned, or has let the peer wait long enough, its messages are dropped.
 */
export class MessageHold {
  readonly #socket: WebSocket
  readonly #emit: (message: Message) => void
  #messages: Message[] = []
  #bytes = 0
  #pauses = false
  #drops = false
  #handled: boolean
  #timer: NodeJS.Timeout | undefined

  /** @param handled whether the handler has returned */
  constructor (socket: WebSocket, emit: (message: Message) => void, handled: boolean) {
    this.#socket = socket
    this.#emit = emit
    this.#handled = handled
    socket.on('newListener', (event) => { if (event === 'message') this.deliverSoon() })
    socket.once('close', () => this.#stopTimer())
  }

  get isEmpty (): boolean {
    return this.#messages.length === 0
  }

  get #isPausedByUser (): boolean {
    return this.#socket.isPaused && !this.#pauses
  }

  get #isHeard (): boolean {
    return this.#socket.listenerCount('message') > 0
  }

  add ([data, isBinary]: Message): void {
    if (this.#drops) return
    // A view of what the connection brought would keep all of that.
    const kept = Buffer.isBuffer(data) ? copyOf(data) : data
    this.#messages.push([kept, isBinary])
    this.#bytes += sizeOf([kept, isBinary])
    if (this.#isHeard) this.deliver()
    else this.#limit()
  }

  /** Puts back what was taken and not used. */
  putBack (messages: Message[]): void {
    this.#messages.unshift(...messages)
    for (const message of messages) this.#bytes += sizeOf(message)
    if (this.#isHeard) this.deliverSoon()
    else this.#limit()
  }

  takeAll (): Message[] {
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    return messages
  }

  /** Hands on what is held, in order, as long as somebody listens. */
  deliver (): void {
    while (!this.isEmpty && this.#isHeard && !this.#isPausedByUser) {
      const message = this.#messages.shift()!
      this.#bytes -= sizeOf(message)
      this.#emit(message)
    }
    if (this.isEmpty) this.#release()
  }

  deliverSoon (): void {
    this.#drops = false
    process.nextTick(() => this.deliver())
  }

  /** The handler has returned: one that does not listen now need not be waited for. */
  endWait (): void {
    this.#handled = true
    this.#limit()
  }

  /** The user pauses the socket: it stays so until the user resumes it, and nothing is dropped meanwhile. */
  yieldPause (): void {
    this.#pauses = false
    this.#stopTimer()
  }

  #limit (): void {
    if (this.#bytes <= LIMIT || this.#isHeard || this.#isPausedByUser) return
    if (this.#handled) return this.#drop()
    if (this.#pauses && this.#socket.isPaused) return
    this.#socket.pause()
    this.#pauses = true
    this.#timer ??= setTimeout(() => this.#drop(), PATIENCE)
  }

  #drop (): void {
    this.takeAll()
    this.#drops = true
    this.#release()
  }

  #release (): void {
    this.#stopTimer()
    if (!this.#pauses) return
    this.#pauses = false
    this.#socket.resume()
  }

  #stopTimer (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function sizeOf ([data]: Message): number {
  return countBytes(data) + OVERHEAD
}

/** What a message has become is for `binaryType` to say. */
function countBytes (data: Buffer | Buffer[] | ArrayBuffer | Blob): number {
  if (Array.isArray(data)) return data.reduce((sum, each) => sum + each.length, 0)
  return data instanceof Blob ? data.size : data.byteLength
}

/** A message as an iterator has it. */
export function toValue ([data, isBinary]: Message): string | Buffer {
  return isBinary ? data : data.toString()
}
