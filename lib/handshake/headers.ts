import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { NOT_FOR_STREAMS, eachField } from './header-fields.ts'

/** Why a request is not a WebSocket handshake, as the status and headers that say so. */
export interface Refusal {
  status: number
  reason: string
  headers?: OutgoingHttpHeaders
}

/** A response head in HTTP/2's terms, and the status it had before it was made safe for an Extended CONNECT. */
export interface Http2Response {
  headers: OutgoingHttpHeaders
  /** The status that was asked for: 101, or what a hook or handler replied. */
  status: number
}

const VERSION = '13'

// ws computes Sec-WebSocket-Accept from a key and insists on one. RFC 8441 section 5 has neither.
const NO_KEY = 'AAAAAAAAAAAAAAAAAAAAAA=='
const KEY = /^[+/0-9A-Za-z]{22}==$/

// What an Extended CONNECT says with its pseudo-headers, and what RFC 8441 section 5 does without.
const NOT_FOR_CONNECT = new Set([...NOT_FOR_STREAMS, 'host', 'sec-websocket-key'])

// RFC 6455 section 1.3.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Holds a CONNECT against RFC 8441: undefined where it asks for a WebSocket, else what to answer. */
export function checkExtendedConnect (headers: IncomingHttpHeaders, endStream: boolean): Refusal | undefined {
  const protocol = headers[':protocol']

  // RFC 9110 section 9.3.6: a CONNECT without :protocol asks for a tunnel. Section 15.5.6: a 405 lists what is allowed.
  if (typeof protocol !== 'string') {
    return { status: 405, reason: 'CONNECT without :protocol asks for a tunnel', headers: { allow: '' } }
  }

  // RFC 9220 section 3: an unknown :protocol SHOULD get 501. RFC 9110 section 7.8: its case does not matter.
  if (protocol.toLowerCase() !== 'websocket') {
    return { status: 501, reason: 'unknown :protocol' }
  }

  // RFC 8441 section 5: the stream is the connection, so a request that ends it can never carry a message,
  if (endStream) return { status: 400, reason: 'END_STREAM on the CONNECT' }

  // and what follows the headers are WebSocket frames, of no length known beforehand.
  if (headers['content-length'] !== undefined) return { status: 400, reason: 'content-length on the CONNECT' }

  // RFC 6455 section 4.4, kept by RFC 8441 section 5: a version we do not speak is answered with the one we do.
  if (headers['sec-websocket-version'] !== VERSION) {
    return {
      status: 400,
      reason: 'missing or unknown sec-websocket-version',
      headers: { 'sec-websocket-version': VERSION }
    }
  }
  return undefined
}

/** Whether an HTTP/1.1 request with an Upgrade field asks for a WebSocket (RFC 6455 section 4.2.1). */
export function isWebSocketUpgrade (headers: IncomingHttpHeaders): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Returns the fields that make an Upgrade request of an Extended CONNECT (RFC 8441 section 5): ws negotiates no other
 * handshake.
 */
export function requestToUpgrade (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': hasKey(headers) ? headers['sec-websocket-key'] : NO_KEY,
    // permessage-deflate is declined over HTTP/2: a client continues without it.
    'sec-websocket-extensions': undefined
  }
}

/**
 * An HTTP/1.1 response head as the answer to an Extended CONNECT (RFC 8441 section 5): the 101 of a handshake becomes
 * 200, and any other 101 or 2xx becomes 502, because over HTTP/2 every 2xx tells the client that the socket is open.
 *
 * @param response the response as HTTP/1.1 writes it, with its empty line and perhaps a body
 * @param sentKey whether the CONNECT had a Sec-WebSocket-Key
 * @param mayOpen whether the response is that of a handshake
 */
export function responseToHttp2 (response: string, sentKey: boolean, mayOpen: boolean): Http2Response {
  const [statusLine = '', ...lines] = response.slice(0, response.indexOf('\r\n\r\n')).split('\r\n')
  const asked = Number(statusLine.split(' ', 2)[1])
  const accepted = asked === 101 && mayOpen
  // Without a prototype: else a field named "constructor" would be there already, with a function for its value.
  const headers: Record<string, string | string[]> = Object.create(null)
  headers[':status'] = accepted ? '200' : String(toRefusal(asked))

  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    if (NOT_FOR_STREAMS.has(name)) continue

    // RFC 8441 section 5 supersedes the key and its answer. undici and Node's own WebSocket send a key all the same,
    // and give up without the answer.
    if (name === 'sec-websocket-accept' && !(accepted && sentKey)) continue

    // RFC 9110 section 5.6.3: not what JavaScript takes for whitespace, which has a byte beyond ASCII.
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')
    const known = headers[name]
    headers[name] = known === undefined ? value : [known, value].flat()
  }
  return { headers, status: asked }
}

/** The fields of an Upgrade request as the Extended CONNECT that says the same (RFC 8441 sections 4 and 5). */
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
 * The answer to an Extended CONNECT as the head of an HTTP/1.1 response: the 200 that opens the socket becomes 101.
 *
 * @param key what the Upgrade request has as its Sec-WebSocket-Key
 */
export function responseToHttp1 (status: number, answer: IncomingHttpHeaders, key: string): string {
  const { ':status': _, 'sec-websocket-accept': __, ...fields } = answer
  const lines = status === 200
    ? ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket', `sec-websocket-accept: ${accept(key)}`]
    : [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close']
  for (const [name, value] of eachField(fields)) lines.push(`${name}: ${value}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** RFC 6455 section 4.2.2. */
function accept (key: string): string {
  return createHash('sha1').update(key + GUID).digest('base64')
}

function toRefusal (status: number): number {
  return status < 300 ? 502 : status
}

/** Returns whether a request has a well-formed Sec-WebSocket-Key (RFC 6455 section 4.1). */
export function hasKey (headers: IncomingHttpHeaders): boolean {
  return KEY.test(headers['sec-websocket-key'] ?? '')
}
