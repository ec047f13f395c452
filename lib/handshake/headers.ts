import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { NOT_FOR_STREAMS, eachField } from './header-fields.ts'

/** Response to an invalid handshake, with the reason for the log. */
export interface Refusal {
  status: number
  reason: string
  headers?: OutgoingHttpHeaders
}

/** Response head over HTTP/2, with the status of the HTTP/1.1 response that it was made from. */
export interface Http2Response {
  headers: OutgoingHttpHeaders
  /** Status of the HTTP/1.1 response: 101, or the status of a hook's or handler's reply. */
  status: number
}

const VERSION = '13'

// ws requires a key, to compute Sec-WebSocket-Accept. RFC 8441 section 5 uses neither.
const NO_KEY = 'AAAAAAAAAAAAAAAAAAAAAA=='
const KEY = /^[+/0-9A-Za-z]{22}==$/

// Fields that an Extended CONNECT replaces by pseudo-headers, and those that RFC 8441 section 5 does not use.
const NOT_FOR_CONNECT = new Set([...NOT_FOR_STREAMS, 'host', 'sec-websocket-key'])

// RFC 6455 section 1.3.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Checks a CONNECT request against RFC 8441. Returns undefined for a WebSocket handshake, else the refusal. */
export function checkExtendedConnect (headers: IncomingHttpHeaders, endStream: boolean): Refusal | undefined {
  const protocol = headers[':protocol']

  // RFC 9110 section 9.3.6: a CONNECT without :protocol requests a tunnel. Section 15.5.6: a 405 has an Allow field.
  if (typeof protocol !== 'string') {
    return { status: 405, reason: 'CONNECT without :protocol requests a tunnel', headers: { allow: '' } }
  }

  // RFC 9220 section 3: the status for an unknown :protocol is 501 (SHOULD). RFC 9110 section 7.8: case is ignored.
  if (protocol.toLowerCase() !== 'websocket') {
    return { status: 501, reason: 'unsupported :protocol' }
  }

  // RFC 8441 section 5: the stream replaces the connection. A request with END_STREAM could never carry a message,
  if (endStream) return { status: 400, reason: 'END_STREAM on the CONNECT' }

  // and the headers are followed by WebSocket frames, whose length is not known in advance.
  if (headers['content-length'] !== undefined) return { status: 400, reason: 'content-length on the CONNECT' }

  // RFC 6455 section 4.4, kept by RFC 8441 section 5: an unsupported version is answered with the supported one.
  if (headers['sec-websocket-version'] !== VERSION) {
    return {
      status: 400,
      reason: 'missing or unsupported sec-websocket-version',
      headers: { 'sec-websocket-version': VERSION }
    }
  }
  return undefined
}

/** Returns true if the Upgrade field of an HTTP/1.1 request names WebSocket (RFC 6455 section 4.2.1). */
export function isWebSocketUpgrade (headers: IncomingHttpHeaders): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** Returns true if a request offers to continue in HTTP/2, which RFC 9113 section 3.1 has made obsolete. */
export function isCleartextHttp2 (headers: IncomingHttpHeaders): boolean {
  return headers.upgrade?.toLowerCase() === 'h2c'
}

/**
 * Adds the fields to an Extended CONNECT that make it an HTTP/1.1 upgrade for ws, which negotiates no other handshake
 * (RFC 8441 section 5). The object is the user's `request.headers`, so no field is added that ws does not need.
 */
export function addUpgradeFields (headers: IncomingHttpHeaders): void {
  headers.upgrade = 'websocket'
  if (!hasKey(headers)) headers['sec-websocket-key'] = NO_KEY
}

/**
 * Converts an HTTP/1.1 response head to the response to an Extended CONNECT (RFC 8441 section 5). The 101 of a
 * handshake becomes 200. Any other 101 or 2xx becomes 502, because over HTTP/2 every 2xx opens the client's socket.
 *
 * @param response the bytes of the HTTP/1.1 response, with the empty line and possibly a body
 * @param sentKey whether the CONNECT had a Sec-WebSocket-Key
 * @param mayOpen true if ws has accepted the handshake
 */
export function responseToHttp2 (response: string, sentKey: boolean, mayOpen: boolean): Http2Response {
  const [statusLine = '', ...lines] = response.slice(0, response.indexOf('\r\n\r\n')).split('\r\n')
  const originalStatus = Number(statusLine.split(' ', 2)[1])
  const isAccepted = originalStatus === 101 && mayOpen
  // Without a prototype, in which a field named "constructor" would already exist, with a function as its value.
  const headers: Record<string, string | string[]> = Object.create(null)
  headers[':status'] = isAccepted ? '200' : String(toRefusal(originalStatus))

  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    if (NOT_FOR_STREAMS.has(name)) continue

    // RFC 8441 section 5 supersedes Sec-WebSocket-Key and -Accept. undici and Node's WebSocket send a key anyway, and
    // fail if the response has no Sec-WebSocket-Accept.
    if (name === 'sec-websocket-accept' && !(isAccepted && sentKey)) continue

    // RFC 9110 section 5.6.3. JavaScript's trim() would also remove the byte 0xA0, which may be part of a value.
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')
    const existing = headers[name]
    headers[name] = existing === undefined ? value : [existing, value].flat()
  }
  return { headers, status: originalStatus }
}

/** Converts the fields of an HTTP/1.1 upgrade to the equivalent Extended CONNECT (RFC 8441 sections 4 and 5). */
export function requestToConnect (path: string, headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { host } = headers
  return {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': path,
    ...(host === undefined ? {} : { ':authority': host }),
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_FOR_CONNECT.has(name)))
  }
}

/**
 * Converts the response to an Extended CONNECT to an HTTP/1.1 response head. The 200 that opens the socket becomes 101.
 *
 * @param key the Sec-WebSocket-Key of the upgrade request
 */
export function responseToHttp1 (status: number, response: IncomingHttpHeaders, key: string): string {
  const { ':status': _, 'sec-websocket-accept': __, ...fields } = response
  const lines = status === 200
    ? ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket', `sec-websocket-accept: ${computeAccept(key)}`]
    : [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close']
  for (const [name, value] of eachField(fields)) lines.push(`${name}: ${value}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Computes Sec-WebSocket-Accept (RFC 6455 section 4.2.2). */
function computeAccept (key: string): string {
  return createHash('sha1').update(key + GUID).digest('base64')
}

function toRefusal (status: number): number {
  return status < 300 ? 502 : status
}

/** Returns whether a request has a well-formed Sec-WebSocket-Key (RFC 6455 section 4.1). */
export function hasKey (headers: IncomingHttpHeaders): boolean {
  return KEY.test(headers['sec-websocket-key'] ?? '')
}
