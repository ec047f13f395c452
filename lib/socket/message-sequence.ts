import { copyPrivately } from '../frames/private-memory.ts'

export type Message = [data: Buffer, isBinary: boolean]

/** Cost, in bytes, of holding a message in addition to its data, so that many tiny ones count for what they take. */
const OVERHEAD = 128

/** A place in the sequence of messages. The last one is empty; the next message fills it and adds another. */
class Place {
  readonly number: number
  message: Message | undefined
  next: Place | undefined

  constructor (number: number) {
    this.number = number
  }
}

export type { Place }

/** The place of a reader that has left. Any other would keep all messages that come after it. */
export const NOWHERE = Object.freeze(new Place(0))

/**
 * The messages of a socket in the order in which they came, as a linked list. Whoever holds a place of it keeps what
 * comes after that; the list itself keeps only what nobody has received.
 */
export class MessageSequence {
  /** The place of the first message that nobody has received. */
  first: Place
  /** The place of the next message that arrives. */
  end: Place
  /** Bytes of the messages that nobody has received. */
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

  /** Has the first message received by somebody. */
  receive (): Message {
    const { message, next } = this.first
    this.first = next!
    this.bytes -= sizeOf(message!)
    return message!
  }

  /**
   * Unlinks a message that everybody has received. Garbage that was moved to the old generation would keep all that is
   * linked to it, up to the next full collection.
   */
  release (place: Place): void {
    place.message = place.next = undefined
  }

  clear (): void {
    this.first = this.end
    this.bytes = 0
  }

  /** Frees the messages that nobody has received from the chunks that they came in. */
  detach (): void {
    for (let place = this.first; place !== this.end; place = place.next!) place.message = toPending(place.message!)
  }
}

/** A view of what the connection received would keep all of that alive. */
export function toPending ([data, isBinary]: Message): Message {
  return [Buffer.isBuffer(data) ? copyPrivately(data) : data, isBinary]
}

function sizeOf ([data]: Message): number {
  return countBytes(data) + OVERHEAD
}

/** The type of a message's data is that of `binaryType`. */
function countBytes (data: Buffer | Buffer[] | ArrayBuffer | Blob): number {
  if (Array.isArray(data)) return data.reduce((sum, each) => sum + each.length, 0)
  return data instanceof Blob ? data.size : data.byteLength
}
