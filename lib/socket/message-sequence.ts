import { countBytes } from '../frames/count-bytes.ts'
import { copyPrivately } from '../frames/private-memory.ts'

/** Message as ws emits it. */
export type Message = [data: Buffer, isBinary: boolean]

/** Estimated memory, in bytes, of a pending message in addition to its data. It limits the number of tiny messages. */
const OVERHEAD = 128

/** Element of the linked list. The last one is empty; adding a message fills it and appends another. */
class Place {
  readonly number: number
  message: Message | undefined
  next: Place | undefined

  constructor (number: number) {
    this.number = number
  }
}

export type { Place }

/** Place of a reader that has left. A place in the list would retain all messages after it. */
export const NOWHERE = Object.freeze(new Place(0))

/**
 * Messages of a socket in the order in which they arrived, as a linked list. A reference to a place retains all
 * messages after it; the list itself retains only the messages that no consumer has received.
 */
export class MessageSequence {
  /** Place of the first message that no consumer has received. */
  first: Place
  /** Place of the next message to arrive. */
  end: Place
  /** Bytes of the messages that no consumer has received. */
  bytes = 0

  constructor () {
    this.first = this.end = new Place(0)
  }

  get isEmpty (): boolean {
    return this.first === this.end
  }

  add (message: Message): void {
    const { end } = this
    end.message = message
    this.end = end.next = new Place(end.number + 1)
    this.bytes += sizeOf(message)
  }

  /** Returns the first message, and marks it as received by a consumer. */
  receive (): Message {
    const { message, next } = this.first
    this.first = next!
    this.bytes -= sizeOf(message!)
    return message!
  }

  /**
   * Unlinks a message that all consumers have received. Otherwise a place that was promoted to the old generation would
   * retain everything linked to it until the next full garbage collection.
   */
  release (place: Place): void {
    place.message = place.next = undefined
  }

  clear (): void {
    this.first = this.end
    this.bytes = 0
  }

  /** Copies the messages that no consumer has received, so that they do not retain the chunks in which they arrived. */
  detach (): void {
    for (let place = this.first; place !== this.end; place = place.next!) place.message = toPending(place.message!)
  }
}

/** Returns a message to keep. Its data is copied, because a view would retain the whole chunk that was received. */
export function toPending ([data, isBinary]: Message): Message {
  return [Buffer.isBuffer(data) ? copyPrivately(data) : data, isBinary]
}

function sizeOf ([data]: Message): number {
  return countBytes(data) + OVERHEAD
}
