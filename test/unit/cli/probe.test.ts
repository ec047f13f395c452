import { createSecureServer } from 'node:http2'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { diagnose } from '../../../lib/cli/diagnosis.ts'
import { toExitCode } from '../../../lib/cli/exit-codes.ts'
import { probe } from '../../../lib/cli/probe.ts'
import type { ProbeRequest, ProbeResult } from '../../../lib/cli/result.ts'
import { byName, readPage } from '../../docs/pages.ts'
import { echo } from '../../helpers/echo.ts'
import { listen, requestFor } from '../../helpers/probe.ts'
import { H1, H1_BESIDE_H2, H1_TLS, H2C, H2_TLS, certificate, start } from '../../helpers/transports.ts'
import type { Transport } from '../../helpers/transports.ts'

type Outcome = ProbeResult & { exitCode: number, diagnosis: string }

async function run (url: string, properties: Partial<ProbeRequest> = {}): Promise<Outcome> {
  const request = requestFor(url, properties)
  const result = await probe(request)
  const exitCode = toExitCode(result, request.send !== undefined)
  return { ...result, exitCode, diagnosis: diagnose(request, result) }
}

async function serve (t: Test, transport: Transport): Promise<string> {
  const { origin } = await start(t, transport, (app) => {
    app.get('/echo', { websocket: { protocols: ['v1'] } }, echo)
    app.get('/private', { websocket: true, preHandler: async (_request, reply) => reply.code(401).send() }, () => {})
    app.get('/closing', { websocket: true }, (socket) => socket.close(1011, 'broken'))
    app.get('/who', { websocket: true }, (socket, { headers: { authorization, cookie } }) => {
      socket.on('message', () => socket.send(`${authorization} ${cookie}`))
    })
  })
  return origin.replace('http', 'ws')
}

interface Expected {
  exitCode: number
  over: '1.1' | '2'
  other: string
}

const RUNS: Array<[Transport, '1.1' | '2' | undefined, Expected]> = [
  [H2_TLS, undefined, { exitCode: 0, over: '2', other: 'failed' }],
  [H1_BESIDE_H2, undefined, { exitCode: 0, over: '2', other: 'opened' }],
  [H1_BESIDE_H2, '1.1', { exitCode: 0, over: '1.1', other: 'opened' }],
  [H1_TLS, undefined, { exitCode: 3, over: '1.1', other: 'unavailable' }],
  [H1_TLS, '1.1', { exitCode: 0, over: '1.1', other: 'unavailable' }],
  [H1, undefined, { exitCode: 0, over: '1.1', other: 'unavailable' }],
  [H2C, '2', { exitCode: 0, over: '2', other: 'failed' }]
]

for (const [transport, http, { exitCode, over, other }] of RUNS) {
  void t.test(`${transport.name}, --http ${http}: the socket opens over HTTP/${over}`, async (t) => {
    const result = await run(`${await serve(t, transport)}/echo`, { http, send: 'hello', protocols: ['v1'] })
    t.match(result, {
      exitCode,
      connection: { address: '127.0.0.1', tlsVersion: transport.secure ? 'TLSv1.3' : null },
      socket: {
        httpVersion: over,
        outcome: 'opened',
        status: over === '2' ? 200 : 101,
        headers: { 'sec-websocket-protocol': 'v1' },
        subprotocol: 'v1',
        pings: { count: 10 },
        answer: { text: 'hello' },
        closeCode: 1000
      }
    })
    const { outcome } = result.otherVersion!
    // Node's HTTP/2 server answers a client without h2 with an alert of TLS, or with 403.
    t.equal(outcome === 'refused' ? 'failed' : outcome, other)
  })
}

void t.test('a server for HTTP/2 only is named as one', async (t) => {
  const origin = await serve(t, H2_TLS)
  t.match((await run(`${origin}/echo`)).diagnosis, /The server speaks HTTP\/2 only/)
  t.match(await run(`${origin}/echo`, { http: '1.1' }), { otherVersion: { outcome: 'opened' }, diagnosis: /opens over HTTP\/2\.$/ })
  t.match(await run(`${await serve(t, H2C)}/echo`), { exitCode: 5, diagnosis: /HTTP\/2 only.* opens over HTTP\/2\.$/ })
})

void t.test('header fields, also those of a user in the URL, are sent over both versions', async (t) => {
  const origin = await serve(t, H1_BESIDE_H2)
  const headers = { authorization: 'Bearer tea', cookie: 'a=1' }
  for (const http of ['1.1', '2'] as const) {
    t.match(await run(`${origin}/who`, { http, headers, send: 'x' }), { socket: { answer: { text: 'Bearer tea a=1' } } })
  }
})

