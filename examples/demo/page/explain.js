/** Says in words over which HTTP version sockets run, and why this browser chose it. */

/** Names of the two columns. */
export const NAMES = { http2: 'HTTP/2', http1: 'HTTP/1.1' }

const STREAMS = 'so each socket is one more stream of that connection, opened with an Extended CONNECT (RFC 8441).'
const CONNECTIONS = 'so each socket has a TCP connection and a TLS handshake of its own, in this column too.'

const REASONS = {
  'h2 HTTP/2': `This browser loaded the page over HTTP/2, and the server offered WebSocket over it, ${STREAMS}`,
  'h2 HTTP/1.1': 'This browser loaded the page over HTTP/2, but opens sockets over HTTP/1.1, as Safari does, and ' +
    `others behind a proxy that does not forward the server's offer, ${CONNECTIONS}`,
  'http/1.1 HTTP/1.1': 'This browser loaded the page over HTTP/1.1, as it does behind a proxy without HTTP/2, ' +
    CONNECTIONS
}

/**
 * Returns the name of an HTTP version that a server reports, such as 2, and the reason why a socket to the page's own
 * origin uses it. `pageProtocol` is the ALPN identifier of the protocol that loaded the page.
 */
export function explain (httpVersion, pageProtocol) {
  const name = `HTTP/${httpVersion}`
  const reason = REASONS[`${pageProtocol} ${name}`] ??
    `The page was loaded over ${pageProtocol || 'an unknown protocol'}, and its sockets use ${name}.`
  return { name, reason }
}
