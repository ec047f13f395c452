import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { VerifyClient } from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { errorsIn } from '../helpers/logs.ts'
import { scenarios } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'
import { nextText, waitTurns, waitUntil } from '../helpers/waiting.ts'
import { checkEcho, checkRefusal } from './checks.ts'
import { THROWN_VALUES } from './thrown-values.ts'

/** The option `verifyClient`: its arguments, its results, and its errors. */
export function testVerifyClient (transport: Transport): void {
  const scenario = scenarios(transport)

  // Accepting and refusing

  scenario('verifyClient that returns false refuses with 401', addEcho, async (t, { refused }) => {
    t.equal((await refused('/echo', { origin: 'https://evil.example' })).status, 401)
  }, { origin: false, options: { verifyClient: ({ origin }: { origin: string }) => origin !== 'https://evil.example' } })

  scenario('verifyClient receives the origin, the request and whether the connection is secure', addEcho, async (t, { open }) => {
    const socket = await open('/echo', { origin: 'https://good.example' })
    socket.send('in')
    t.equal(await nextText(socket), 'in')
  }, {
    origin: false,
    options: {
      verifyClient: ({ origin, secure, req }: { origin: string, secure: boolean, req: IncomingMessage }) =>
        origin === 'https://good.example' && secure === transport.secure && req.url === '/echo'
    }
  })

  scenario('properties that verifyClient sets on the request reach the handler', (app) => {
    app.get('/', { websocket: true }, (socket, { raw }) => socket.send((raw as { user?: string }).user ?? 'nobody'))
  }, async (t, { open }) => {
    t.equal(await nextText(await open('/')), 'somebody')
  }, {
    options: {
      verifyClient: ({ req }: { req: IncomingMessage }) => Object.assign(req, { user: 'somebody' }) === req
    }
  })

  scenario('verifyClient accepts with its callback', addEcho, async (t, { open }) => {
    const socket = await open('/echo')
    socket.send('verified')
    t.equal(await nextText(socket), 'verified')
  }, { options: { verifyClient: (_info, callback) => setImmediate(callback, true) } })

  scenario('verifyClient refuses with its callback, a status and headers', addEcho, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 429)
    t.equal(headers['retry-after'], '7')
  }, {
    options: {
      verifyClient: (_info, callback) => setImmediate(callback, false, 429, 'Too Many Requests', { 'Retry-After': '7' })
    }
  })

  scenario('an async verifyClient accepts, refuses with 401, or is answered with 500 if it rejects', addEcho, async (t, { open, refused, logs }) => {
    t.equal((await refused('/echo')).status, 401)
    t.equal((await refused('/echo', { origin: 'https://broken.example' })).status, 500)
    t.match(errorsIn(logs), [{ msg: 'verifyClient failed', err: { message: 'broken' } }])
    await open('/echo', { origin: 'https://example.org' })
  }, {
    origin: false,
    options: {
      verifyClient: async ({ origin }) => {
        if (origin === 'https://broken.example') throw new Error('broken')
        return origin === 'https://example.org'
      }
    }
  })

  scenario('verifyClient refuses with its callback, a status text, and headers of every type', addEcho, async (t, { refused }) => {
    const { status, headers } = await refused('/echo')
    t.equal(status, 403)
    t.match(headers, { 'x-name': 'caf\xe9', 'x-number': '7', 'set-cookie': ['a=1', 'b=2'], 'www-authenticate': 'Basic' })
    t.notOk('x-none' in headers)
    t.notOk('transfer-encoding' in headers)
  }, {
    options: {
      verifyClient: (_info, done) => done(false, 403, 'caf\xe9 \u20ac\r\nx-split: c', {
        'X-Name': 'caf\xe9',
        'x-number': 7,
        'x-none': undefined,
        'set-cookie': ['a=1', 'b=2'],
        'WWW-Authenticate': 'Basic',
        'Transfer-Encoding': 'chunked',
        'Content-Length': '1'
      })
    }
  })

  for (const [status, expected] of [[undefined, 401], [0, 401], ['403', 403], [300, 300], [304, 304], [499, 499], [599, 599]] as const) {
    scenario(`verifyClient that refuses with the status ${status} is answered with ${expected}`, addEcho, async (t, fixture) => {
      t.equal((await fixture.refused('/echo')).status, expected)
      t.same(errorsIn(fixture.logs), [])
    }, { options: { verifyClient: (_info, done) => done(false, status as number) } })
  }

  // Invalid refusals

  const invalidHeaders: Array<[problem: string, headers: OutgoingHttpHeaders]> = [
    ['a line break in a header value', { 'x-a': 'b\r\nx-split: c' }],
    ['a line break in a header name', { 'x-a: b\r\nx-split': 'c' }],
    ['a header value beyond Latin-1', { 'x-a': '\u010d\u010ax-split: c' }],
    ['a line break in one of several header values', { 'x-a': ['b', 'c\nx-split: d'] }],
    ['an empty header name', { '': 'a' }]
  ]
  for (const [problem, headers] of invalidHeaders) {
    scenario(`verifyClient that refuses with ${problem} is answered with 500 and logged`, addEcho, async (t, fixture) => {
      await checkRefusal(t, fixture, 500, 'FST_WS_INVALID_HEADER')
    }, { options: { verifyClient: (_info, done) => setImmediate(done, false, 401, 'no', headers) } })
  }

  for (const status of [99, 101, 200, 204, 299, 600, 1000, 401.5, -1, Infinity, 'abc', '401\r\nx-split: c', {}, Symbol('x')]) {
    scenario(`verifyClient that refuses with the status ${String(status)} is answered with 500 and logged`, addEcho, async (t, fixture) => {
      const code = typeof status === 'symbol' ? undefined : 'FST_WS_INVALID_REFUSAL'
      await checkRefusal(t, fixture, 500, code)
    }, { options: { verifyClient: (_info, done) => done(false, status as number) } })
  }

  // Errors

  scenario('verifyClient that throws is answered with 500 and logged', addEcho, async (t, { refused, logs }) => {
    t.equal((await refused('/echo')).status, 500)
    t.match(errorsIn(logs), [{ err: { message: 'broken' } }])
  }, { options: { verifyClient: () => { throw new Error('broken') } } })

  const failing: Array<[behaviour: string, verifyClient: VerifyClient]> = [
    ['has two parameters and rejects', async (_info, _done) => { throw new Error('boom') }],
    ['has two parameters and rejects later', async (_info, _done) => { await waitTurns(); throw new Error('boom') }],
    ['has one parameter and rejects', async () => { throw new Error('boom') }],
    ['has two parameters and throws', (_info, _done) => { throw new Error('boom') }],
    ['returns an object whose then() throws', () => ({ then () { throw new Error('boom') } })]
  ]
  for (const [behaviour, verifyClient] of failing) {
    scenario(`verifyClient that ${behaviour} is answered with 500 and logged once`, addEcho, async (t, fixture) => {
      t.equal((await fixture.refused('/echo')).status, 500)
      t.same(errorsIn(fixture.logs).map(({ err }) => err?.message), ['boom'])
    }, { options: { verifyClient } })
  }

  for (const [name, create] of THROWN_VALUES) {
    for (const [behaviour, verifyClient] of [
      ['rejects with', async (_info, _done) => { throw create() }],
      ['throws', () => { throw create() }]
    ] as Array<[string, VerifyClient]>) {
      scenario(`verifyClient that ${behaviour} ${name} is answered with 500 and logged once`, addEcho, async (t, fixture) => {
        t.equal((await fixture.refused('/echo')).status, 500)
        t.equal(errorsIn(fixture.logs).length, 1)
      }, { options: { verifyClient } })
    }
  }

  // Several results

  const repeated: Array<[behaviour: string, verifyClient: VerifyClient, opens: boolean]> = [
    ['accepts twice', (_info, done) => { done(true); done(true); setImmediate(done, true) }, true],
    ['accepts, then refuses', (_info, done) => { done(true); done(false, 403); setImmediate(done, false, 403) }, true],
    ['refuses, then accepts', (_info, done) => { done(false, 403); done(true); setImmediate(done, true) }, false],
    ['refuses twice', (_info, done) => { done(false, 403); done(false, 404); setImmediate(done, false, 404) }, false],
    ['accepts with its callback and refuses with its promise', async (_info, done) => { done(true); return false }, true],
    ['refuses with its callback and accepts with its promise', async (_info, done) => { done(false, 403); return true }, false]
  ]
  for (const [behaviour, verifyClient, opens] of repeated) {
    scenario(`the first result counts of a verifyClient that ${behaviour}`, addEcho, async (t, fixture) => {
      if (opens) await checkEcho(t, fixture)
      else t.equal((await fixture.refused('/echo')).status, 403)
      t.same(errorsIn(fixture.logs), [])
    }, { options: { verifyClient } })
  }

  for (const [behaviour, verifyClient] of [
    ['rejects', async (_info, done) => { done(true); throw new Error('boom') }],
    ['throws', (_info, done) => { done(true); throw new Error('boom') }]
  ] as Array<[string, VerifyClient]>) {
    scenario(`verifyClient that ${behaviour} after it has accepted opens a socket, and its error is logged`, addEcho, async (t, fixture) => {
      await checkEcho(t, fixture)
      t.same(errorsIn(fixture.logs).map(({ err }) => err?.message), ['boom'])
    }, { options: { verifyClient } })
  }

  // handshakeTimeout

  let verdict!: (verified: boolean) => void
  scenario('verifyClient that calls back after handshakeTimeout opens no socket', (app) => {
    addEcho(app)
    app.get('/never', { websocket: true }, () => { throw new Error('a handler was called') })
  }, async (t, { app, logs, open, refused }) => {
    t.equal((await refused('/never')).status, 503)
    verdict(true)
    t.equal((await refused('/never')).status, 503)
    verdict(false)
    t.equal((await open('/echo')).readyState, 1)
    t.equal(app.websocketServer.clients.size, 1)
    t.same(errorsIn(logs), [])
  }, {
    handshakeTimeout: 50,
    options: {
      verifyClient ({ req }, done) {
        if (req.url === '/echo') done(true)
        else verdict = done
      }
    }
  })

  const late = new EventEmitter()
  scenario('verifyClient that rejects after handshakeTimeout is logged, and changes nothing else', addEcho, async (t, fixture) => {
    t.equal((await fixture.refused('/echo?late')).status, 503)
    late.emit('continue')
    await waitUntil(() => errorsIn(fixture.logs).length > 0)
    t.equal(errorsIn(fixture.logs)[0]?.err?.message, 'boom')
    await checkEcho(t, fixture)
  }, {
    handshakeTimeout: 50,
    options: {
      verifyClient: async ({ req }, done) => {
        if (!req.url?.includes('late')) return done(true)
        await once(late, 'continue')
        throw new Error('boom')
      }
    }
  })

  scenario('an error in a \'headers\' listener after an async verifyClient is answered with 500 and logged', addEcho, async (t, fixture) => {
    fixture.app.websocketServer.on('headers', () => { throw new Error('boom') })
    t.equal((await fixture.refused('/echo')).status, 500)
    t.same(errorsIn(fixture.logs).map(({ err }) => err?.message), ['boom'])
  }, { options: { verifyClient: async () => { await waitTurns(); return true } } })
}
