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
  readonly #sender: Sender
  #held: Held[] = []

  constructor (sender: Sender) {
    this.#sender = sender
    sender._socket.once('close', () => {
      for (const { callback } of this.#take()) callback?.(new FST_WS_NOT_SENT())
    })
  }

  add (held: Held): void {
    this.#held.push(held)
    addBufferedBytes(this.#sender, held.bytes)
  }

  release (): void {
    for (const held of this.#take()) held.send()
  }

  #take (): Held[] {
    const taken = this.#held
    this.#held = []
    for (const { bytes } of taken) addBufferedBytes(this.#sender, -bytes)
    return taken
  }
}
