import t from 'tap'
import { explainStatus } from '../../../lib/cli/status-causes.ts'
import { attemptOver, requestFor } from '../../helpers/probe.ts'

function explain (status: number, headers = {}, request = requestFor('wss://example.com/chat')): string {
  return explainStatus(request, attemptOver('1.1', { outcome: 'refused', status, headers })).join(' ')
}

void t.test('a refusal is explained by its status', async (t) => {
  t.match(explain(400), /an invalid one/)
  t.match(explain(401), /expects credentials: pass them with --header/)
  t.equal(explain(404), 'It has no websocket route for "/chat".')
  t.match(explain(405), /arrived as a plain request/)
  t.match(explain(407), /a proxy that expects credentials/)
  t.match(explain(426), /arrived as a plain request.*nginx needs/)
  t.match(explain(431), /too large/)
  t.match(explain(501), /:protocol/)
  for (const status of [502, 504]) t.match(explain(status), /a proxy that cannot reach the app/)
  t.match(explain(500), /its log has the error/)
  t.match(explain(200), /as to a plain request/)
  t.equal(explain(418), '')
})

void t.test('403 is explained by the Origin that was sent', async (t) => {
  t.match(explain(403), /credentials, or the Origin of a web page/)
  const origin = 'https://a.example'
  const expected = 'It probably does not allow pages of the origin https://a.example: see the option "origin", and "trustProxy" behind a proxy.'
  t.equal(explain(403, {}, requestFor('wss://b.example', { origin })), expected)
  t.equal(explain(403, {}, requestFor('wss://b.example', { headers: { origin } })), expected)
})

void t.test('403 names an Origin that no browser sends', async (t) => {
  for (const origin of ['example.com', 'localhost:8443', 'https://a.example/', 'https://a.example/chat']) {
    const expected = `No browser sends the Origin "${origin}": it needs a scheme, and no path, as in "https://example.com".`
    t.equal(explain(403, {}, requestFor('wss://a.example', { origin })), expected)
  }
  for (const origin of ['null', 'https://a.example:8443', 'https://[::1]:8443', 'chrome-extension://abcdef']) {
    t.match(explain(403, {}, requestFor('wss://a.example', { origin })), 'does not allow pages of the origin', origin)
  }
})

void t.test('429 and 503 have their retry-after, a redirect its location', async (t) => {
  t.equal(explain(503), 'The server is closing or at a limit, such as maxSockets.')
  t.match(explain(503, { 'retry-after': '5' }), /maxSockets, and asks to retry after 5 \(retry-after\)\./)
  t.match(explain(429, { 'retry-after': '5' }), /too many requests, and asks to retry after 5/)
  t.match(explain(302, { location: 'https://x/' }), /redirects to https:\/\/x\/,/)
  t.equal(explain(302), 'It redirects.')
})
