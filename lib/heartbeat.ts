import type { Duplex } from 'node:stream'
import { endIfDead } from './sessions.ts'
import type { WebSocket } from '../types/index.ts'

/**
 * Pings a socket (RFC 6455 section 5.5.2), so that no proxy takes it for idle, and terminates it when its peer has gone
 * without a word: it has sent nothing since the last ping, and taken nothing of what waits for it.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #interval: number
  readonly #onSilence: () => void
  /** Whether there was a sign of life since the last ping. */
  #isAlive = true
  #isListening = false
  #waiting = 0

  /**
   * @param interval in ms
   * @param onSilence called when the peer has gone, before the socket closes
   */
  static start (socket: WebSocket, connection: Duplex, interval: number, onSilence: () => void): void {
    const heartbeat = new Heartbeat(socket, connection, interval, onSilence)
    const timer = setInterval(() => heartbeat.#beat(), interval).unref()
    socket.once('close', () => clearInterval(timer))
    heartbeat.#listen()
  }

  private constructor (socket: WebSocket, connection: Duplex, interval: number, onSilence: () => void) {
    this.#socket = socket
    this.#connection = connection
    this.#interval = interval
    this.#onSilence = onSilence
  }

  /** Not to its messages alone: a large one may take longer than a beat. Once, so that others pay nothing for it. */
  #listen (): void {
    if (this.#isListening) return
    this.#isListening = true
    this.#connection.once('data', () => {
      this.#isAlive = true
      this.#isListening = false
    })
  }

  #beat (): void {
    const { readyState, OPEN, bufferedAmount, isPaused } = this.#socket
    // Closing has a timer of its own.
    if (readyState !== OPEN) return
    if (!this.#isAlive && bufferedAmount >= this.#waiting) return this.#end()

    // What a paused socket does not read may be the pong.
    this.#isAlive = isPaused
    this.#waiting = bufferedAmount
    this.#listen()
    this.#socket.ping()
  }

  #end (): void {
    this.#onSilence()
    endIfDead(this.#connection, this.#interval)
    this.#socket.terminate()
  }
}
