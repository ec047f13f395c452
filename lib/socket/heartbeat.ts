import { setImmediate } from 'node:timers'
import type { FastifyRequest } from 'fastify'
import type { WebSocket } from '../../types/index.ts'
import type { Connection, ConnectionObserver } from './connection.ts'

/**
 * Beats without a sign of life after which a peer that has much to read is taken for disconnected: the ping is behind
 * that data. Some of it waits here. The rest is in the kernel, which reports neither that the peer took it nor, until a
 * good part of its send buffer of up to 4 MB is free again, that there is room for more.
 */
const MAX_SILENT_BEATS = 4

/** Bytes per ms that a peer is expected to read at least: 8 KB/s. */
const SLOWEST = 8

/**
 * Pings a socket (RFC 6455 section 5.5.2), so that no proxy takes it for idle, and terminates it when its peer is
 * unresponsive: when nothing was received since the last ping, and the peer took nothing of the data that waits for it.
 */
export class Heartbeat implements ConnectionObserver {
  readonly #socket: WebSocket
  readonly #connection: Connection
  readonly #interval: number
  readonly #request: FastifyRequest
  #timer: NodeJS.Timeout | undefined
  /** Whether bytes were received since the last ping. */
  #isHeard = true
  #wasPaused = false
  #isListening = false
  /** Whether data was waiting for the peer at the last beat. */
  #hadBacklog = false
  #progress = 0
  #silentBeats = 0
  /** Bytes written to the connection, as of the last beat, and as of the beat before the peer was last heard. */
  #carried = 0
  #carriedWhenHeard = 0

  /**
   * @param interval in ms
   * @param request its log is told when the peer has gone
   */
  constructor (socket: WebSocket, connection: Connection, interval: number, request: FastifyRequest) {
    this.#socket = socket
    this.#connection = connection
    this.#interval = interval
    this.#request = request
  }

  start (): void {
    this.#timer = setInterval(beat, this.#interval, this).unref()
    this.#carried = this.#connection.bytesAccepted
    this.#listen()
  }

  beat (): void {
    // Closing has a timer of its own.
    if (this.#socket.readyState !== this.#socket.OPEN) return
    const isAlive = this.#hasProgressed() || this.#isHeard || this.#isExcused
    this.#silentBeats = isAlive ? 0 : this.#silentBeats + 1
    // A turn later: the pong may have arrived, and not been read, while the process was busy.
    if (this.#silentBeats >= this.#patience) setImmediate(judge, this)
    else this.#ping()
  }

  judge (): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (!this.#isHeard && !this.#isExcused) return this.#end()
    this.#silentBeats = 0
    this.#ping()
  }

  onData (): void {
    this.#isHeard = true
    this.#isListening = false
  }

  onClose (): void {
    clearInterval(this.#timer)
  }

  /** What a paused socket does not read may be the pong. */
  get #isExcused (): boolean {
    return this.#wasPaused || this.#socket.isPaused
  }

  /** One beat for each amount of data that the slowest peer reads in one. */
  get #patience (): number {
    const ahead = this.#connection.bytesAccepted - this.#carriedWhenHeard + this.#socket.bufferedAmount
    return Math.min(MAX_SILENT_BEATS, 1 + Math.floor(ahead / (this.#interval * SLOWEST)))
  }

  #ping (): void {
    if (this.#isHeard) this.#carriedWhenHeard = this.#carried
    this.#carried = this.#connection.bytesAccepted
    this.#isHeard = false
    this.#wasPaused = this.#socket.isPaused
    this.#hadBacklog = this.#socket.bufferedAmount > 0
    this.#listen()
    this.#socket.ping()
  }

  /** What leaves says something of the peer only if it had to wait for it: the kernel takes a ping by itself. */
  #hasProgressed (): boolean {
    const last = this.#progress
    this.#progress = this.#connection.measureProgress()
    return this.#hadBacklog && this.#progress !== last
  }

  /** Not to its messages alone: a large one may take longer than a beat. Once, so that others pay nothing for it. */
  #listen (): void {
    if (this.#isListening) return
    this.#isListening = true
    this.#connection.observe(this)
  }

  #end (): void {
    this.#request.log.info('a websocket client is unresponsive: terminated')
    this.#connection.destroyIfUnresponsive(this.#interval)
    this.#socket.terminate()
  }
}

function beat (heartbeat: Heartbeat): void {
  heartbeat.beat()
}

function judge (heartbeat: Heartbeat): void {
  heartbeat.judge()
}
