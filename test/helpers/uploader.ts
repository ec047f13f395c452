import { DEFAULT_WINDOW, MAX_FRAME_SIZE, SETTINGS_INITIAL_WINDOW_SIZE } from './h2-frames.ts'
import type { FrameClient } from './h2-frames.ts'

/** Sends on the streams of a client as much as the server's windows allow (RFC 9113 section 6.9). */
export class Uploader {
  readonly #client: FrameClient
  readonly #sent = new Map<number, number>()
  readonly #initial: number | undefined

  /** @param initial the first window of each stream if later SETTINGS do not change it, which is so in Firefox */
  constructor (client: FrameClient, initial?: number) {
    this.#client = client
    this.#initial = initial
  }

  get connectionWindow (): number {
    return DEFAULT_WINDOW + this.#client.increments(0) - this.#sentOn(0)
  }

  /** Sends all bytes, and waits for the windows to open where it has to. */
  async send (streamId: number, bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      await this.#client.until(() => this.#window(streamId) > 0 || undefined)
      rest = rest.subarray(this.#sendNow(streamId, rest))
    }
  }

  /** Sends pieces on several streams in one write: one TCP segment, if they fit into one. */
  async sendBatch (...pieces: Array<[streamId: number, bytes: Buffer]>): Promise<void> {
    for (const [streamId, { length }] of pieces) {
      await this.#client.until(() => this.#window(streamId) >= length || undefined)
    }
    this.#client.batch(() => { for (const [streamId, bytes] of pieces) this.#sendNow(streamId, bytes) })
  }

  /** Sends until the window stays closed. Returns the number of bytes sent. */
  async sendWhatFits (streamId: number, bytes: Buffer, limit = Infinity): Promise<number> {
    let sent = 0
    for (let now = -1; now !== 0 && sent < limit;) {
      now = this.#sendNow(streamId, bytes.subarray(sent))
      sent += now
      await this.#client.roundTrip()
    }
    return sent
  }

  #sendNow (streamId: number, bytes: Buffer): number {
    const length = Math.min(bytes.length, this.#window(streamId))
    for (let at = 0; at < length; at += MAX_FRAME_SIZE) {
      this.#client.data(streamId, bytes.subarray(at, Math.min(length, at + MAX_FRAME_SIZE)))
    }
    for (const id of [0, streamId]) this.#sent.set(id, this.#sentOn(id) + Math.max(0, length))
    return Math.max(0, length)
  }

  #window (streamId: number): number {
    const initial = this.#initial ?? this.#client.setting(SETTINGS_INITIAL_WINDOW_SIZE) ?? DEFAULT_WINDOW
    const window = initial + this.#client.increments(streamId) - this.#sentOn(streamId)
    return Math.min(window, this.connectionWindow)
  }

  #sentOn (streamId: number): number {
    return this.#sent.get(streamId) ?? 0
  }
}
