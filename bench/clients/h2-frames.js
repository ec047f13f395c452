/** As much of RFC 9113 and RFC 7541 as a load generator needs. */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const HEADER = 9

export const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
export const FLAG = { ack: 1, endStream: 1, endHeaders: 4 }
export const SETTING = { enablePush: 2, initialWindowSize: 4, enableConnectProtocol: 8 }

export function encodeFrame (type, flags, stream, payload = Buffer.alloc(0)) {
  return Buffer.concat([encodeHeader(type, flags, stream, payload.length), payload])
}

export function encodeHeader (type, flags, stream, length) {
  const header = Buffer.alloc(HEADER)
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
  for (let at = 0; at < payload.length; at += 6) yield [payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]
}

export function encodeWindowUpdate (stream, bytes) {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return encodeFrame(TYPE.windowUpdate, 0, stream, payload)
}

/** Every field as a literal without indexing (RFC 7541 section 6.2.2): nothing to remember. */
export function encodeFields (fields) {
  return Buffer.concat(Object.entries(fields).flatMap((field) => [Buffer.of(0), ...field.map(encodeString)]))
}

/** Without Huffman, and short: 127 bytes and more would take a length of several bytes. */
function encodeString (text) {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length >= 127) throw new Error(`too long for a field: ${text}`)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** Hands on DATA as it comes, every other frame as a whole. */
export class FrameReader {
  #ondata
  #onframe
  #header = Buffer.alloc(HEADER)
  #known = 0
  #frame
  #left = 0

  constructor (ondata, onframe) {
    this.#ondata = ondata
    this.#onframe = onframe
  }

  read (chunk) {
    for (let at = 0; at < chunk.length;) {
      if (this.#known < HEADER) {
        this.#header[this.#known++] = chunk[at++]
        if (this.#known < HEADER) continue
        this.#begin()
      } else {
        const end = Math.min(at + this.#left, chunk.length)
        if (this.#frame.type === TYPE.data) this.#ondata(this.#frame.stream, chunk, at, end)
        else chunk.copy(this.#frame.payload, this.#frame.length - this.#left, at, end)
        this.#left -= end - at
        at = end
      }
      if (this.#left > 0) continue
      this.#known = 0
      this.#onframe(this.#frame)
    }
  }

  #begin () {
    const length = this.#left = this.#header.readUIntBE(0, 3)
    const { 3: type, 4: flags } = this.#header
    const stream = this.#header.readUInt32BE(5)
    this.#frame = { type, flags, stream, length, payload: type === TYPE.data ? undefined : Buffer.alloc(length) }
  }
}