void t.test('a refusal, an Origin that is not allowed, and a closing server have their exit codes', async (t) => {
  const origin = await serve(t, H1_BESIDE_H2)
  t.match(await run(`${origin}/private`), { exitCode: 4, socket: { status: 401 }, otherVersion: { status: 401 } })
  t.match(await run(`${origin}/nowhere`), { exitCode: 4, socket: { status: 404 }, otherVersion: { body: /NO_WEBSOCKET_ROUTE/ } })
  t.match(await run(`${origin}/echo`, { origin: 'https://evil.example' }), {
    exitCode: 4, diagnosis: /does not allow pages of the origin https:\/\/evil\.example/
  })
  t.match(await run(`${origin}/closing`), { exitCode: 6, socket: { closeCode: 1011, endedEarly: true } })
})

void t.test('HTTP/2 without RFC 8441 is named as the reason for HTTP/1.1', async (t) => {
  const port = await listen(t, createSecureServer({ ...certificate, allowHTTP1: true }, (_request, response) => response.end('page')))
  t.match(await run(`wss://127.0.0.1:${port}`), {
    exitCode: 4,
    connection: { alpnProtocol: 'h2' },
    settings: { enableConnectProtocol: false },
    socket: { httpVersion: '1.1', outcome: 'refused', status: 200, body: 'page' },
    otherVersion: { outcome: 'unavailable' },
    diagnosis: /as to a plain request.*does not offer Extended CONNECT/
  })
  t.match(await run(`wss://127.0.0.1:${port}`, { http: '2' }), { exitCode: 3, socket: { outcome: 'unavailable' } })
  const onlyHttp2 = await listen(t, createSecureServer(certificate))
  t.match(await run(`wss://127.0.0.1:${onlyHttp2}`), { settings: { enableConnectProtocol: false }, socket: { httpVersion: '1.1' } })
})

void t.test('peers that cannot be used have a reason, and exit code 5', async (t) => {
  t.match(await run('ws://127.0.0.1:1'), { exitCode: 5, connection: null, otherVersion: null })
  t.match(await run(`${await serve(t, H2_TLS)}/echo`, { insecure: false }), {
    exitCode: 5, connection: { certificate: { trusted: false } }, settings: null, otherVersion: null
  })
  const notTls = await listen(t, createServer((socket) => socket.write('SSH-2.0\r\n')))
  t.match(await run(`wss://127.0.0.1:${notTls}`), { exitCode: 5, diagnosis: /does not speak TLS/ })
  const notHttp = await listen(t, createTlsServer(certificate, (socket) => socket.write('SSH-2.0\r\n')))
  t.match(await run(`wss://127.0.0.1:${notHttp}`), { exitCode: 5, diagnosis: /not answer in HTTP\/1\.1/ })
  const notHttp2 = createTlsServer({ ...certificate, ALPNProtocols: ['h2'] }, (socket) => socket.write('SSH-2.0\r\n'))
  t.match(await run(`wss://127.0.0.1:${await listen(t, notHttp2)}`, { http: '2' }), { exitCode: 3, socket: { outcome: 'unavailable' } })
  const silent = await listen(t, createServer())
  t.match(await run(`ws://127.0.0.1:${silent}`, { timeout: 200 }), { exitCode: 5, socket: { error: { code: 'ETIMEDOUT' } } })
  t.match(await run(`ws://127.0.0.1:${silent}`, { timeout: 200, http: '2' }), { exitCode: 5, socket: { error: { code: 'ETIMEDOUT' } } })
})

void t.test('docs/probe.md lists the keys of the result', async (t) => {
  const origin = await serve(t, H2_TLS)
  const results = [
    await run(`${origin}/echo`, { send: 'x', protocols: ['v1'] }), await run(`${origin}/echo`, { http: '1.1' })
  ]
  const keys = new Set(results.flatMap((result) => keysOf({ ...result, otherVersion: null })))
  const leaves = [...keys].filter((key) => ![...keys].some((other) => other.startsWith(`${key}.`)))
  const table = readPage('docs/probe.md').tables.find(({ section }) => section === 'JSON')!
  t.same([...byName(table).keys()].sort(), leaves.sort())
  for (const { socket, otherVersion } of results) t.same(Object.keys(otherVersion!), Object.keys(socket))
})

/** Returns the paths of the values of an object. Header fields have names of their own. */
function keysOf (value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, nested]) => {
    const path = prefix + key
    const isObject = typeof nested === 'object' && nested !== null && key !== 'headers'
    return isObject ? keysOf(nested, `${path}.`) : [path]
  })
}
