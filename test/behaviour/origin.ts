import fastify from 'fastify'
import t from 'tap'
import websocket from '../../index.ts'
import { addEcho } from '../helpers/echo.ts'
import { INFO, linesWithError } from '../helpers/logs.ts'
import { scenarios, start } from '../helpers/transports.ts'
import type { Transport } from '../helpers/transports.ts'

const OTHER = 'https://evil.example'

/** The option `origin`: pages that may open sockets. */
export function testOrigin (transport: Transport): void {
  const scenario = scenarios(transport)

  scenario('a page of the server\'s own origin, and a client without an Origin, open a socket', addEcho, async (t, { open, origin }) => {
    await open('/echo', { origin })
    await open('/echo', { origin: origin.toUpperCase() })
    await open('/echo')
    t.pass()
  })

  scenario('a page of another origin is refused with 403, and one log line says what to do', (app) => {
    app.get('/echo', { websocket: true }, () => app.server.emit('handler'))
    app.addHook('onRequest', async () => { app.server.emit('hook') })
  }, async (t, { app, logs, refused, origin }) => {
    app.server.on('handler', () => t.fail('the handler ran')).on('hook', () => t.fail('a hook ran'))
    const { host, hostname } = new URL(origin)
    const known = transport.secure ? `"https://${host}"` : `the host "${host}"`
    for (const other of [OTHER, `http://${hostname}`, `${origin}1`, `${origin}.evil.example`, `http://${host}@evil.example`,
      'null', 'file://', '', `${origin}, ${OTHER}`, `${origin}/`, `chrome-extension://${host}`]) {
      logs.length = 0
      t.equal((await refused('/echo', { headers: { origin: other } })).status, 403, other)
      const [line, ...more] = linesWithError(logs)
      t.same(more, [])
      t.match(line, {
        level: INFO,
        err: {
          code: 'FST_WS_ORIGIN_NOT_ALLOWED',
          message: `websocket handshake from origin "${other}" refused: it was compared with ${known}. ` +
            'To allow it, list it in the option "origin" of fastify-websocket-h2; ' +
            'behind a proxy that replaces Host, set trustProxy of Fastify (see docs/migration.md)'
        }
      })
    }
  })

  if (transport.secure) {
    scenario('a page without TLS is another origin', addEcho, async (t, { refused, origin }) => {
      t.equal((await refused('/echo', { origin: origin.replace('https:', 'http:') })).status, 403)
    })
  } else {
    scenario('behind a proxy that terminates TLS, a page over TLS opens a socket', addEcho, async (t, { open, origin }) => {
      await open('/echo', { origin: origin.replace('http:', 'https:') })
      await open('/echo', { origin: origin.replace('http:', 'https:'), headers: { 'x-forwarded-proto': 'http' } })
      t.pass()
    })
  }

  scenario('X-Forwarded-Host is ignored without trustProxy', addEcho, async (t, { refused }) => {
    t.equal((await refused('/echo', { origin: OTHER, headers: { 'x-forwarded-host': 'evil.example' } })).status, 403)
  })

  void t.test(`${transport.name}: with trustProxy, X-Forwarded-Host and X-Forwarded-Proto are compared`, async (t) => {
    const { open, refused, origin } = await start(t, transport, addEcho, {}, { trustProxy: true })
    const forwarded = (proto: string): Record<string, string> => ({ 'x-forwarded-host': 'example.com', 'x-forwarded-proto': proto })
    await open('/echo', { origin: 'https://example.com', headers: forwarded('https') })
    await open('/echo', { origin: 'https://example.com', headers: forwarded('wss') })
    await open('/echo', { origin: 'http://example.com', headers: forwarded('ws') })
    t.equal((await refused('/echo', { origin: 'https://example.com', headers: forwarded('http') })).status, 403)
    t.equal((await refused('/echo', { origin: 'http://example.com', headers: forwarded('https') })).status, 403)
    t.equal((await refused('/echo', { origin, headers: forwarded('https') })).status, 403)
  })

  void t.test(`${transport.name}: a proxy whose address trustProxy does not contain is not believed`, async (t) => {
    const { open, refused, origin } = await start(t, transport, addEcho, {}, { trustProxy: '10.0.0.1' })
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    t.equal((await refused('/echo', { origin: OTHER, headers })).status, 403)
    await open('/echo', { origin, headers })
  })

  scenario('origin: false allows every origin', addEcho, async (t, { open }) => {
    for (const origin of [OTHER, 'null', 'not an origin']) await open('/echo', { headers: { origin } })
    t.pass()
  }, { origin: false })

  scenario('origin: a list allows its origins and no other', addEcho, async (t, { open, refused, origin }) => {
    for (const allowed of [origin, 'https://app.example', 'https://APP.example:443', 'https://a.pages.example', 'file://']) {
      await open('/echo', { origin: allowed })
    }
    for (const other of ['http://app.example', 'https://app.example:8443', 'https://a.pages.example.evil.example', 'null']) {
      t.equal((await refused('/echo', { origin: other })).status, 403, other)
    }
  }, { origin: ['same', 'https://app.example', /^https:\/\/[a-z]+\.pages\.example$/g, 'file://'] })

  scenario('origin: a global RegExp gives the same answer each time', addEcho, async (t, { open }) => {
    for (let count = 0; count < 3; count++) await open('/echo', { origin: 'https://app.example' })
    t.pass()
  }, { origin: /example/gy })

  scenario('origin: a function decides, and may return a promise', addEcho, async (t, { open, refused }) => {
    await open('/echo?tenant=a', { origin: 'https://a.example' })
    await open('/echo', { origin: 'null' })
    await open('/echo')
    t.equal((await refused('/echo?tenant=b', { origin: 'https://a.example' })).status, 403)
    t.equal((await refused('/echo', { origin: 'https://a.example, null' })).status, 403)
  }, {
    origin: async (origin, { query }) => origin === 'null' || origin === `https://${(query as { tenant: string }).tenant}.example`
  })

  for (const [verb, origin] of [
    ['throws', () => { throw new Error('broken') }], ['rejects', async () => await Promise.reject(new Error('broken'))]
  ] as const) {
    scenario(`origin: a function that ${verb} refuses the handshake with 500`, addEcho, async (t, { logs, refused }) => {
      t.equal((await refused('/echo', { origin: OTHER })).status, 500)
      t.same(linesWithError(logs).map(({ err }) => err?.message), ['broken'])
    }, { origin })
  }

  scenario('origin: a route has its own', (app) => {
    app.get('/public', { websocket: { origin: false } }, () => {})
    app.get('/partner', { websocket: { origin: 'https://partner.example' } }, () => {})
    addEcho(app)
  }, async (t, { open, refused }) => {
    await open('/public', { origin: OTHER })
    await open('/partner', { origin: 'https://partner.example' })
    await open('/echo', { origin: 'https://default.example' })
    t.equal((await refused('/partner', { origin: 'https://default.example' })).status, 403)
    t.equal((await refused('/echo', { origin: OTHER })).status, 403)
  }, { origin: 'https://default.example' })

  scenario('the error handler of Fastify answers a handshake of another origin', (app) => {
    app.setErrorHandler((error, _request, reply) => reply.code(418).header('x-code', (error as { code: string }).code).send())
    addEcho(app)
  }, async (t, { refused }) => {
    const { status, headers } = await refused('/echo', { origin: OTHER })
    t.equal(status, 418)
    t.equal(headers['x-code'], 'FST_WS_ORIGIN_NOT_ALLOWED')
  })

  scenario('an upgrade from another origin to an unknown path is refused with 404', addEcho, async (t, { refused }) => {
    t.equal((await refused('/nowhere', { origin: OTHER })).status, 404)
  })

  void t.test(`${transport.name}: injectWS sends no Origin unless it is asked to, and no hook runs for another origin`, async (t) => {
    const app = fastify({ ...transport.server })
    t.teardown(() => app.close())
    const calls: unknown[] = []
    app.addHook('onRequest', async ({ headers }) => { calls.push(headers.origin) })
    await app.register(websocket)
    addEcho(app)
    const http = transport.httpVersion === '2.0' ? '2' : '1.1'
    const socket = await app.injectWS('/echo', {}, { http })
    socket.terminate()
    await t.rejects(app.injectWS('/echo', { headers: { origin: OTHER } }, { http }), { name: 'Error', statusCode: 403 })
    t.same(calls, [undefined])
  })
}
