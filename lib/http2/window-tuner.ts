import type { Http2Session, Http2Stream } from 'node:http2'
import { Inflow } from './stream-receiver.ts'
import type { Inlet } from './stream-receiver.ts'
import { nextTurn } from '../next-turn.ts'
import type { ReceiveWindowSizes } from '../options/receive-window.ts'

/**
 * Node before 26 reads nothing from a connection while a write to it waits. If both ends are such, and more is on its
 * way than the kernel's buffers hold, both wait for ever: seen from 6 MiB on, never at 4.
 */
const LARGEST_CONNECTION_WINDOW = (Number(process.versions.node.split('.')[0]) < 26 ? 4 : 32) * 1024 * 1024

/**
 * What a stream brings is counted for two round trips, because a client may answer a PING ahead of what a window has
 * just let through. A window that is used up lets through at least half of it in that time: Node returns it by halves.
 */
const ROUND_TRIPS = 2
const HELD_BACK = 0.45

/** How many times as much has to come before the next look, after looks that found windows wide enough. */
const MAX_PROBE_BACKOFF = 16
const GROWTH = 4
/**
 * Against RFC 9113 section 6.9.2, Firefox does not move the windows of WebSocket streams that are open when SETTINGS
 * change (seen with 153). Node returns a window by halves of what it takes it for: up to twice the size such a client
 * gets it back in time, past that it would wait for ever. A little less than twice: a client that is held back sends
 * just what it may, and if that were just what is returned, it would never be seen to have more on its way.
 */
const GROWTH_FOR_ALL = 2
const SLACK = 1024
const IDLE = 10_000

/**
 * The receive windows of one HTTP/2 session (RFC 9113 section 6.9). With those that a session starts with, an upload
 * gets 64 KiB per round trip, where TCP finds out how much it can get. So does this: it measures what comes within a
 * round trip, and opens the windows for streams that are read as fast as they send.
 *
 * Of the two windows only that of the stream costs memory: Node returns that of the connection as soon as data comes,
 * and that of the stream when it is read. Node sizes it for all streams of a session together; they grow far only for a
 * client that is seen to follow.
 */
export class ReceiveWindow implements Inlet {
  readonly #session: Http2Session
  readonly #sizes: ReceiveWindowSizes
  readonly #inflows = new Set<Inflow>()
  readonly #idle: number
  #size: number
  /** What the client has acknowledged. */
  #acknowledged: number
  /** Whether a socket was seen to have the window that it was given after it opened. */
  #clientAppliesSettings = false
  #unread = 0

  // In a round of measuring, what a stream brings is what its window lets through.
  #round = 0
  #peak = 0
  #measures = false
  #probeBackoff = 1
  #total = 0
  #shrinking: NodeJS.Timeout | undefined

