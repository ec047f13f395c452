import type { Http2Session, Http2Stream } from 'node:http2'
import { setImmediate } from 'node:timers'
import type { ReceiveWindowSizes } from '../options/receive-window.ts'
import type { AccountedStream, ReceiveBudget } from './receive-budget.ts'

/**
 * Node before 26 reads nothing from a connection while a write to it waits. If both ends do so, and more is in flight
 * than the kernel's buffers hold, both wait indefinitely: seen from 6 MiB on, never at 4.
 */
const MAX_CONNECTION_WINDOW = (Number(process.versions.node.split('.')[0]) < 26 ? 4 : 32) * 1024 * 1024

/** A client may answer a PING ahead of the data that a window has just let through, so a round takes two of them. */
const ROUND_TRIPS = 2

/**
 * The part of a window that a stream held back by it receives in a round, at least: Node returns windows by halves, so
 * half of the window, less what arrives late.
 */
const HELD_BACK = 0.45

/** A step of growth; 4 reaches 16 MiB from 64 KiB in four rounds. */
const GROWTH = 4

/** How many times as much data a round waits for, at most, after rounds that found windows wide enough. */
const MAX_PROBE_BACKOFF = 16

/**
 * Growth for a client that has not been seen to apply new settings. Against RFC 9113 section 6.9.2, Firefox does not
 * change the windows of open WebSocket streams when SETTINGS change (seen with 153). Node returns a window by halves of
 * its new size, so such a client gets it back in time up to twice the old size, and would wait indefinitely past that.
 * A little less than twice: a client that is held back sends just what it may, and must be seen to have sent more than
 * it gets back.
 */
const GROWTH_FOR_ALL = 2
const SLACK = 1024

/** Time, in ms, after which windows that were not used shrink. */
const IDLE = 10_000

/** A stream whose received bytes are measured. */
export interface MeasuredStream extends AccountedStream {
  readonly stream: Http2Stream
  readonly window: number
  readonly isSocket: boolean
  /** Bytes received and read in a round. */
  bytes: number
  /** The round that `bytes` belongs to. */
  round: number
}

/**
 * Sizes the receive windows of one HTTP/2 session (RFC 9113 section 6.9). With the initial size an upload receives 64
 * KiB per round trip, where TCP finds out how much the path allows. The tuner does the same:
 *
 * 1. A stream that receives at least half of its window since the last look starts a round: two PINGs, one after the
 *    other. Only bytes that are read immediately count; a slow reader starts no round.
 * 2. The peak of a round is what its busiest stream received. If that is less than 0.45 of the window, the window is
 *    wide enough: the next round starts after twice as much data, up to 16 times.
 * 3. Otherwise the window holds the stream back. All windows grow by 4 (SETTINGS_INITIAL_WINDOW_SIZE), up to a limit.
 * 4. The limit is `receiveWindow.max`, or less: if every open stream stalls now, half of what is left of
 *    `sessionBudget` stays free for streams that the client opens before it has received smaller windows.
 * 5. Until a client has been seen to apply new settings to a stream that was open, the limit is twice the initial size.
 * 6. When streams open and the limit falls below the window, windows shrink to the limit.
 * 7. After 10 s in which less than one window was received, windows shrink to their initial size.
 *
 * Only a stream's window costs memory: Node returns the connection's window when data arrives, and a stream's when it
 * is read.
 */
export class WindowTuner {
  readonly #session: Http2Session
  readonly #sizes: ReceiveWindowSizes
  readonly #budget: ReceiveBudget
  readonly #idle: number
  #size: number
  /** The size that the client has acknowledged. */
  #acknowledged: number
  /** Whether a socket was seen to have received more than the window that it was opened with. */
  #clientAppliesSettings = false
  #round = 0
  #peak = 0
  #isMeasuring = false
  #probeBackoff = 1
  /** Bytes read since windows last changed, or since the last look whether they are idle. */
  #total = 0
  #shrinking: NodeJS.Timeout | undefined

