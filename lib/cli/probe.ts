import { connect } from '../client/index.ts'
import { attempt, emptyAttempt } from './attempt.ts'
import { CertificateError, openConnection } from './connection.ts'
import type { AlpnProtocol, OpenConnection } from './connection.ts'
import { describeError } from './errors.ts'
import { NotHttp2Error, openSession } from './http2-session.ts'
import type { OpenSession } from './http2-session.ts'
import type { Attempt, HttpVersion, ProbeRequest, ProbeResult } from './result.ts'

const BOTH: AlpnProtocol[] = ['h2', 'http/1.1']
const HTTP1: AlpnProtocol[] = ['http/1.1']

/** Code of a server that speaks no protocol that ALPN offered (RFC 7301 section 3.2). */
const NO_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'

/** Limit of a message from the server. A larger one closes the socket with 1009. */
const MAX_PAYLOAD = 16 * 1024 * 1024

/**
 * Opens a socket as `connect()` would, over HTTP/2 where the server offers it for `wss:`, then a second one over the
 * other HTTP version. Failures are a part of the result.
 */
export async function probe (request: ProbeRequest): Promise<ProbeResult> {
  const expectedHttpVersion = request.http ?? (request.url.protocol === 'wss:' ? '2' : '1.1')
  const result: ProbeResult = {
    url: request.url.href,
    expectedHttpVersion,
    connection: null,
    settings: null,
    socket: emptyAttempt(expectedHttpVersion),
    otherVersion: null
  }
  if (expectedHttpVersion === '2') await probeHttp2(request, result)
  else await probeHttp1(request, result)
  return result
}

/** Probes over HTTP/2. If the server does not offer Extended CONNECT, continues over HTTP/1.1 where that is allowed. */
async function probeHttp2 (request: ProbeRequest, result: ProbeResult): Promise<void> {
  const first = await tryToOpen(request, BOTH, result)
  if (first === undefined) return

  const overHttp2 = await tryHttp2(request, first, result, false)
  const fallsBack = overHttp2.outcome === 'unavailable' && request.http === undefined
  const overHttp1 = await tryHttp1(request, !fallsBack)
  Object.assign(result, fallsBack
    ? { socket: overHttp1, otherVersion: overHttp2 }
    : { socket: overHttp2, otherVersion: overHttp1 })
}

async function probeHttp1 (request: ProbeRequest, result: ProbeResult): Promise<void> {
  const first = await tryToOpen(request, HTTP1, result)
  if (first !== undefined) result.socket = await overHttp1(request, first, false)
  else if (result.socket.error?.code !== NO_PROTOCOL) return

  result.otherVersion = await orFailure('2', async () => {
    return await tryHttp2(request, await openConnection(request, BOTH), result, true)
  })
}

/** Opens the first connection. If that fails, the result has the reason, and no other needs to be tried. */
async function tryToOpen (
  request: ProbeRequest, protocols: AlpnProtocol[], result: ProbeResult
): Promise<OpenConnection | undefined> {
  try {
    const connection = await openConnection(request, protocols)
    result.connection = connection.facts
    return connection
  } catch (error) {
    if (error instanceof CertificateError) result.connection = error.facts
    result.socket.error = describeError(error as Error)
    return undefined
  }
}

async function tryHttp1 (request: ProbeRequest, isBrief: boolean): Promise<Attempt> {
  return await orFailure('1.1', async () => {
    return await overHttp1(request, await openConnection(request, HTTP1), isBrief)
  })
}

async function overHttp1 (request: ProbeRequest, { socket }: OpenConnection, isBrief: boolean): Promise<Attempt> {
  try {
    return await attempt(request, '1.1', () => connect(request.url, request.protocols, {
      ...handshakeOptions(request), http: '1.1', createConnection: () => socket
    }), isBrief)
  } finally {
    socket.destroy()
  }
}

/** Tries HTTP/2 on a connection, which is closed afterwards. */
async function tryHttp2 (
  request: ProbeRequest, { socket, facts }: OpenConnection, result: ProbeResult, isBrief: boolean
): Promise<Attempt> {
  const { tlsVersion, alpnProtocol } = facts
  if (tlsVersion !== null && alpnProtocol !== 'h2') {
    socket.destroy()
    return unavailable(`ALPN selected ${alpnProtocol ?? 'no protocol'} in place of h2`)
  }
  let open: OpenSession | undefined
  try {
    open = await openSession(request, socket)
    result.settings = open.settings
    if (!open.settings.enableConnectProtocol) return unavailable('the server does not offer Extended CONNECT')
    return await overSession(request, open, isBrief)
  } catch (error) {
    if (error instanceof NotHttp2Error) return unavailable(error.message)
    return emptyAttempt('2', { error: describeError(error as Error) })
  } finally {
    open?.session.destroy()
    socket.destroy()
  }
}

async function overSession (request: ProbeRequest, open: OpenSession, isBrief: boolean): Promise<Attempt> {
  const path = request.url.pathname + request.url.search
  const result = await attempt(request, '2', () => {
    return connect(open.session, request.protocols, { ...handshakeOptions(request), path })
  }, isBrief)
  if (open.response !== undefined) {
    const { ':status': status = null, ...headers } = open.response
    Object.assign(result, { status, headers })
  }
  return result
}

function handshakeOptions ({ headers, origin, timeout }: ProbeRequest): object {
  return { headers, origin, closeTimeout: timeout, maxPayload: MAX_PAYLOAD }
}

function unavailable (message: string): Attempt {
  return emptyAttempt('2', { outcome: 'unavailable', error: { code: 'FST_WS_NO_EXTENDED_CONNECT', message } })
}

async function orFailure (httpVersion: HttpVersion, run: () => Promise<Attempt>): Promise<Attempt> {
  try {
    return await run()
  } catch (error) {
    return emptyAttempt(httpVersion, { error: describeError(error as Error) })
  }
}