  /** @param idle time, in ms, after which windows shrink that were not used */
  constructor (session: Http2Session, sizes: ReceiveWindowSizes, idle = IDLE) {
    this.#session = session
    this.#sizes = sizes
    this.#idle = idle
    this.#size = sizes.initial
    this.#acknowledged = sizes.initial
    session.once('close', () => clearInterval(this.#shrinking))
  }

  /** Window, in bytes, that each stream has, or will have once the client knows. */
  get size (): number {
    return this.#size
  }

  /** Opens the window of the connection as wide as the streams' windows can become. */
  openConnection (): void {
    const size = Math.min(2 * this.#sizes.max, LARGEST_CONNECTION_WINDOW)
    if (size > (this.#session.state.effectiveLocalWindowSize ?? 0)) this.#session.setLocalWindowSize(size)
  }

  /**
   * Counts what a stream brings from now on.
   *
   * @param onRefused called once, when what it brought had no room
   */
  add (stream: Http2Stream, onRefused: (stream: Http2Stream) => void): Inflow {
    const inflow = new Inflow(stream, this, this.#size, onRefused)
    this.#inflows.add(inflow)
    this.#shrinkToLimit()
    return inflow
  }

  remove (inflow: Inflow): void {
    if (this.#inflows.delete(inflow)) this.#unread -= inflow.unread
  }

  reserve (inflow: Inflow, bytes: number): boolean {
    this.#count(inflow, bytes)
    if (this.#unread <= this.#sizes.sessionBudget) return true

    // What was read since it was counted is counted still.
    for (const each of this.#inflows) this.#count(each, each === inflow ? bytes : 0)
    if (this.#unread <= this.#sizes.sessionBudget) return true
    this.#count(inflow, 0)
    return false
  }

  read (inflow: Inflow, bytes: number): void {
    if (inflow.unread > 0) this.#count(inflow, 0)
    if (inflow.round !== this.#round) {
      inflow.round = this.#round
      inflow.bytes = 0
    }
    inflow.bytes += bytes
    this.#total += bytes
    if (!this.#clientAppliesSettings) this.#clientAppliesSettings = this.#exceedsOldWindow(inflow)
    if (inflow.bytes <= this.#peak) return

    this.#peak = inflow.bytes
    if (!this.#measures && this.#peak * 2 >= this.#size * this.#probeBackoff && this.#size < this.#limit) {
      this.#measures = true
      nextTurn(() => this.#measure())
    }
  }

  /**
   * What windows may grow to: if every stream there is stalls now, half of what is left of the budget is still left,
   * for streams that a client opens before it knows of smaller windows.
   */
  get #limit (): number {
    const { initial, max, sessionBudget } = this.#sizes
    const most = this.#clientAppliesSettings ? max : Math.min(max, GROWTH_FOR_ALL * initial - SLACK)
    return Math.max(initial, Math.min(most, Math.floor((sessionBudget - this.#unread) / 2 / this.#inflows.size)))
  }

  /**
   * Whether a socket has sent more than its window was when it opened, and has not got it back: Node returns this chunk
   * after. What a client does with other streams says nothing.
   */
  #exceedsOldWindow ({ stream, window, isSocket }: Inflow): boolean {
    if (!isSocket || window >= this.#acknowledged) return false
    const { localWindowSize = this.#acknowledged } = stream.state
    return this.#acknowledged - localWindowSize > window
  }

  #count (inflow: Inflow, coming: number): void {
    const unread = inflow.stream.readableLength + coming
    this.#unread += unread - inflow.unread
    inflow.unread = unread
  }

  #measure (): void {
    if (this.#session.destroyed) return
    this.#startRound()
    this.#ping(ROUND_TRIPS)
  }

  #ping (left: number): void {
    this.#session.ping((error) => {
      if (error === null && left > 1) return this.#ping(left - 1)
      this.#measures = false
      if (error === null) this.#evaluate()
    })
  }

  /** Only where the window is used up can a larger one bring more. */
  #evaluate (): void {
    const isHeldBack = this.#peak >= this.#size * HELD_BACK
    this.#probeBackoff = isHeldBack ? 1 : Math.min(2 * this.#probeBackoff, MAX_PROBE_BACKOFF)
    this.#startRound()
    if (isHeldBack) this.#resize(GROWTH * this.#size < this.#limit / 2 ? GROWTH * this.#size : this.#limit)
  }

  #startRound (): void {
    this.#round++
    this.#peak = 0
  }

  #shrinkToLimit (): void {
    if (this.#clientAppliesSettings && this.#size > this.#limit) this.#resize(this.#limit)
  }

  #resize (size: number): void {
    // Node destroys a session that owes more than ten acknowledgements.
    if (this.#session.destroyed || this.#session.pendingSettingsAck || size === this.#size) return

    this.#size = size
    this.#session.settings({ initialWindowSize: size }, (error) => {
      if (error === null) this.#acknowledged = size
      this.#shrinkToLimit()
    })
    clearInterval(this.#shrinking)
    if (size === this.#sizes.initial) return
    this.#total = 0
    this.#shrinking = setInterval(() => this.#shrink(), this.#idle).unref()
  }

  #shrink (): void {
    const used = this.#total >= this.#size
    this.#total = 0
    if (used || !this.#clientAppliesSettings) return
    this.#probeBackoff = 1
    this.#resize(this.#sizes.initial)
  }
}
