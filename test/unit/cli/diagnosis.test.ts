import t from 'tap'
import { diagnose } from '../../../lib/cli/diagnosis.ts'
import type { ProbeResult } from '../../../lib/cli/result.ts'
import { attemptOver, requestFor, resultOf } from '../../helpers/probe.ts'

const NO_ALPN = { error: { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', message: 'TLS: no application protocol' } }
const UNAVAILABLE = attemptOver('2', { outcome: 'unavailable' })
const connection = resultOf().connection!
const settings = resultOf().settings!
const CLEARTEXT = { ...connection, tlsVersion: null, alpnProtocol: null, certificate: null }
const HTTP2_ONLY = 'The server speaks HTTP/2 only: clients without it cannot connect ("allowHTTP1").'

function diagnoseResult (properties: Partial<ProbeResult>, send?: string): string {
  return diagnose(requestFor('wss://localhost/', { send }), resultOf(properties))
}

void t.test('a socket over the expected version works', async (t) => {
  t.equal(diagnoseResult({}), 'WebSocket over HTTP/2 works. The same URL opens over HTTP/1.1 too.')
})

void t.test('ALPN that does not select h2 is named as the reason for HTTP/1.1', async (t) => {
  const fallback = { socket: attemptOver('1.1'), otherVersion: UNAVAILABLE, settings: null }
  const selected = (alpnProtocol: string | null): string => {
    return diagnoseResult({ ...fallback, connection: { ...connection, alpnProtocol } })
  }
  t.match(selected('http/1.1'), /^WebSocket over HTTP\/1\.1 works\. The server does not speak HTTP\/2: ALPN selected http\/1\.1\. .*allowHTTP1/)
  t.match(selected(null), /ALPN selected no protocol/)
  t.match(selected('h2'), /ALPN selected h2, but the server does not answer in HTTP\/2\./)
})

void t.test('HTTP/2 without Extended CONNECT is named, with its causes', async (t) => {
  const withoutConnect = { ...settings, enableConnectProtocol: false }
  const causes = /does not offer Extended CONNECT: .*no websocket route.*"advertise".*a proxy.*Probe the app itself/
  t.match(diagnoseResult({ socket: attemptOver('1.1'), otherVersion: UNAVAILABLE, settings: withoutConnect }), causes)
  const onlyHttp2 = diagnoseResult({ socket: UNAVAILABLE, settings: withoutConnect })
  t.match(onlyHttp2, causes)
  t.match(onlyHttp2, /The same URL opens over HTTP\/1\.1\.$/)
})

void t.test('a server without HTTP/1.1 is named as one, by any of its answers', async (t) => {
  const over = (properties: object): string => diagnoseResult({ otherVersion: attemptOver('1.1', properties) })
  t.equal(over({ outcome: 'failed', ...NO_ALPN }), `WebSocket over HTTP/2 works. ${HTTP2_ONLY}`)
  t.match(over({ outcome: 'failed', error: { code: 'HPE_INVALID_CONSTANT', message: '' } }), HTTP2_ONLY)
  t.match(over({ outcome: 'refused', status: 403, body: 'Unknown ALPN Protocol, expected `h2`' }), HTTP2_ONLY)
  t.match(over({ outcome: 'refused', status: 403, body: 'no' }), 'Over HTTP/1.1 it is refused with 403.')
  t.match(over({ outcome: 'failed', error: { code: 'ECONNRESET', message: 'reset' } }), 'Over HTTP/1.1 it fails: reset.')
})

void t.test('a refusal is explained, and that of the other version if it differs', async (t) => {
  const refused = (httpVersion: '1.1' | '2', status: number): ReturnType<typeof attemptOver> => {
    return attemptOver(httpVersion, { outcome: 'refused', status })
  }
  t.equal(diagnoseResult({ socket: refused('2', 404), otherVersion: refused('1.1', 404) }),
    'The server refused the socket with 404. It has no websocket route for "/".')
  t.match(diagnoseResult({ socket: refused('2', 404), otherVersion: refused('1.1', 426) }), / Over HTTP\/1\.1 it is refused with 426\.$/)
  t.match(diagnoseResult({ socket: refused('2', 502) }), / The same URL opens over HTTP\/1\.1\.$/)
})

void t.test('a socket that opens and does not work is described', async (t) => {
  const closed = attemptOver('2', { endedEarly: true, closeCode: 1011, closeReason: 'broken' })
  t.match(diagnoseResult({ socket: closed }),
    /^The socket opened over HTTP\/2, and closed with 1011 \(broken\) before the probe closed it\./)
  t.match(diagnoseResult({ socket: { ...closed, closeReason: '' } }), /closed with 1011 before/)
  t.match(diagnoseResult({ socket: attemptOver('2', { pings: null }) }), /a ping was not answered in time/)
  t.match(diagnoseResult({}, 'hello'), /did not answer the text of --send in time/)
})

void t.test('without TLS, the other version is mentioned only if it opens', async (t) => {
  const result = { expectedHttpVersion: '1.1' as const, connection: CLEARTEXT, settings: null, socket: attemptOver('1.1') }
  t.equal(diagnoseResult({ ...result, otherVersion: UNAVAILABLE }), 'WebSocket over HTTP/1.1 works.')
  t.match(diagnoseResult({ ...result, otherVersion: attemptOver('2') }), / The same URL opens over HTTP\/2 too\.$/)
  t.match(diagnoseResult({ ...result, socket: UNAVAILABLE, otherVersion: attemptOver('1.1') }), /^The server does not speak HTTP\/2 without TLS\./)
})

void t.test('a failure is explained once', async (t) => {
  const socket = attemptOver('2', { outcome: 'failed', error: { code: 'ECONNREFUSED', message: '' } })
  t.equal(diagnoseResult({ connection: null, settings: null, socket, otherVersion: null }), 'Nothing listens on port 443 of localhost.')
  const failed = attemptOver('1.1', { outcome: 'failed', error: { code: 'HPE_INVALID_CONSTANT', message: 'x' } })
  t.notMatch(diagnoseResult({ settings: null, socket: failed, otherVersion: UNAVAILABLE }), /ALPN/)
  const reset = attemptOver('2', { outcome: 'failed', error: { code: 'ECONNRESET', message: 'reset' } })
  t.match(diagnoseResult({ expectedHttpVersion: '1.1', socket: attemptOver('1.1'), otherVersion: reset }), / Over HTTP\/2 it fails: reset\.$/)
})
