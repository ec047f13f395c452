/** As much of RFC 6455 section 5.2 as a load generator needs. */
import { randomBytes } from 'node:crypto'

const FIN = 0x80
const MASKED = 0x80
const BINARY = 2
const CLOSE = 8
const LENGTH = 0x7f
const LENGTH_FIELD = Uint8Array.from({ length: 128 }, (_, length) => ({ 126: 2, 127: 8 })[length] ?? 0)

/** A message of random bytes, as a client sends it. Masked like a browser's: ws would not unmask what has no mask. */
export function encodeMessage (bytes) {
  const mask = randomBytes(4)
  const payload = randomBytes(bytes)
  for (let at = 0; at < bytes; at++) payload[at] ^= mask[at % 4]
  return Buffer.concat([Buffer.of(FIN | BINARY), encodeLength(bytes), mask, payload])
}

function encodeLength (length) {
  if (length < 126) return Buffer.of(MASKED | length)
  const field = Buffer.alloc(9)
  if (length < 65_536) {
    field[0] = MASKED | 126
    field.writeUInt16BE(length, 1)
    return field.subarray(0, 3)
  }
  field[0] = MASKED | 127
  field.writeBigUInt64BE(BigInt(length), 1)
  return field
}

/** Says when a message has come as a whole, without looking at what is in it. */
export class MessageReader {
  #onmessage
  #header = Buffer.alloc(14)
  #known = 0
  #left = 0

  constructor (onmessage) {
    this.#onmessage = onmessage
  }

  read (chunk, at, end) {
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at)
        this.#left -= step
        at += step
      } else {
        this.#header[this.#known++] = chunk[at++]
        if (this.#known < 2 || this.#known < this.#headerLength) continue
        this.#left = this.#payloadLength
      }
      if (this.#left === 0) this.#endFrame()
    }
  }

  /** A server that echoes bytes, and knows nothing of frames, sends masks as well. */
  get #headerLength () {
    const second = this.#header[1]
    return 2 + (second & MASKED ? 4 : 0) + LENGTH_FIELD[second & LENGTH]
  }

  get #payloadLength () {
    const length = this.#header[1] & LENGTH
    if (length < 126) return length
    return length === 126 ? this.#header.readUInt16BE(2) : this.#header.readUIntBE(4, 6)
  }

  #endFrame () {
    const first = this.#header[0]
    this.#known = 0
    if ((first & 15) === CLOSE) throw new Error('the server closed the socket')
    if ((first & 15) < CLOSE && first & FIN) this.#onmessage()
  }
}
