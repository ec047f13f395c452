import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { FST_WS_INVALID_HEADER } from '../errors.ts'

// RFC 9113 section 8.2.2: connection-specific fields have no place in HTTP/2. The rest describe a body, and a refusal
// goes out without one: a body makes Firefox open another connection for its next socket.
export const NOT_FOR_STREAMS = new Set([
  'connection', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade',
  'content-encoding', 'content-length', 'content-type', 'trailer'
])

// RFC 9110 sections 5.1, 5.5 and 5.6.2, as Node has it for any response: characters beyond ASCII are one byte each.
const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/
/** What ws says of the connection. */
const UPGRADE_LINES = ['Upgrade: websocket', 'Connection: Upgrade']
const STATUS_LINE = /^HTTP\/1\.1 101 [\x20-\x7e]*$/

// What the handshake itself decides. A hook that sets one of these means some other answer.
const NOT_FOR_HOOKS = new Set([
  ...NOT_FOR_STREAMS, 'date',
  'sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-protocol', 'sec-websocket-version'
])

/**
 * The lines of a head that ws is about to write, to which listeners of 'headers' may have added anything. What they say
 * of the connection or of a body, which a 101 has not, is left out.
 *
 * @throws FST_WS_INVALID_HEADER where a line is none, or could break out of the head
 */
export function validateHead ([statusLine, ...fieldLines]: readonly unknown[]): string[] {
  if (!matches(STATUS_LINE, statusLine)) throw new FST_WS_INVALID_HEADER(String(statusLine))
  const lines = [statusLine]
  for (const line of fieldLines) {
    const [name] = String(line).split(':', 1) as [string]
    if (!matches(FIELD_LINE, line)) throw new FST_WS_INVALID_HEADER(name)
    if (UPGRADE_LINES.includes(line) || !NOT_FOR_STREAMS.has(name.toLowerCase())) lines.push(line)
  }
  return lines
}

/**
 * The fields of a refusal of `verifyClient`, as one list of names and values. What describes its connection, and the
 * length of its body, is not the user's to say.
 *
 * @param length of the body, which is HTML unless the headers have another type
 * @throws FST_WS_INVALID_HEADER
 */
export function toRefusalFields (headers: OutgoingHttpHeaders, length: number): string[] {
  const fields = ['Content-Length', String(length)]
  let type = 'text/html'
  for (const [name, value] of eachField(headers)) {
    const lower = name.toLowerCase()
    if (lower !== 'content-type' && NOT_FOR_STREAMS.has(lower)) continue
    checkField(name, value)
    if (lower === 'content-type') type = value
    else fields.push(name, value)
  }
  return [...fields, 'Content-Type', type]
}

/**
 * The lines that hooks add to the answer, in the form of HTTP/1.1.
 *
 * @throws FST_WS_INVALID_HEADER where a name or value could break out of its line
 */
export function toHeaderLines (headers: OutgoingHttpHeaders): string[] {
  const lines: string[] = []
  for (const [name, value] of eachField(headers)) {
    if (NOT_FOR_HOOKS.has(name.toLowerCase())) continue
    checkField(name, value)
    lines.push(`${name}: ${value}`)
  }
  return lines
}

/**
 * Fields with one value each, but for Set-Cookie: RFC 9110 section 5.3 lets a gateway combine the lines of a field so.
 */
export function combineValues (
  fields: Readonly<Record<string, number | string | string[] | undefined>>
): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => {
    return [name, Array.isArray(value) && name !== 'set-cookie' ? value.filter((each) => each !== '').join(', ') : value]
  }))
}

/** A field that has several values is there as often. */
export function * eachField (headers: OutgoingHttpHeaders): Generator<[name: string, value: string]> {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    for (const each of [value].flat()) yield [name, String(each)]
  }
}

function checkField (name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch (cause) {
    throw Object.assign(new FST_WS_INVALID_HEADER(name), { cause })
  }
}

function matches (pattern: RegExp, value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value)
}
