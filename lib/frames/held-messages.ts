import { FST_WS_NOT_SENT } from '../errors.ts'
import { addBufferedBytes } from '../internals/ws.ts'
import type { Sender } from '../internals/ws.ts'

/** Message that waits, with a function that sends it. */
interface Held {
  readonly bytes: number
  readonly callback: ((error?: Error) => void) | undefined
  send (): void
}

/**
 * Prepared messages of a socket whose user is sending another message in fragments. They follow its last fragment: no
 * other message may come between them (RFC 6455 section 5.4). `bufferedAmount` includes them, so `sendLimit` applies.
 */
export class HeldMessages {
  /** Bytes of the messages. */
  bytes = 0
  readonly #sender: Sender
  #held: Held[] = []

  constructor (sender: Sender) {
    this.#sender = sender
    sender._socket.once('close', () => {
      for (const { callback } of this.#take()) {
        // A callback that throws has no effect on others.
        if (callback !== undefined) process.nextTick(callback, new FST_WS_NOT_SENT())
      }
    })
  }

  add (held: Held): void {
    this.#held.push(held)
    this.#count(held.bytes)
  }

  release (): void {
    for (const held of this.#take()) held.send()
  }

  #take (): Held[] {
    const taken = this.#held
    this.#held = []
    this.#count(-this.bytes)
    return taken
  }

  #count (bytes: number): void {
    this.bytes += bytes
    addBufferedBytes(this.#sender, bytes)
  }
}
