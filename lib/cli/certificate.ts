import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { CertificateFacts } from './result.ts'

type Named = Pick<PeerCertificate, 'subject' | 'subjectaltname' | 'valid_from' | 'valid_to'>

const ISSUER_NOT_TRUSTED = 'its issuer is not trusted, or the server does not send all certificates of the chain'
const MAX_NAMES = 5

/** Problems of a certificate, by the code of Node. */
const PROBLEMS: Record<string, (certificate: Partial<Named>, host: string) => string> = {
  CERT_HAS_EXPIRED: ({ valid_to: end }) => `it expired on ${end}`,
  CERT_NOT_YET_VALID: ({ valid_from: start }) => `it is not valid before ${start}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: () => 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: () => 'the root certificate of its chain is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: () => ISSUER_NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => ISSUER_NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => ISSUER_NOT_TRUSTED,
  CERT_REVOKED: () => 'it is revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: (certificate, host) => `it is for ${namesOf(certificate)}, not for ${host}`
}

/** Returns the verdict of Node about the certificate of a connection that was made without rejecting any. */
export function readCertificate (socket: TLSSocket, host: string): CertificateFacts {
  if (socket.authorized) return { trusted: true, code: null, problem: null }
  const { authorizationError } = socket
  // Node has a code here, in spite of the type.
  const code = String((authorizationError as { code?: string } | null)?.code ?? authorizationError)
  return { trusted: false, code, problem: describeProblem(code, socket.getPeerCertificate(), host) }
}

/** Returns the problem of a certificate in words. */
export function describeProblem (code: string, certificate: Partial<Named>, host: string): string {
  return PROBLEMS[code]?.(certificate, host) ?? `Node reports ${code}`
}

/** Returns the names that a certificate is for. The subject counts only if there are no alternative names. */
function namesOf ({ subjectaltname: alternatives, subject }: Partial<Named>): string {
  const names = (alternatives || String(subject?.CN ?? 'no name')).split(', ').map((name) => name.replace(/^\w[\w ]*:/, ''))
  return names.slice(0, MAX_NAMES).join(', ') + (names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} others` : '')
}
