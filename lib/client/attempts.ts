import type { Reconnecting, WebSocket } from '../../types/index.ts'
import type { ReconnectSettings } from '../options/reconnect.ts'
import { Backoff } from '../backoff.ts'
import { isTemporaryCode, isTemporaryError, retryAfterOf } from './temporary.ts'

/** Observer of a series of sockets. */
export interface AttemptObserver {
  /** Called with each socket, before it emits anything. */
  onSocket (socket: WebSocket): void
  onOpen (socket: WebSocket): void
  /** Called with an error of an open socket, which is the last one. */
  onError (error: Error): void
  /** Called when a socket has ended that another one replaces. */
  onWait (event: Reconnecting): void
  /** Called once, when the last socket has ended. */
  onEnd (code: number, reason: Buffer, error?: Error): void
}

const NOTHING = Buffer.alloc(0)

/** Series of sockets to one server, one at a time: the next one is opened after `'close'` of the last. */
export class Attempts {
  readonly #open: () => WebSocket
  readonly #backoff: Backoff
  readonly #observer: AttemptObserver
  /** The current socket, or the last one. */
  socket: WebSocket | undefined
  /** True if no other attempt will follow. */
  isEnding = false
  /** True until the connection of the current socket is open. */
  #isConnecting = false
  /** Error of the current attempt. */
  #failure: Error | undefined
  #timer: NodeJS.Timeout | undefined

  constructor (open: () => WebSocket, settings: ReconnectSettings, observer: AttemptObserver) {
    this.#open = open
    this.#backoff = new Backoff(settings)
    this.#observer = observer
  }

  /** Starts an attempt. Throws what `open()` throws. */
  start (): void {
    const socket = this.#open()
    this.socket = socket
    this.#isConnecting = true
    this.#observer.onSocket(socket)
    socket.on('open', () => this.#socketOnOpen(socket))
    socket.on('error', (error) => this.#socketOnError(error))
    socket.on('close', (code, reason) => this.#socketOnClose(code, reason))
  }

  /** Starts no other attempt. The current socket, if it has not ended, is the last one. */
  stop (): void {
    if (this.isEnding) return
    this.isEnding = true
    clearTimeout(this.#timer)
    const isWaiting = this.socket === undefined || this.#timer !== undefined
    if (isWaiting) process.nextTick(() => this.#observer.onEnd(1006, NOTHING))
  }

  #startAgain (): void {
    this.#timer = undefined
    try {
      this.start()
    } catch (error) {
      this.#end(1006, NOTHING, error as Error)
    }
  }

  #socketOnOpen (socket: WebSocket): void {
    this.#isConnecting = false
    this.#backoff.onOpen()
    this.#observer.onOpen(socket)
  }

  /** An open socket reports errors of the protocol, or of its user, which another connection would repeat. */
  #socketOnError (error: Error): void {
    if (this.#isConnecting) {
      this.#failure = error
    } else {
      this.isEnding = true
      this.#observer.onError(error)
    }
  }

  #socketOnClose (code: number, reason: Buffer): void {
    const error = this.#failure
    this.#failure = undefined
    this.#backoff.onClose()
    if (this.isEnding) return this.#end(code, reason)

    const isTemporary = error === undefined ? isTemporaryCode(code) : isTemporaryError(error)
    const delay = isTemporary ? this.#backoff.next(error === undefined ? 0 : retryAfterOf(error)) : undefined
    if (delay === undefined) return this.#end(code, reason, error)
    this.#timer = setTimeout(() => this.#startAgain(), delay)
    this.#observer.onWait({ attempt: this.#backoff.attempt, delay, code, reason: String(reason), error })
  }

  #end (code: number, reason: Buffer, error?: Error): void {
    this.isEnding = true
    this.#observer.onEnd(code, reason, error)
  }
}
