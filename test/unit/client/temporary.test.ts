import t from 'tap'
import { isTemporaryCode, isTemporaryError, retryAfterOf } from '../../../lib/client/temporary.ts'
import { FST_WS_NO_EXTENDED_CONNECT, FST_WS_UNEXPECTED_RESPONSE } from '../../../lib/errors.ts'

function coded (code: string): Error {
  return Object.assign(new Error(code), { code })
}

function refusal (statusCode: number, headers = {}): Error {
  return Object.assign(new FST_WS_UNEXPECTED_RESPONSE(statusCode), { statusCode, headers })
}

void t.test('isTemporaryCode: 1001, 1006, 1012 and 1013', async (t) => {
  const codes = Array.from({ length: 5000 }, (_, code) => code)
  t.same(codes.filter(isTemporaryCode), [1001, 1006, 1012, 1013])
})

void t.test('isTemporaryError: refusals with 429, 502, 503 and 504', async (t) => {
  const statuses = Array.from({ length: 500 }, (_, index) => index + 100)
  t.same(statuses.filter((status) => isTemporaryError(refusal(status))), [429, 502, 503, 504])
})

void t.test('isTemporaryError: errors of the network and of HTTP/2 sessions, and the time limit of a handshake', async (t) => {
  for (const code of [
    'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH',
    'ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_STREAM_ERROR', 'ERR_HTTP2_SESSION_ERROR'
  ]) t.ok(isTemporaryError(coded(code)), code)
  t.ok(isTemporaryError(new Error('Opening handshake has timed out')))
})

void t.test('isTemporaryError: not certificates, protocols and mistakes of the program', async (t) => {
  for (const error of [
    coded('DEPTH_ZERO_SELF_SIGNED_CERT'), coded('ERR_TLS_CERT_ALTNAME_INVALID'), coded('CERT_HAS_EXPIRED'),
    coded('ERR_HTTP2_ERROR'), coded('ERR_INVALID_ARG_TYPE'), new TypeError('x'),
    new Error('Invalid Sec-WebSocket-Accept header'), new Error('Maximum redirects exceeded')
  ]) t.notOk(isTemporaryError(error), error.message)
})

void t.test('isTemporaryError: a server without Extended CONNECT, only if its connection was lost', async (t) => {
  t.notOk(isTemporaryError(new FST_WS_NO_EXTENDED_CONNECT('http://a')))
  t.notOk(isTemporaryError(new FST_WS_NO_EXTENDED_CONNECT('http://a', { cause: coded('ERR_HTTP2_ERROR') })))
  t.ok(isTemporaryError(new FST_WS_NO_EXTENDED_CONNECT('http://a', { cause: coded('ECONNRESET') })))
})

void t.test('retryAfterOf: seconds, as ms', async (t) => {
  for (const [value, delay] of [
    ['7', 7000], ['0', 0], ['-1', 0], ['1.5', 0], ['Wed, 21 Oct 2015 07:28:00 GMT', 0], [undefined, 0]
  ] as const) t.equal(retryAfterOf(refusal(503, { 'retry-after': value })), delay, String(value))
  t.equal(retryAfterOf(coded('ECONNREFUSED')), 0)
})
