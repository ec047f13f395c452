import hpack from 'hpack.js'

/** A field of a header block. A list, because tests repeat and misplace fields. */
export type Field = [name: string, value: string]

export type Headers = Record<string, string | string[]>

// RFC 9113 section 6.5.2: the default, which our SETTINGS never change.
const TABLE_SIZE = 4096

/** Encodes each field as a literal without indexing (RFC 7541 section 6.2.2), which needs no dynamic table. */
export function encodeFields (fields: Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), encodeString(name), encodeString(value)]))
}

function encodeString (text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([encodeLength(bytes.length), bytes])
}

/** Encodes an integer with a prefix of 7 bits (RFC 7541 section 5.1). The eighth bit means "not Huffman". */
function encodeLength (length: number): Buffer {
  if (length < 127) return Buffer.of(length)

  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>>= 7) bytes.push(128 | (rest & 127))
  return Buffer.from([...bytes, rest])
}

/** Decodes the header blocks of one connection. */
export class HeaderReader {
  readonly #decompressor = hpack.decompressor.create({ table: { maxSize: TABLE_SIZE } })

  read (block: Buffer): Headers {
    this.#decompressor.write(block)
    this.#decompressor.execute()

    const headers: Headers = {}
    for (let field = this.#decompressor.read(); field !== null; field = this.#decompressor.read()) {
      const known = headers[field.name]
      headers[field.name] = known === undefined ? field.value : [known, field.value].flat()
    }
    return headers
  }
}
