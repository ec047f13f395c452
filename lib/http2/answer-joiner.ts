import type { Writable } from 'node:stream'
import { setImmediate } from 'node:timers'

/** Smallest number of writes that wait at once. ws makes two of one message: its header and its payload. */
const SEVERAL = 3

/** Size, in bytes, up to which a write is small: joining saves little of the cost of larger ones. */
const SMALL = 1024

/** Receive side of a stream whose answers may be joined. */
export interface AnsweringStream {
  readonly stream: Pick<Writable, 'cork' | 'uncork'>
  /** True if the peer sends the next messages without waiting for answers. */
  isPipelined: boolean
  /** Chunks received in this turn of the event loop, while the stream is corked. */
  chunks: number
}

/**
 * Joins what a stream sends in one turn of the event loop, if its peer sends several messages without waiting for
 * answers. Node sends the first answer as soon as it has read a TLS record. The others wait until that is done, and
 * leave in a second record, with a system call of its own. The peer then sends two records, too, and so on. A corked
 * stream answers all of them in one record.
 *
 * Other streams are not corked: it would cost them more, and delay what they send.
 */
export class AnswerJoiner {
  #corked: AnsweringStream[] = []

  /** Called with a pipelined stream before each of its chunks is delivered. */
  add (receiver: AnsweringStream): void {
    if (receiver.chunks++ > 0) return
    receiver.stream.cork()
    if (this.#corked.length === 0) setImmediate(uncork, this)
    this.#corked.push(receiver)
  }

  /** Sends the answers of this turn. */
  uncork (): void {
    const corked = this.#corked
    this.#corked = []
    for (const receiver of corked) {
      receiver.isPipelined = receiver.chunks > 1
      receiver.chunks = 0
      receiver.stream.uncork()
    }
  }
}

/**
 * Returns whether writes that waited at once are answers to several messages, and small.
 *
 * @param size of all of them, in bytes
 */
export function areSeveralAnswers (writes: number, size: number): boolean {
  return writes >= SEVERAL && size <= writes * SMALL
}

function uncork (joiner: AnswerJoiner): void {
  joiner.uncork()
}
