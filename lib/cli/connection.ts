import { once } from 'node:events'
import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { readCertificate } from './certificate.ts'
import type { ConnectionFacts, ProbeRequest } from './result.ts'
import { toMs, withinLimit } from './time-limit.ts'

/** Protocols that ALPN may offer. */
export type AlpnProtocol = 'h2' | 'http/1.1'

/** An open connection, and the facts to print about it. */
export interface OpenConnection {
  socket: Socket
  facts: ConnectionFacts
}

/** Error of a connection that is not used because its certificate is not trusted. */
export class CertificateError extends Error {
  readonly code: string
  readonly facts: ConnectionFacts

  constructor (facts: ConnectionFacts) {
    super('the certificate is not trusted')
    this.code = facts.certificate?.code ?? 'ERR_CERTIFICATE'
    this.facts = facts
  }
}

/**
 * Connects to the server of a URL.
 *
 * @param protocols what ALPN offers, over TLS
 * @throws CertificateError if the certificate is not trusted, without `insecure`; nothing was sent over HTTP
 * @throws errors of Node, and TimeLimitError
 */
export async function openConnection (
  { url, ca, insecure, timeout }: ProbeRequest, protocols: AlpnProtocol[]
): Promise<OpenConnection> {
  const host = hostOf(url)
  const isSecure = url.protocol === 'wss:'
  const port = Number(url.port || (isSecure ? 443 : 80))
  const started = performance.now()
  const socket = isSecure
    // An untrusted certificate is reported below, with what is wrong about it.
    ? connectTls({ host, port, servername: isIP(host) ? '' : host, ALPNProtocols: protocols, ca, rejectUnauthorized: false })
    : connectTcp({ host, port })
  socket.on('error', () => {})

  try {
    await withinLimit('connecting', timeout, opened(socket, isSecure ? 'secureConnect' : 'connect'))
    const facts = readFacts(socket, isSecure, host, toMs(performance.now() - started))
    if (facts.certificate?.trusted === false && !insecure) throw new CertificateError(facts)
    return { socket, facts }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Returns the host of a URL. Node's functions take an IPv6 address without brackets. */
export function hostOf (url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Waits for an event. A connection that ends before it may emit no 'error'. */
async function opened (socket: Socket, event: string): Promise<void> {
  const closed = new AbortController()
  const onClose = (): void => closed.abort()
  socket.once('close', onClose)
  try {
    await once(socket, event, { signal: closed.signal })
  } catch (error) {
    if (!closed.signal.aborted) throw error
    throw Object.assign(new Error('the server closed the connection before the TLS handshake ended'), { code: 'ECONNRESET' })
  } finally {
    socket.off('close', onClose)
  }
}

function readFacts (socket: Socket, isSecure: boolean, host: string, connectMs: number): ConnectionFacts {
  const { remoteAddress: address = '', remotePort: port = 0 } = socket
  if (!isSecure) return { address, port, connectMs, tlsVersion: null, alpnProtocol: null, certificate: null }
  const tls = socket as TLSSocket
  return {
    address,
    port,
    connectMs,
    tlsVersion: tls.getProtocol(),
    alpnProtocol: tls.alpnProtocol || null,
    certificate: readCertificate(tls, host)
  }
}
