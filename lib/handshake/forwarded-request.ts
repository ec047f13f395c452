import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Duplex } from 'node:stream'
import { createUpgradeRequest } from '../internals/http1.ts'
import { hasKey } from './headers.ts'

const KEY_LENGTH = 16

/** Fields that are added with another value, or once, and TE, which is specific to a connection. */
const REPLACED = new Set(['connection', 'cookie', 'host', 'sec-websocket-key', 'te', 'upgrade'])

/**
 * Converts an Extended CONNECT to the equivalent HTTP/1.1 upgrade (RFC 8441 section 5).
 *
 * @param connection the stream, which acts as the connection of the request
 */
export function toUpgradeRequest (connect: Http2ServerRequest, connection: Duplex): IncomingMessage {
  const { headers, rawHeaders, url } = connect
  // A field that is sent in several parts is combined, as RFC 9113 section 8.2.3 requires of the Cookie field.
  const { cookie } = headers
  const fields = ['host', headers.host ?? '']
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = rawHeaders.slice(index, index + 2) as [string, string]
    if (!name.startsWith(':') && !REPLACED.has(name.toLowerCase())) fields.push(name, value)
  }
  if (cookie !== undefined) fields.push('cookie', cookie)
  fields.push('connection', 'Upgrade', 'upgrade', 'websocket')
  fields.push('sec-websocket-key', hasKey(headers) ? headers['sec-websocket-key']! : createKey())
  return createUpgradeRequest(connection, url, fields)
}

/** Creates a Sec-WebSocket-Key (RFC 6455 section 4.1). */
function createKey (): string {
  return randomBytes(KEY_LENGTH).toString('base64')
}
