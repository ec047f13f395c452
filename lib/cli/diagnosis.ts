import { explainError } from './error-causes.ts'
import { toExitCode, EXIT_CODES } from './exit-codes.ts'
import type { Attempt, ProbeRequest, ProbeResult } from './result.ts'
import { explainStatus } from './status-causes.ts'

/** Codes of a server without HTTP/1.1: the alert of TLS (RFC 7301 section 3.2), and SETTINGS in place of a response. */
const HTTP2_ONLY = ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'HPE_INVALID_CONSTANT']

/** Returns the result in one or a few sentences, with the probable cause of a failure. */
export function diagnose (request: ProbeRequest, result: ProbeResult): string {
  return [...explain(request, result), ...explainOther(result)].join(' ')
}

function explain (request: ProbeRequest, result: ProbeResult): string[] {
  const { socket } = result
  switch (socket.outcome) {
    case 'opened': return [explainOpened(request, result)]
    case 'refused': return [`The server refused the socket with ${socket.status}.`, ...explainStatus(request, socket)]
    case 'unavailable': return [explainUnavailable(result)]
    case 'failed': return explainError(request, result)
  }
}

function explainOpened (request: ProbeRequest, result: ProbeResult): string {
  const { httpVersion, endedEarly, closeCode, closeReason, pings } = result.socket
  const version = `HTTP/${httpVersion}`
  if (endedEarly) {
    const reason = closeReason ? ` (${closeReason})` : ''
    return `The socket opened over ${version}, and closed with ${closeCode}${reason} before the probe closed it.`
  }
  if (toExitCode(result, request.send !== undefined) !== EXIT_CODES.ended.code) return `WebSocket over ${version} works.`
  return pings === null
    ? `The socket opened over ${version}, but a ping was not answered in time.`
    : `The socket opened over ${version}, but the server did not answer the text of --send in time.`
}

/** Explains why HTTP/2 was not used. */
function explainUnavailable ({ connection, settings }: ProbeResult): string {
  if (settings !== null) {
    return 'The server speaks HTTP/2, but does not offer Extended CONNECT: the app has no websocket route, or ' +
      '"advertise" is false, or a proxy in front of it does not support RFC 8441. Probe the app itself to distinguish these.'
  }
  const alpnProtocol = connection?.alpnProtocol
  if (connection?.tlsVersion == null) return 'The server does not speak HTTP/2 without TLS.'
  if (alpnProtocol === 'h2') return 'ALPN selected h2, but the server does not answer in HTTP/2.'
  return `The server does not speak HTTP/2: ALPN selected ${alpnProtocol ?? 'no protocol'}. The app needs "http2: true" ` +
    'with "https: { allowHTTP1: true }". A proxy in front of it needs HTTP/2 for its clients.'
}

function explainOther (result: ProbeResult): string[] {
  const { socket, otherVersion, connection, settings } = result
  if (otherVersion === null) return []
  const { httpVersion, outcome, status, error } = otherVersion
  const opened = socket.outcome === 'opened'
  const version = `HTTP/${httpVersion}`

  if (outcome === 'opened') return [`The same URL opens over ${version}${opened ? ' too' : ''}.`]
  if (isHttp2Only(result, otherVersion)) return ['The server speaks HTTP/2 only: clients without it cannot connect ("allowHTTP1").']
  if (outcome === 'refused') return status === socket.status ? [] : [`Over ${version} it is refused with ${status}.`]
  if (httpVersion === '1.1') return opened ? [`Over HTTP/1.1 it fails: ${error?.message}.`] : []
  // Without TLS, few servers speak both versions on one port. A server that speaks neither is explained already.
  if (connection?.tlsVersion == null || (socket.outcome === 'failed' && settings === null)) return []
  return [outcome === 'unavailable' ? explainUnavailable(result) : `Over HTTP/2 it fails: ${error?.message}.`]
}

function isHttp2Only ({ settings }: ProbeResult, { httpVersion, error, status, body }: Attempt): boolean {
  if (httpVersion === '2' || settings === null) return false
  // The answer of Node's HTTP/2 server to a client whose ALPN does not have h2.
  if (status === 403 && body?.includes('Unknown ALPN Protocol') === true) return true
  return HTTP2_ONLY.includes(error?.code ?? '')
}
