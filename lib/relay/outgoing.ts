/**
 * Messages that the relay has not accepted, in number and size. A relay that is down may keep all it is given: ioredis
 * has a queue without a limit. 10,000 messages are those of a second of a busy node, and need about 20 MiB in ioredis;
 * 16 MiB is also what one socket may have waiting (`sendLimit`).
 */
const MAX_PENDING_MESSAGES = 10_000
const MAX_PENDING_CHARACTERS = 16 * 1024 * 1024

/** In ms: as long as another operation of the relay may take. */
const RETRY_TIME = 30_000

/** Number and size of messages. */
export interface Amount {
  readonly messages: number
  readonly characters: number
}

/** Count of the messages that were given to a relay, and of those that it has accepted. */
export class Outgoing {
  /** Called when no message is pending any more. */
  onDrain: (() => void) | undefined
  #given: Amount = { messages: 0, characters: 0 }
  /**
   * The same, up to the last message that the relay has called back. mqemitter-mongodb calls back only the last of
   * several messages.
   */
  #accepted = this.#given
  #fullSince: number | undefined

  get given (): number {
    return this.#given.messages
  }

  get pending (): Amount {
    return {
      messages: this.#given.messages - this.#accepted.messages,
      characters: this.#given.characters - this.#accepted.characters
    }
  }

  /**
   * Returns false if another message must not be given to the relay. If it accepts none for 30 s, another one is given
   * to it: a relay that has lost its queue, with the callbacks, would be given nothing any more.
   */
  hasRoom (): boolean {
    const { messages, characters } = this.pending
    if (messages < MAX_PENDING_MESSAGES && characters < MAX_PENDING_CHARACTERS) return true
    const now = performance.now()
    this.#fullSince ??= now
    if (now - this.#fullSince < RETRY_TIME) return false
    this.#fullSince = now
    return true
  }

  /** Counts a message. Returns a function that has to be called when the relay has called back. */
  add (characters: number): () => void {
    const given = this.#given = {
      messages: this.#given.messages + 1,
      characters: this.#given.characters + characters
    }
    return () => {
      if (given.messages <= this.#accepted.messages) return
      this.#accepted = given
      this.#fullSince = undefined
      if (given === this.#given) this.onDrain?.()
    }
  }
}
