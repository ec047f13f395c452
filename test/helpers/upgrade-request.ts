/** The handshake of RFC 6455 over HTTP/1.1, written by hand. */

/** The key and its answer that RFC 6455 section 1.3 has for an example. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** The header field that offers permessage-deflate (RFC 7692). */
export const OFFER_DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate'

/** The end of the header section of a request or a response. */
export const HEADERS_END = '\r\n\r\n'

/** Returns the lines of a request for a socket. */
export function upgradeLines (path: string): string[] {
  return [
    `GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`
  ]
}

/** Returns a request for a socket, with these header fields in addition. */
export function upgradeRequest (path: string, fields: string[] = []): string {
  return [...upgradeLines(path), ...fields].join('\r\n') + HEADERS_END
}
