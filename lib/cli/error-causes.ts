import { hostOf } from './connection.ts'
import type { ProbeRequest, ProbeResult } from './result.ts'

type Explain = (request: ProbeRequest, message: string) => string

const NO_ROUTE: Explain = ({ url }) => `The network has no route to ${url.host}.`
const NOT_TLS: Explain = ({ url }) => `The server does not speak TLS on port ${portOf(url)}: try "ws:" in place of "wss:".`
const CLOSED: Explain = ({ url }) => {
  return `The server closed the connection without an answer.${url.protocol === 'ws:' ? ' It may expect TLS ("wss:").' : ''}`
}
const NO_DNS: Explain = ({ url }) => `The host name "${hostOf(url)}" cannot be resolved.`

/** Probable causes of a handshake without an answer, by the code of the error. */
const CAUSES: Record<string, Explain> = {
  EAI_AGAIN: NO_DNS,
  ENOTFOUND: NO_DNS,
  ECONNREFUSED: ({ url }) => `Nothing listens on port ${portOf(url)} of ${hostOf(url)}.`,
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: () => 'The server speaks HTTP/2 only: ALPN offered http/1.1, and it refused that.',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: () => 'The server requires a client certificate.',
  ETIMEDOUT: (_request, message) => `The server did not answer: ${message}. --timeout sets another limit.`
}

/** Problems of a certificate that it also has if its issuer is trusted. */
const ISSUED = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CERT_REVOKED', 'ERR_TLS_CERT_ALTNAME_INVALID'])
const INSECURE = '--insecure ignores that.'
const TRUST = '--ca FILE trusts the certificates of a file, --insecure any.'

/** Returns the reason and the probable cause of a handshake that was not answered. */
export function explainError (request: ProbeRequest, { connection, socket }: ProbeResult): string[] {
  const { code, message } = socket.error ?? { code: 'UNKNOWN', message: 'no answer' }
  const { certificate = null } = connection ?? {}
  if (certificate?.code === code) {
    return [`The certificate is not trusted: ${certificate.problem}.`, ISSUED.has(code) ? INSECURE : TRUST]
  }
  if (code.startsWith('HPE_')) return [explainParseError(request, message)]
  return [CAUSES[code]?.(request, message) ?? `The handshake failed: ${message} (${code}).`]
}

function explainParseError ({ url }: ProbeRequest, message: string): string {
  const cause = url.protocol === 'ws:' ? 'It may speak HTTP/2 only (--http 2), or TLS ("wss:").' : 'Its port is for another protocol.'
  return `The server does not answer in HTTP/1.1: ${message}. ${cause}`
}

function portOf (url: URL): string {
  return url.port || (url.protocol === 'wss:' ? '443' : '80')
}
