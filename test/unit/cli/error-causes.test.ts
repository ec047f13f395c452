import t from 'tap'
import { explainError } from '../../../lib/cli/error-causes.ts'
import { attemptOver, requestFor, resultOf } from '../../helpers/probe.ts'

function explain (code: string, message = 'why', url = 'wss://example.com/'): string {
  const socket = attemptOver('2', { outcome: 'failed', error: { code, message } })
  return explainError(requestFor(url), resultOf({ socket, connection: null })).join(' ')
}

void t.test('an error of the connection is explained', async (t) => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN']) t.equal(explain(code), 'The host name "example.com" cannot be resolved.')
  t.equal(explain('ECONNREFUSED'), 'Nothing listens on port 443 of example.com.')
  t.equal(explain('ECONNREFUSED', '', 'ws://[::1]/'), 'Nothing listens on port 80 of ::1.')
  for (const code of ['EHOSTUNREACH', 'ENETUNREACH']) t.equal(explain(code), 'The network has no route to example.com.')
  t.equal(explain('ECONNRESET'), 'The server closed the connection without an answer.')
  t.match(explain('ECONNRESET', '', 'ws://example.com/'), /It may expect TLS \("wss:"\)\.$/)
  t.equal(explain('ETIMEDOUT', 'connecting took longer than 5 ms'),
    'The server did not answer: connecting took longer than 5 ms. --timeout sets another limit.')
})

void t.test('an error of TLS is explained', async (t) => {
  for (const code of ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']) {
    t.equal(explain(code), 'The server does not speak TLS on port 443: try "ws:" in place of "wss:".')
  }
  t.match(explain('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'), /speaks HTTP\/2 only/)
  t.match(explain('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), /requires a client certificate/)
})

void t.test('a certificate that is not trusted is explained by its problem', async (t) => {
  t.equal(explainCertificate('DEPTH_ZERO_SELF_SIGNED_CERT', 'it is self-signed'),
    'The certificate is not trusted: it is self-signed. --ca FILE trusts the certificates of a file, --insecure any.')
})

void t.test('--ca is not recommended for a certificate that has expired, or is for another host', async (t) => {
  t.equal(explainCertificate('CERT_HAS_EXPIRED', 'it expired yesterday'),
    'The certificate is not trusted: it expired yesterday. --insecure ignores that.')
  for (const code of ['CERT_NOT_YET_VALID', 'CERT_REVOKED', 'ERR_TLS_CERT_ALTNAME_INVALID']) {
    t.notMatch(explainCertificate(code, 'why'), '--ca', code)
  }
})

void t.test('an answer that is not HTTP is explained', async (t) => {
  t.match(explain('HPE_INVALID_CONSTANT', 'Expected HTTP/'), /not answer in HTTP\/1\.1: Expected HTTP\/\. .*another protocol/)
  t.match(explain('HPE_INVALID_CONSTANT', 'Expected HTTP/', 'ws://a'), /HTTP\/2 only \(--http 2\), or TLS/)
})

void t.test('any other error has its message and code', async (t) => {
  t.equal(explain('EOTHER'), 'The handshake failed: why (EOTHER).')
  const socket = attemptOver('2', { outcome: 'failed' })
  t.equal(explainError(requestFor('wss://a'), resultOf({ socket })).join(' '), 'The handshake failed: no answer (UNKNOWN).')
})

function explainCertificate (code: string, problem: string): string {
  const certificate = { trusted: false, code, problem }
  const socket = attemptOver('2', { outcome: 'failed', error: { code, message: 'not trusted' } })
  const result = resultOf({ socket, connection: { ...resultOf().connection!, certificate } })
  return explainError(requestFor('wss://a'), result).join(' ')
}
