import { setImmediate } from 'node:timers'
import type { WebSocket } from '../../types/index.ts'
import type { Connection, ConnectionObserver } from './connection.ts'
import { beginBeats, endBeats } from './shared-interval.ts'
import type { Beating } from './shared-interval.ts'

/**
 * Intervals without any progress after which even a peer with much data ahead of the ping is unresponsive. Some of that
 * data waits in the process. The rest is in the send buffer of the kernel, up to 4 MB, which does not report progress
 * until a good part of the buffer is free again.
 */
const MAX_SILENT_BEATS = 4

/** Lowest rate at which a peer is expected to read, in bytes per ms: 8 KB/s. */
const MIN_READ_RATE = 8

/** Observer of a heartbeat. */
export interface HeartbeatObserver {
  /** Called before the socket of an unresponsive peer is terminated. */
  unresponsive (): void
}

/**
 * Pings a socket (RFC 6455 section 5.5.2), so that proxies do not close it as idle. Terminates it when its peer is
 * unresponsive: nothing was received since the last ping, and the peer accepted none of the data that waits for it.
 */
export class Heartbeat implements Beating, ConnectionObserver {
  readonly #websocket: WebSocket
  readonly #connection: Connection
  readonly #interval: number
  readonly #observer: HeartbeatObserver
  due = 0
  /** True if bytes were received since the last ping. */
  #hasReceived = true
  #wasPaused = false
  #isListeningForData = false
  /** True if data was waiting to be sent at the last beat. */
  #hadBacklog = false
  #progress = 0
  #silentBeats = 0
  /** Bytes that the kernel had accepted at the last ping, and at the last ping after which bytes were received. */
  #accepted = 0
  #acceptedAtAnsweredPing = 0

  /** @param interval in ms */
  constructor (websocket: WebSocket, connection: Connection, interval: number, observer: HeartbeatObserver) {
    this.#websocket = websocket
    this.#connection = connection
    this.#interval = interval
    this.#observer = observer
  }

  start (): void {
    beginBeats(this, this.#interval)
    this.#accepted = this.#connection.bytesAccepted
    this.#listen()
  }

  beat (): void {
    // The closing handshake has its own timer.
    if (this.#websocket.readyState !== this.#websocket.OPEN) return
    const isAlive = this.#hasProgressed() || this.#hasReceived || this.#hasBeenPaused
    this.#silentBeats = isAlive ? 0 : this.#silentBeats + 1
    // Checked a turn later: a pong may have arrived while the process was busy, and not been read yet.
    if (this.#silentBeats >= this.#allowedSilentBeats) setImmediate(check, this)
    else this.#ping()
  }

  check (): void {
    if (this.#websocket.readyState !== this.#websocket.OPEN) return
    if (!this.#hasReceived && !this.#hasBeenPaused) return this.#terminate()
    this.#silentBeats = 0
    this.#ping()
  }

  onData (): void {
    this.#hasReceived = true
    this.#isListeningForData = false
  }

  onClose (): void {
    endBeats(this, this.#interval)
  }

  /** True if the pong may be unread because the socket is paused. */
  get #hasBeenPaused (): boolean {
    return this.#wasPaused || this.#websocket.isPaused
  }

  /** Intervals that the slowest acceptable peer needs to read the data ahead of the ping, within limits. */
  get #allowedSilentBeats (): number {
    const ahead = this.#connection.bytesAccepted - this.#acceptedAtAnsweredPing + this.#websocket.bufferedAmount
    return Math.min(MAX_SILENT_BEATS, 1 + Math.floor(ahead / (this.#interval * MIN_READ_RATE)))
  }

  #ping (): void {
    if (this.#hasReceived) this.#acceptedAtAnsweredPing = this.#accepted
    this.#accepted = this.#connection.bytesAccepted
    this.#hasReceived = false
    this.#wasPaused = this.#websocket.isPaused
    this.#hadBacklog = this.#websocket.bufferedAmount > 0
    this.#listen()
    this.#websocket.ping()
  }

  /** Returns true if the peer has accepted data that waited for it. The kernel accepts a ping even without the peer. */
  #hasProgressed (): boolean {
    const last = this.#progress
    this.#progress = this.#connection.measureProgress()
    return this.#hadBacklog && this.#progress !== last
  }

  /** Listens for one chunk, so that the others cost nothing. A whole message may take longer than an interval. */
  #listen (): void {
    if (this.#isListeningForData) return
    this.#isListeningForData = true
    this.#connection.observe(this)
  }

  #terminate (): void {
    this.#observer.unresponsive()
    this.#connection.destroyIfUnresponsive(this.#interval)
    this.#websocket.terminate()
  }
}

function check (heartbeat: Heartbeat): void {
  heartbeat.check()
}