  /** @param idle time, in ms, after which windows that were not used shrink */
  constructor (session: Http2Session, sizes: ReceiveWindowSizes, budget: ReceiveBudget, idle = IDLE) {
    this.#session = session
    this.#sizes = sizes
    this.#budget = budget
    this.#idle = idle
    this.#size = sizes.initial
    this.#acknowledged = sizes.initial
    session.once('close', () => clearInterval(this.#shrinking))
  }

  /** The window, in bytes, that each stream has, or will have once the client has received it. */
  get size (): number {
    return this.#size
  }

  /** Opens the window of the connection as wide as those of the streams may become. */
  openConnection (): void {
    const size = Math.min(2 * this.#sizes.max, MAX_CONNECTION_WINDOW)
    if (size > (this.#session.state.effectiveLocalWindowSize ?? 0)) this.#session.setLocalWindowSize(size)
  }

  /** Shrinks the windows if there are too many streams for their size. */
  shrinkToLimit (): void {
    if (this.#clientAppliesSettings && this.#size > this.#limit) this.#resize(this.#limit)
  }

  /** Measures a chunk that is read immediately. */
  read (stream: MeasuredStream, bytes: number): void {
    if (stream.unread > 0) this.#budget.recount(stream)
    if (stream.round !== this.#round) {
      stream.round = this.#round
      stream.bytes = 0
    }
    stream.bytes += bytes
    this.#total += bytes
    if (!this.#clientAppliesSettings) this.#clientAppliesSettings = this.#exceedsOldWindow(stream)
    if (stream.bytes <= this.#peak) return

    this.#peak = stream.bytes
    if (!this.#isMeasuring && this.#peak * 2 >= this.#size * this.#probeBackoff && this.#size < this.#limit) {
      this.#isMeasuring = true
      setImmediate(() => this.#measure())
    }
  }

  get #limit (): number {
    const { initial, max } = this.#sizes
    const most = this.#clientAppliesSettings ? max : Math.min(max, GROWTH_FOR_ALL * initial - SLACK)
    return Math.max(initial, Math.min(most, Math.floor(this.#budget.available / 2 / this.#budget.size)))
  }

  /**
   * Returns whether a socket has received more than the window that it was opened with, and has not returned it: Node
   * returns this chunk later. How a client treats other streams says nothing.
   */
  #exceedsOldWindow ({ stream, window, isSocket }: MeasuredStream): boolean {
    if (!isSocket || window >= this.#acknowledged) return false
    const { localWindowSize = this.#acknowledged } = stream.state
    return this.#acknowledged - localWindowSize > window
  }

  #measure (): void {
    if (this.#session.destroyed) return
    this.#startRound()
    this.#ping(ROUND_TRIPS)
  }

  #ping (left: number): void {
    this.#session.ping((error) => {
      if (error === null && left > 1) return this.#ping(left - 1)
      this.#isMeasuring = false
      if (error === null) this.#evaluate()
    })
  }

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

  #resize (size: number): void {
    // Node destroys a session that has more than ten SETTINGS unacknowledged.
    if (this.#session.destroyed || this.#session.pendingSettingsAck || size === this.#size) return

    this.#size = size
    this.#session.settings({ initialWindowSize: size }, (error) => {
      if (error === null) this.#acknowledged = size
      this.shrinkToLimit()
    })
    clearInterval(this.#shrinking)
    if (size === this.#sizes.initial) return
    this.#total = 0
    this.#shrinking = setInterval(() => this.#shrinkIfIdle(), this.#idle).unref()
  }

  #shrinkIfIdle (): void {
    const isUsed = this.#total >= this.#size
    this.#total = 0
    if (isUsed || !this.#clientAppliesSettings) return
    this.#probeBackoff = 1
    this.#resize(this.#sizes.initial)
  }
}
