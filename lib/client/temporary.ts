import { isHandshakeTimeout } from '../internals/ws.ts'

/**
 * Close codes of a server that is going away, restarts, or is overloaded, and of a connection that is lost (RFC 6455
 * section 7.4.1, and the registry of section 11.7).
 */
const CLOSE_CODES = new Set([1001, 1006, 1012, 1013])

/**
 * Statuses of a server that cannot accept a socket now, or of a proxy whose server cannot be reached (RFC 9110 section
 * 15.6, RFC 6585 section 4).
 */
const STATUSES = new Set([429, 502, 503, 504])

/** Codes of errors that the network, or the end of a connection or session, can cause. */
const ERROR_CODES = new Set([
  'EADDRNOTAVAIL', 'EAI_AGAIN', 'ECONNABORTED', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN',
  'ENETRESET', 'ENETUNREACH', 'ENOENT', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT',
  'ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_OUT_OF_STREAMS', 'ERR_HTTP2_PING_CANCEL',
  'ERR_HTTP2_SESSION_ERROR', 'ERR_HTTP2_STREAM_ABORTED', 'ERR_HTTP2_STREAM_CANCEL', 'ERR_HTTP2_STREAM_ERROR',
  'ERR_SOCKET_CONNECTION_TIMEOUT', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_TLS_HANDSHAKE_TIMEOUT'
])

interface Failure extends Error {
  code?: string
  statusCode?: number
  headers?: Record<string, string | string[] | undefined>
}

/** Returns whether a connection that was open may be opened again after it closed with a code. */
export function isTemporaryCode (code: number): boolean {
  return CLOSE_CODES.has(code)
}

/**
 * Returns whether an attempt that failed with an error may succeed later. Invalid certificates, refusals of this client
 * and servers that speak another protocol stay as they are.
 */
export function isTemporaryError (error: Failure): boolean {
  const { code = '', statusCode = 0, cause } = error
  if (code === 'FST_WS_UNEXPECTED_RESPONSE') return STATUSES.has(statusCode)
  // A connection that ended before the first frame of the server.
  if (code === 'FST_WS_NO_EXTENDED_CONNECT') return cause instanceof Error && isTemporaryError(cause)
  return ERROR_CODES.has(code) || isHandshakeTimeout(error)
}

/**
 * Returns the delay, in ms, that a refusal requests with a Retry-After in seconds (RFC 9110 section 10.2.3). A date is
 * ignored, because the clocks may differ.
 */
export function retryAfterOf ({ headers }: Failure): number {
  const value = headers?.['retry-after']
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) * 1000 : 0
}
