import { FST_WS_INVALID_RESPONSE } from '../errors.ts'
import { FIELD_LINE } from './header-fields.ts'

/**
 * Limits of a head: its size in bytes, twice that of Node's HTTP clients, and its fields, as many as Node's parser
 * reads. Node closes the HTTP/2 session of a larger response: nghttp2 sends no list of fields that may have more than
 * 64 KiB, and counts 12 bytes more for each field.
 */
const MAX_SIZE = 32 * 1024
const MAX_FIELDS = 2000

/** Limit of the characters of a malformed line that an error quotes. */
const MAX_QUOTED = 80

const PROTOCOL = 'HTTP/1.'

const NOTHING = Buffer.alloc(0)

const END_OF_HEAD = /\r?\n\r?\n/

/** RFC 9112 section 4. */
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/

const SWITCHING_PROTOCOLS = 101

/** Head of an HTTP/1.1 response, as Latin-1: a character for each byte. */
export interface ResponseHead {
  text: string
  status: number
  /** The bytes that were written with the head, behind it. */
  rest: Buffer
}

/** Reader of the response that a listener for 'upgrade' writes, in any number of writes. */
export class ResponseHeadReader {
  readonly #url: string
  #bytes: Buffer = NOTHING

  constructor (url: string) {
    this.#url = url
  }

  /**
   * Reads the next bytes. Interim responses (RFC 9110 section 15.2) are skipped.
   *
   * @returns the head, once it is complete
   * @throws FST_WS_INVALID_RESPONSE if the bytes cannot be the head of an HTTP/1.1 response
   */
  read (chunk: Buffer): ResponseHead | undefined {
    // A copy: whoever wrote the chunk may reuse its memory.
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    for (;;) {
      const head = this.#next()
      if (head === undefined || head.status >= 200 || head.status === SWITCHING_PROTOCOLS) return head
      this.#bytes = head.rest
    }
  }

  #next (): ResponseHead | undefined {
    const text = this.#bytes.toString('latin1', 0, MAX_SIZE)
    const end = END_OF_HEAD.exec(text)
    if (end === null) {
      if (!isBeginning(text)) throw this.#invalid(text)
      if (text.length === MAX_SIZE) throw this.#tooLarge(`${MAX_SIZE} bytes`)
      return undefined
    }
    const [statusLine, ...fieldLines] = text.slice(0, end.index).split(/\r?\n/) as [string, ...string[]]
    const [, status] = STATUS_LINE.exec(statusLine) ?? []
    if (status === undefined) throw this.#invalid(statusLine)
    const malformed = fieldLines.find((line) => !FIELD_LINE.test(line))
    if (malformed !== undefined) throw this.#invalid(malformed)
    if (fieldLines.length > MAX_FIELDS) throw this.#tooLarge(`${MAX_FIELDS} fields`)
    return {
      text: `${[statusLine, ...fieldLines].join('\r\n')}\r\n\r\n`,
      status: Number(status),
      rest: this.#bytes.subarray(end.index + end[0].length)
    }
  }

  #tooLarge (limit: string): Error {
    return new FST_WS_INVALID_RESPONSE(this.#url, `one of more than ${limit}`)
  }

  #invalid (line: string): Error {
    return new FST_WS_INVALID_RESPONSE(this.#url, JSON.stringify(line.slice(0, MAX_QUOTED)))
  }
}

/** Returns whether text may be the beginning of a response. */
function isBeginning (text: string): boolean {
  return text.startsWith(PROTOCOL.slice(0, text.length))
}
