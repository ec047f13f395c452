import type { Duplex } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { destroyIfUnresponsive, measureProgress } from './liveness.ts'
import type { WebSocket } from '../types/index.ts'

const kHeartbeat = Symbol('fastify-websocket-h2.heartbeat')

/** What carries the socket. Its listeners are shared functions, as those of a Carrier in stream-socket.ts. */
type Connection = Duplex & { [kHeartbeat]: Heartbeat }

/**
 * Beats without a sign of life after which a peer is taken for disconnected although data waits for it: the ping is
 * behind that data. The kernel takes more only when a good part of its send buffer, up to 4 MB, is free again, so a
 * client that reads 10 KB/s may show progress every third beat.
 */
const BEATS_WITH_BACKLOG = 3

/**
 * Pings a socket (RFC 6455 section 5.5.2), so that no proxy takes it for idle, and terminates it when its peer is
 * unresponsive: when nothing was received since the last ping, and the peer took nothing of the data that waits for it.
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
  /** Whether data was waiting for the peer at the last beat. */
  #hadBacklog = false
  #progress = 0
  #silentBeats = 0

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
    const hasBacklog = bufferedAmount > 0
    const hasProgressed = this.#hasProgressed()
    this.#silentBeats = this.#isAlive || hasProgressed ? 0 : this.#silentBeats + 1
    if (this.#silentBeats >= (hasBacklog ? BEATS_WITH_BACKLOG : 1)) return this.#end()

    // What a paused socket does not read may be the pong.
    this.#isAlive = isPaused
    this.#hadBacklog = hasBacklog
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

  /** What leaves says something of the peer only if it had to wait for it: the kernel takes a ping by itself. */
  #hasProgressed (): boolean {
    const last = this.#progress
    this.#progress = measureProgress(this.#connection)
    return this.#hadBacklog && this.#progress !== last
  }

  /** Not to its messages alone: a large one may take longer than a beat. Once, so that others pay nothing for it. */
  #listen (): void {
    if (this.#isListening) return
    this.#isListening = true
    this.#connection.on('data', connectionOnData)
  }

  #end (): void {
    this.#request.log.info('a websocket client is unresponsive: terminated')
    destroyIfUnresponsive(this.#connection, this.#interval)
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
