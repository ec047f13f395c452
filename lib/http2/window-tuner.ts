import type { Http2Session, Http2Stream } from 'node:http2'
import { setImmediate } from 'node:timers'
import type { ReceiveWindowSizes } from '../options/receive-window.ts'
import type { AccountedStream, ReceiveBudget } from './receive-budget.ts'

/**
 * Node before 26 reads nothing from a connection while a write to it waits. If both ends do so, and more is in flight
 * than the kernel's buffers hold, both wait indefinitely: seen from 6 MiB on, never at 4.
 */
const MAX_CONNECTION_WINDOW = (Number(process.versions.node.split('.')[0]) < 26 ? 4 : 32) * 1024 * 1024

/** PINGs of a round. A client may answer the first one ahead of data that the window has just allowed. */
const ROUND_TRIPS = 2

/**
 * Fraction of a window that a stream receives in a round, at least, if the window limits it. Node returns windows by
 * halves, so it is half of the window, less a margin for data that arrives late.
 */
const HELD_BACK = 0.45

/** Factor of growth: 64 KiB become 16 MiB in four rounds. */
const GROWTH = 4

/** Largest factor by which the next round is delayed after rounds in which the window was wide enough. */
const MAX_PROBE_BACKOFF = 16

/**
 * Limit of growth for a client that has not been seen to apply new settings. Contrary to RFC 9113 section 6.9.2,
 * Firefox does not change the windows of open WebSocket streams when SETTINGS change (seen with 153). Node returns a
 * window when half of its new size was read: in time for such a client up to twice the old size, and never above that.
 * SLACK keeps the size a little below twice: a client that the window limits sends exactly what it may, and has to be
 * seen to have sent more than Node has returned.
 */
const GROWTH_FOR_ALL = 2
const SLACK = 1024

/** Time, in ms, after which unused windows shrink. */
const IDLE = 10_000

/** Stream whose received bytes are measured. */
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
 * Sizes the receive windows of one HTTP/2 session (RFC 9113 section 6.9). With the initial size, 64 KiB, an upload is
 * limited to 64 KiB per round trip. Like TCP, the tuner measures how much the path allows:
 *
 * 1. A stream that receives at least half of its window since the last round starts a round: two PINGs, one after the
 *    other. Only bytes that are consumed immediately count; a slow reader starts no round.
 * 2. The peak of a round is what its busiest stream received. If that is less than 0.45 of the window, the window is
 *    wide enough: the next round starts after twice as much data, up to 16 times.
 * 3. Otherwise the window limits the stream, and the round ends as soon as that is seen. All windows become 4 times as
 *    large (SETTINGS_INITIAL_WINDOW_SIZE), up to a limit.
 * 4. The limit is `receiveWindow.max`, or less: if every open stream stalls now, half of the rest of `sessionBudget`
 *    stays free for streams that the client opens before it has received smaller windows.
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
  readonly #onResize: (size: number, previous: number) => void
  readonly #idle: number
  #size: number
  /** Size that the client has acknowledged. */
  #acknowledged: number
  /** True once a socket was seen to have received more than the window that it was opened with. */
  #clientAppliesSettings = false
  #round = 0
  #peak = 0
  #isMeasuring = false
  /** The round that is measured, until it is known to end early. */
  #measured = -1
  #probeBackoff = 1
  /** Bytes read since the windows changed, or since they were last checked for use. */
  #total = 0
  #shrinking: NodeJS.Timeout | undefined

  /**
   * @param onResize called with the new size and the previous one, in bytes
   * @param idle time, in ms, after which windows that were not used shrink
   */
  constructor (
    session: Http2Session, sizes: ReceiveWindowSizes, budget: ReceiveBudget,
    onResize: (size: number, previous: number) => void = () => {}, idle = IDLE
  ) {
    this.#session = session
    this.#sizes = sizes
    this.#budget = budget
    this.#onResize = onResize
    this.#idle = idle
    this.#size = sizes.initial
    this.#acknowledged = sizes.initial
    session.once('close', () => clearInterval(this.#shrinking))
  }

  /** Window of each stream, in bytes, as soon as the client has received it. */
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

  /** Measures a chunk that is consumed immediately. */
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
    if (this.#isMeasuring) this.#endEarly()
    else if (this.#peak * 2 >= this.#size * this.#probeBackoff && this.#size < this.#limit) {
      this.#isMeasuring = true
      this.#measured = this.#startRound()
      setImmediate(() => this.#measure())
    }
  }

  get #limit (): number {
    const { initial, max } = this.#sizes
    const most = this.#clientAppliesSettings ? max : Math.min(max, GROWTH_FOR_ALL * initial - SLACK)
    return Math.max(initial, Math.min(most, Math.floor(this.#budget.available / 2 / this.#budget.size)))
  }

  /**
   * Returns whether a socket has received more than the window that it was opened with, before any of it was returned
   * (Node returns this chunk later). The windows of streams without a socket are no evidence.
   */
  #exceedsOldWindow ({ stream, window, isSocket }: MeasuredStream): boolean {
    if (!isSocket || window >= this.#acknowledged) return false
    const { localWindowSize = this.#acknowledged } = stream.state
    return this.#acknowledged - localWindowSize > window
  }

  #measure (): void {
    if (!this.#session.destroyed && this.#measured === this.#round) this.#ping(ROUND_TRIPS, this.#round)
  }

  #ping (left: number, round: number): void {
    this.#session.ping((error) => {
      // A listener may have destroyed the session while Node reads: the answer can be behind the data in one chunk.
      if (this.#round !== round) return
      if (error !== null || this.#session.destroyed) this.#isMeasuring = false
      else if (left > 1) this.#ping(left - 1, round)
      else this.#evaluate()
    })
  }

  /** Ends a round as soon as a stream has received enough. Two round trips are the most that it may take. */
  #endEarly (): void {
    if (this.#round !== this.#measured || this.#peak < this.#size * HELD_BACK) return
    this.#measured = -1
    setImmediate((round) => { if (!this.#session.destroyed && this.#round === round) this.#evaluate() }, this.#round)
  }

  #evaluate (): void {
    const isHeldBack = this.#peak >= this.#size * HELD_BACK
    this.#isMeasuring = false
    this.#probeBackoff = isHeldBack ? 1 : Math.min(2 * this.#probeBackoff, MAX_PROBE_BACKOFF)
    this.#startRound()
    if (isHeldBack) this.#resize(GROWTH * this.#size < this.#limit / 2 ? GROWTH * this.#size : this.#limit)
  }

  #startRound (): number {
    this.#peak = 0
    return ++this.#round
  }

  #resize (size: number): void {
    // Node destroys a session that has more than ten SETTINGS unacknowledged.
    if (this.#session.destroyed || this.#session.pendingSettingsAck || size === this.#size) return

    const previous = this.#size
    this.#size = size
    this.#session.settings({ initialWindowSize: size }, (error) => {
      if (error === null) this.#acknowledged = size
      this.shrinkToLimit()
    })
    this.#onResize(size, previous)
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
