import { SETTINGS_INITIAL_WINDOW_SIZE } from './h2-frames.ts'
import type { FrameClient } from './h2-frames.ts'

const MAX_FRAME_SIZE = 16384
const DEFAULT_WINDOW = 65_535

/** Sends on the streams of a client as much as the server's windows let through (RFC 9113 section 6.9). */
export class Uploader {
  readonly #client: FrameClient
  readonly #sent = new Map<number, number>()
  readonly #initial: number | undefined

  /** @param initial what each stream's window is at first, whatever SETTINGS say later, as it is with Firefox */
  constructor (client: FrameClient, initial?: number) {
    this.#client = client
    this.#initial = initial
  }

  get connectionWindow (): number {
    return DEFAULT_WINDOW + this.#client.increments(0) - this.#sentOn(0)
  }

  /** Sends it all, waiting for windows to open. */
  async send (streamId: number, bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      await this.#client.until(() => this.#window(streamId) > 0 || undefined)
      rest = rest.subarray(this.#sendNow(streamId, rest))
    }
  }

  /** Sends pieces on several streams in one TCP segment, where it fits into one. */
  async sendTogether (...pieces: Array<[streamId: number, bytes: Buffer]>): Promise<void> {
    for (const [streamId, { length }] of pieces) {
      await this.#client.until(() => this.#window(streamId) >= length || undefined)
    }
    this.#client.together(() => { for (const [streamId, bytes] of pieces) this.#sendNow(streamId, bytes) })
  }

  /** Sends until the window is closed, and stays so. Returns how much it was. */
  async sendWhatFits (streamId: number, bytes: Buffer, limit = Infinity): Promise<number> {
    let sent = 0
    for (let now = -1; now !== 0 && sent < limit;) {
      now = this.#sendNow(streamId, bytes.subarray(sent))
      sent += now
      await this.#client.settled()
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
