import type { FrameClient } from '../helpers/h2-frames.ts'

const STREAMS_PER_SESSION = 40

/** A client that many runs share. A new session replaces it after some streams. */
export class SharedSession {
  readonly #open: () => Promise<FrameClient>
  #client: FrameClient | undefined
  #streamId = 1

  constructor (open: () => Promise<FrameClient>) {
    this.#open = open
  }

  async client (): Promise<FrameClient> {
    if (this.#client === undefined || this.#streamId > 2 * STREAMS_PER_SESSION) {
      this.#client?.destroy()
      this.#client = await this.#open()
      this.#streamId = 1
    }
    return this.#client
  }

  /** Returns the id of the next stream of the current session. */
  nextStreamId (): number {
    const id = this.#streamId
    this.#streamId += 2
    return id
  }
}
