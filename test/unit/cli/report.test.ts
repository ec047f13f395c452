import t from 'tap'
import { formatReport } from '../../../lib/cli/report.ts'
import { attemptOver, resultOf } from '../../helpers/probe.ts'

const LONGEST = 80

void t.test('a report has the facts of the connection, the settings, the socket and the other version', async (t) => {
  t.equal(formatReport(resultOf(), 'WebSocket over HTTP/2 works.'), `wss://localhost/

Connection
  address             127.0.0.1, port 443
  connected in        5.50 ms
  TLS                 TLSv1.3
  certificate         trusted
  ALPN protocol       h2

HTTP/2 settings of the server
  Extended CONNECT    offered
  streams             1024 at most
  initial window      65535 bytes
  header list         no limit

Socket over HTTP/2
  result              opened in 12.3 ms
  status              200
  subprotocol         none
  extensions          none
  ping round trip     p50 0.50 ms, min 0.25 ms, max 4.00 ms (10 pings)
  close code          1000

The same URL
  HTTP/1.1            opened in 12.3 ms, status 101

WebSocket over HTTP/2 works.
`)
})

void t.test('a report without a connection has its reason', async (t) => {
  const error = { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' }
  const socket = attemptOver('2', { outcome: 'failed', error })
  t.equal(formatReport(resultOf({ connection: null, settings: null, socket, otherVersion: null }), 'Nothing listens.'),
    `wss://localhost/

Socket over HTTP/2
  result              failed: connect ECONNREFUSED 127.0.0.1:1

Nothing listens.
`)
})

void t.test('a refusal is reported with its header fields and body', async (t) => {
  const refused = {
    outcome: 'refused' as const,
    status: 403,
    headers: { 'set-cookie': ['a=1', 'b=2'], 'x-empty': '', 'strict-transport-security': 'max-age=1' },
    body: '{"code":"FST_WS_ORIGIN_NOT_ALLOWED"}',
    bodyIsComplete: true
  }
  const report = formatReport(resultOf({ socket: attemptOver('2', refused), otherVersion: attemptOver('1.1', refused) }), '')
  t.match(report, `
  result              refused
  status              403
  body                {"code":"FST_WS_ORIGIN_NOT_ALLOWED"}

Header fields of the response
  set-cookie          a=1
  set-cookie          b=2
  x-empty             (empty)
  strict-transport-security
                      max-age=1

The same URL
  HTTP/1.1            refused with 403: {"code":"FST_WS_ORIGIN_NOT_ALLOWED"}
`)
})

void t.test('an answer and a close reason are reported', async (t) => {
  const answer = { roundTripMs: 250.4, isBinary: false, bytes: 5, text: 'hello' }
  const socket = attemptOver('2', { answer, closeCode: 4001, closeReason: 'bye', pings: null, subprotocol: 'v1' })
  const report = formatReport(resultOf({ socket }), '')
  for (const row of ['subprotocol         v1', 'ping round trip     not answered', 'answer              250 ms: hello', 'close code          4001 (bye)']) {
    t.match(report, `\n  ${row}\n`)
  }
  t.match(formatReport(resultOf({ socket: attemptOver('2', { answer: { ...answer, text: null } }) }), ''), '250 ms: 5 bytes\n')
})

void t.test('without TLS a report has neither ALPN nor a certificate', async (t) => {
  const connection = { ...resultOf().connection!, tlsVersion: null, alpnProtocol: null, certificate: null }
  const report = formatReport(resultOf({ connection }), '')
  t.match(report, '\n  TLS                 no\n')
  t.notMatch(report, /certificate|ALPN/)
})

void t.test('a certificate that is not trusted is reported with the problem', async (t) => {
  const certificate = { trusted: false, code: 'CERT_HAS_EXPIRED', problem: 'it expired on Jan  1 00:00:00 2021 GMT' }
  const report = formatReport(resultOf({ connection: { ...resultOf().connection!, certificate } }), '')
  t.match(report, '  certificate         not trusted: it expired on Jan  1 00:00:00 2021 GMT\n                      (CERT_HAS_EXPIRED)\n')
})

void t.test('a server cannot write to the terminal, and has 80 columns', async (t) => {
  const evil = '\x1b]0;title\x07\x1b[2J\r\n\x9b31m'
  const long = 'x'.repeat(5000)
  const socket = attemptOver('2', {
    headers: { evil, long, words: 'word '.repeat(50), wide: '漢'.repeat(90) },
    subprotocol: evil,
    extensions: evil,
    closeReason: evil,
    answer: { roundTripMs: 1, isBinary: false, bytes: 1, text: evil }
  })
  const report = formatReport(resultOf({ url: `wss://localhost/${long}`, socket }), `${evil} ${long}`)
  const lines = report.split('\n')
  t.notMatch(report.replaceAll('\n', ''), /\p{Cc}/u)
  t.same(lines.filter((line) => [...line].length > LONGEST), [])
  t.match(report, '(5000 characters)')
})
