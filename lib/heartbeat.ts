import type { Duplex } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { endIfDead } from './sessions.ts'
import type { WebSocket } from '../types/index.ts'

const kHeartbeat = Symbol('fastify-websocket-h2.heartbeat')

/** What carries the socket. Its listeners are shared functions, as those of a Carrier in stream-socket.ts. */
type Connection = Duplex & { [kHeartbeat]: Heartbeat }

/**
 * Pings a socket (RFC 6455 section 5.5.2), so that no proxy takes it for idle, and terminates it when its peer has gone
 * without a word: it has sent nothing since the last ping, and taken nothing of what waits for it.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #interval: number
  readonly #request: FastifyRequest
  #timer: NodeJS.Timeout | undefined
  /** Whether there was a sign of life since the last ping. */
  #isAlive = true
  #isListening = false
  #waiting = 0

  /**
   * @param interval in ms
   * @param request its log is told when the peer has gone
   */
  constructor (socket: WebSocket, connection: Duplex, interval: number, request: FastifyRequest) {
    this.#socket = socket
    this.#connection = connection
    this.#interval = interval
    this.#request = request
  }

  start (): void {
    this.#timer = setInterval(beat, this.#interval, this).unref()
    Object.assign(this.#connection, { [kHeartbeat]: this }).on('close', connectionOnClose)
    this.#listen()
  }

  beat (): void {
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

  hear (): void {
    this.#connection.off('data', connectionOnData)
    this.#isAlive = true
    this.#isListening = false
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /** Not to its messages alone: a large one may take longer than a beat. Once, so that others pay nothing for it. */
  #listen (): void {
    if (this.#isListening) return
    this.#isListening = true
    this.#connection.on('data', connectionOnData)
  }

  #end (): void {
    this.#request.log.info('a websocket client has gone silent: terminated')
    endIfDead(this.#connection, this.#interval)
    this.#socket.terminate()
  }
}

function beat (heartbeat: Heartbeat): void {
  heartbeat.beat()
}

function connectionOnData (this: Connection): void {
  this[kHeartbeat].hear()
}

function connectionOnClose (this: Connection): void {
  this[kHeartbeat].stop()
}
