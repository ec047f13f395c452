import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { FST_WS_INVALID_HEADER } from '../errors.ts'

/**
 * Fields that are not sent over HTTP/2. Connection-specific fields are not allowed (RFC 9113 section 8.2.2). The others
 * describe a body, and a refusal is sent without one: a body makes Firefox open another connection for its next socket.
 */
export const NOT_FOR_STREAMS = new Set([
  'connection', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade',
  'content-encoding', 'content-length', 'content-type', 'trailer'
])

/** RFC 9110 sections 5.1, 5.5 and 5.6.2, like Node for any response: characters beyond ASCII are one byte each. */
export const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/
/** Connection-specific fields of ws's 101 response. */
const UPGRADE_LINES = ['Upgrade: websocket', 'Connection: Upgrade']
const STATUS_LINE = /^HTTP\/1\.1 101 [\x20-\x7e]*$/

// Fields that the handshake sets. If a hook sets one of these, it is meant for a response other than the handshake's.
const NOT_FOR_HOOKS = new Set([
  ...NOT_FOR_STREAMS, 'date',
  'sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-protocol', 'sec-websocket-version'
])

/**
 * Returns the lines of a response head that ws is about to write. Listeners of 'headers' may have added anything: lines
 * that describe the connection, or a body, which a 101 does not have, are omitted.
 *
 * @throws FST_WS_INVALID_HEADER if a line is malformed, which includes any line break within it
 */
export function validateHead (head: readonly unknown[]): string[] {
  const [statusLine] = head
  if (!matches(STATUS_LINE, statusLine)) throw new FST_WS_INVALID_HEADER(String(statusLine))
  const lines = [statusLine]
  for (let index = 1; index < head.length; index++) {
    const line = head[index]
    if (!matches(FIELD_LINE, line)) throw new FST_WS_INVALID_HEADER(nameOf(String(line)))
    if (UPGRADE_LINES.includes(line) || !NOT_FOR_STREAMS.has(nameOf(line).toLowerCase())) lines.push(line)
  }
  return lines
}

/**
 * Returns the header fields of a refusal by `verifyClient`, as one list of names and values. The user's fields for the
 * connection and for the length of the body are omitted.
 *
 * @param length bytes of the body, which is HTML unless the headers have another type
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
 * Returns the headers that hooks set, as HTTP/1.1 field lines. Fields that the handshake sets are omitted.
 *
 * @throws FST_WS_INVALID_HEADER if a name or value has invalid characters, such as a line break
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
 * Returns the fields with the values of each one combined, as RFC 9110 section 5.3 allows a gateway to. The values of
 * Set-Cookie stay separate.
 */
export function combineValues (
  fields: Readonly<Record<string, number | string | string[] | undefined>>
): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => {
    return [name, Array.isArray(value) && name !== 'set-cookie' ? value.filter((each) => each !== '').join(', ') : value]
  }))
}

/** Yields one name and value for each value of each field. */
export function * eachField (headers: OutgoingHttpHeaders): Generator<[name: string, value: string]> {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    for (const single of [value].flat()) yield [name, String(single)]
  }
}

function nameOf (line: string): string {
  const colon = line.indexOf(':')
  return colon === -1 ? line : line.slice(0, colon)
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
