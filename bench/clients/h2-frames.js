/** HTTP/2 framing (RFC 9113) and header compression (RFC 7541), as far as the load generator needs them. */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const HEADER_SIZE = 9

export const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
export const FLAG = { ack: 1, endStream: 1, endHeaders: 4 }
export const SETTING = { enablePush: 2, initialWindowSize: 4, enableConnectProtocol: 8 }

const STATUS_200 = 0x88

export function encodeFrame (type, flags, stream, payload = Buffer.alloc(0)) {
  return Buffer.concat([encodeHeader(type, flags, stream, payload.length), payload])
}

export function encodeHeader (type, flags, stream, length) {
  const header = Buffer.alloc(HEADER_SIZE)
  header.writeUIntBE(length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return header
}

export function encodeSettings (settings) {
  const payload = Buffer.alloc(6 * settings.length)
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, 6 * index)
    payload.writeUInt32BE(value, 6 * index + 2)
  })
  return encodeFrame(TYPE.settings, 0, 0, payload)
}

export function * decodeSettings (payload) {
  for (let offset = 0; offset < payload.length; offset += 6) {
    yield [payload.readUInt16BE(offset), payload.readUInt32BE(offset + 2)]
  }
}

export function encodeWindowUpdate (stream, bytes) {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return encodeFrame(TYPE.windowUpdate, 0, stream, payload)
}

/** Encodes every field as a literal without indexing (RFC 7541 section 6.2.2), which needs no dynamic table. */
export function encodeFields (fields) {
  return Buffer.concat(Object.entries(fields).flatMap((field) => [Buffer.of(0), ...field.map(encodeString)]))
}

/** Encodes a string without Huffman coding. Strings of 127 bytes and more need a longer length, and are rejected. */
function encodeString (text) {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length >= 127) throw new Error(`too long for a header field: ${text}`)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** Returns whether the first field of a header block is ":status: 200" (RFC 7541 appendix A). */
export function beginsWithStatus200 (block) {
  return block[sizeOfTableUpdates(block)] === STATUS_200
}

/** Returns the size of the updates of the dynamic table's size at the beginning of a header block (section 6.3). */
function sizeOfTableUpdates (block) {
  let offset = 0
  while (block[offset] >> 5 === 1) {
    const isContinued = (block[offset++] & 0x1f) === 0x1f
    if (isContinued) while (block[offset++] & 0x80);
  }
  return offset
}

/** Parses frames. Passes the payload of DATA frames on as it arrives, and all other frames when they are complete. */
export class FrameReader {
  #ondata
  #onframe
  #header = Buffer.alloc(HEADER_SIZE)
  #headerBytes = 0
  #frame
  #remaining = 0

  /**
   * @param ondata receives a stream id, a chunk, and the offsets at which the payload begins and ends in it
   * @param onframe receives every frame at its end, DATA frames without their payload
   */
  constructor (ondata, onframe) {
    this.#ondata = ondata
    this.#onframe = onframe
  }

  read (chunk) {
    for (let offset = 0; offset < chunk.length;) {
      if (this.#headerBytes < HEADER_SIZE) {
        this.#header[this.#headerBytes++] = chunk[offset++]
        if (this.#headerBytes < HEADER_SIZE) continue
        this.#beginFrame()
      } else {
        const end = Math.min(offset + this.#remaining, chunk.length)
        if (this.#frame.type === TYPE.data) this.#ondata(this.#frame.stream, chunk, offset, end)
        else chunk.copy(this.#frame.payload, this.#frame.length - this.#remaining, offset, end)
        this.#remaining -= end - offset
        offset = end
      }
      if (this.#remaining > 0) continue
      this.#headerBytes = 0
      this.#onframe(this.#frame)
    }
  }

  #beginFrame () {
    const length = this.#remaining = this.#header.readUIntBE(0, 3)
    const { 3: type, 4: flags } = this.#header
    const stream = this.#header.readUInt32BE(5)
    this.#frame = { type, flags, stream, length, payload: type === TYPE.data ? undefined : Buffer.alloc(length) }
  }
}
