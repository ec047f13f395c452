/** WebSocket framing (RFC 6455 section 5.2), as far as the load generator needs it. */
import { randomBytes } from 'node:crypto'

const FIN = 0x80
const MASKED = 0x80
const LENGTH_BITS = 0x7f
const OPCODE_BITS = 0x0f
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

/** A Pong without payload, masked with zeros. Servers terminate a socket whose client never answers. */
export const PONG_FRAME = Buffer.of(FIN | PONG, MASKED, 0, 0, 0, 0)

/** Size of the extended payload length, by the value of the 7-bit length. */
const EXTENDED_LENGTH_SIZE = Uint8Array.from({ length: 128 }, (_, length) => ({ 126: 2, 127: 8 })[length] ?? 0)

/** Returns a binary message of random bytes. It is masked like a browser's, so that the server has to unmask it. */
export function encodeMessage (bytes) {
  const mask = randomBytes(4)
  const payload = randomBytes(bytes)
  for (let index = 0; index < bytes; index++) payload[index] ^= mask[index % 4]
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

/** Reports each complete message, and each Ping. Skips payloads without looking at them. */
export class MessageReader {
  #onmessage
  #onping
  #header = Buffer.alloc(14)
  #headerBytes = 0
  #remaining = 0

  constructor (onmessage, onping) {
    this.#onmessage = onmessage
    this.#onping = onping
  }

  read (chunk, offset, end) {
    while (offset < end) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, end - offset)
        this.#remaining -= step
        offset += step
      } else {
        this.#header[this.#headerBytes++] = chunk[offset++]
        if (this.#headerBytes < 2 || this.#headerBytes < this.#headerSize) continue
        this.#remaining = this.#payloadLength
      }
      if (this.#remaining === 0) this.#endFrame()
    }
  }

  /** Allows for a mask, because a server that echoes raw bytes also returns the client's masks. */
  get #headerSize () {
    const second = this.#header[1]
    return 2 + (second & MASKED ? 4 : 0) + EXTENDED_LENGTH_SIZE[second & LENGTH_BITS]
  }

  get #payloadLength () {
    const length = this.#header[1] & LENGTH_BITS
    if (length < 126) return length
    return length === 126 ? this.#header.readUInt16BE(2) : this.#header.readUIntBE(4, 6)
  }

  #endFrame () {
    const first = this.#header[0]
    const opcode = first & OPCODE_BITS
    this.#headerBytes = 0
    if (opcode === CLOSE) throw new Error('the server closed the socket')
    if (opcode === PING) this.#onping()
    if (opcode < CLOSE && first & FIN) this.#onmessage()
  }
}
