import { createServer as createHttp1Server } from 'node:http'
import { createSecureServer, createServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Server } from 'node:net'
import fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import websocket from '../../index.ts'
import type { WebsocketPluginOptions } from '../../index.ts'
import { VULNERABILITIES, vulnerabilitiesOf, warnOfNodeVersion } from '../../lib/node-versions.ts'
import { kWarnedOfNodeVersion } from '../../lib/symbols.ts'
import { createCertificate } from '../helpers/certificate.js'
import { captureLogs } from '../helpers/logs.ts'

const certificate = await createCertificate()

/** Releases with security fixes, and what the release before each has. */
const FIXES: Array<[version: string, before: string, fixed: string[]]> = [
  ['20.20.0', '20.19.6', ['CVE-2025-59465']],
  ['20.20.2', '20.20.1', ['CVE-2026-21714']],
  ['22.13.1', '22.13.0', ['CVE-2025-23085']],
  ['22.22.0', '22.21.1', ['CVE-2025-59465']],
  ['22.22.2', '22.22.1', ['CVE-2026-21714']],
  ['22.23.0', '22.22.3', ['CVE-2026-48937', 'CVE-2026-48619']],
  ['22.23.2', '22.23.1', ['CVE-2026-56848', 'CVE-2026-56846']],
  ['22.23.5', '22.23.4', [
    'CVE-2026-123866', 'CVE-2026-123864', 'CVE-2026-123865', 'CVE-2026-123863', 'CVE-2026-123875'
  ]],
  ['23.6.1', '23.6.0', ['CVE-2025-23085']],
  ['24.13.0', '24.12.0', ['CVE-2025-59465']],
  ['24.14.1', '24.14.0', ['CVE-2026-21714']],
  ['24.17.0', '24.16.0', ['CVE-2026-48937', 'CVE-2026-48619']],
  ['24.18.1', '24.18.0', ['CVE-2026-56848', 'CVE-2026-56846']],
  ['24.22.3', '24.22.2', [
    'CVE-2026-123866', 'CVE-2026-123864', 'CVE-2026-126051', 'CVE-2026-123865', 'CVE-2026-123863', 'CVE-2026-123875'
  ]],
  ['25.3.0', '25.2.1', ['CVE-2025-59465']],
  ['25.8.2', '25.8.1', ['CVE-2026-21714']],
  ['26.1.0', '26.0.0', ['CVE-2026-48937']],
  ['26.3.1', '26.3.0', ['CVE-2026-48619']],
  ['26.4.0', '26.3.1', ['CVE-2026-56846']],
  ['26.5.1', '26.5.0', ['CVE-2026-56848']],
  ['26.13.1', '26.13.0', [
    'CVE-2026-123866', 'CVE-2026-123864', 'CVE-2026-126051', 'CVE-2026-123865', 'CVE-2026-123863', 'CVE-2026-123875'
  ]]
]

function idsOf (version: string): string[] {
  return vulnerabilitiesOf(version).map(({ id }) => id)
}

/** Returns what is logged for a server on a version of Node, in a process that has logged no such warning yet. */
function warningsFor (t: Test, server: Server, node: string, runtime = {}): string[] {
  reset(t)
  const warnings: string[] = []
  const log = { warn: (line: string) => { warnings.push(line) } } as unknown as FastifyBaseLogger
  warnOfNodeVersion(server, log, { node, ...runtime })
  warnOfNodeVersion(server, log, { node, ...runtime })
  return warnings
}

function reset (t: Test): void {
  Reflect.deleteProperty(globalThis, kWarnedOfNodeVersion)
  t.teardown(() => Reflect.set(globalThis, kWarnedOfNodeVersion, true))
}

for (const [version, before, fixed] of FIXES) {
  void t.test(`vulnerabilitiesOf: Node.js ${version} fixes ${fixed.join(', ')}`, async (t) => {
    t.same(idsOf(before).filter((id) => !idsOf(version).includes(id)), fixed)
  })
}

void t.test('vulnerabilitiesOf: the newest release of each supported line has none', async (t) => {
  for (const version of ['22.23.5', '24.22.3', '26.13.1', '22.23.6', '24.23.0', '26.14.0']) t.same(idsOf(version), [])
})

void t.test('vulnerabilitiesOf: the last release of a line without support has what was found later', async (t) => {
  for (const version of ['20.20.2', '23.11.1', '25.9.0']) {
    t.equal(idsOf(version)[0], 'CVE-2026-123866', version)
    t.ok(idsOf(version).includes('CVE-2026-56848'), version)
  }
  t.notOk(idsOf('20.20.2').includes('CVE-2026-21714'))
  t.ok(idsOf('21.7.3').includes('CVE-2025-23085'))
})

void t.test('vulnerabilitiesOf: a version that is newer than the table has none, nor has a prerelease', async (t) => {
  for (const version of ['20.20.3', '23.12.0', '25.10.0', '27.0.0', '28.1.0']) t.same(idsOf(version), [], version)
  for (const version of ['26.0.0-rc.1', '27.0.0-nightly20261101abc', '24.0.0-pre', '']) t.same(idsOf(version), [], version)
})

void t.test('every vulnerability says what it concerns, once', async (t) => {
  t.equal(new Set(VULNERABILITIES.map(({ id }) => id)).size, VULNERABILITIES.length)
  for (const { id, impact, fixed, unfixed } of VULNERABILITIES) {
    t.match(id, /^CVE-20\d\d-\d{5,6}$/)
    t.match(impact, /^[a-z].*[^.]$/, id)
    const lines = [...fixed.map((version) => Number.parseInt(version)), ...unfixed]
    t.equal(new Set(lines).size, lines.length, `${id}: a line is either fixed or not`)
  }
})

void t.test('warnOfNodeVersion: names the version, the vulnerabilities, the fixed release and the option, once', async (t) => {
  t.same(warningsFor(t, createServer(), '24.18.0'), [
    'Node.js 24.18.0 has a vulnerability with which a peer can read response data of other connections ' +
    '(CVE-2026-123866), and has CVE-2026-56848, CVE-2026-123865, CVE-2026-123863, CVE-2026-56846, CVE-2026-123875. ' +
    'Use Node.js 24.22.3 or later. "nodeVersionWarning: false" disables this warning'
  ])
})

void t.test('warnOfNodeVersion: a line without support is named as such, with the releases to use', async (t) => {
  const [warning] = warningsFor(t, createServer(), '20.20.2')
  t.match(warning, /^Node\.js 20\.20\.2 has a vulnerability with which a peer can read response data/)
  const advice = 'Node.js 20 is end-of-life and has no release without it: use Node.js 24.22.3 or 26.13.1, or later'
  t.ok(warning?.includes(`. ${advice}. `))
})

void t.test('warnOfNodeVersion: a server over TLS is also warned of vulnerabilities of TLS', async (t) => {
  const [secure] = warningsFor(t, createSecureServer(certificate), '26.12.1')
  t.match(secure, /CVE-2026-123866.*CVE-2026-126051/)
  const [http1] = warningsFor(t, createHttpsServer(certificate), '26.12.1')
  t.match(http1, /CVE-2026-123864.*CVE-2026-126051/)
  t.notMatch(http1, /CVE-2026-123866/)
})

void t.test('warnOfNodeVersion: a server without HTTP/2 and TLS is not warned', async (t) => {
  t.same(warningsFor(t, createHttp1Server(), '20.19.0'), [])
})

void t.test('warnOfNodeVersion: another runtime, which has the version of Node.js that it imitates, is not warned of', async (t) => {
  t.same(warningsFor(t, createServer(), '20.20.2', { bun: '1.4.5' }), [])
  t.same(warningsFor(t, createServer(), '20.20.2', { deno: '2.9.6' }), [])
})

void t.test('warnOfNodeVersion: a version without vulnerabilities is not warned of', async (t) => {
  for (const version of ['26.13.1', '27.0.0']) t.same(warningsFor(t, createSecureServer(certificate), version), [])
})

/** Registers the plugin, and adds a websocket route if there is to be one. Returns what was logged. */
async function register (t: Test, server: object, options: WebsocketPluginOptions, hasRoute = true): Promise<string[]> {
  reset(t)
  const { logger, logs } = captureLogs('warn')
  const app: FastifyInstance = fastify({ logger, ...server } as object)
  t.teardown(() => app.close())
  await app.register(websocket, options)
  if (hasRoute) app.get('/', { websocket: true }, () => {})
  await app.ready()
  return logs.map(({ msg }) => msg)
}

const isVulnerable = vulnerabilitiesOf(process.versions.node).some(({ concerns }) => concerns === 'http2')

void t.test('an HTTP/2 server with a websocket route warns if the running Node.js is vulnerable', async (t) => {
  const logged = await register(t, { http2: true }, {})
  t.equal(logged.length, isVulnerable ? 1 : 0)
  t.match(logged.join(''), isVulnerable ? `Node.js ${process.versions.node} has a vulnerability` : /^$/)
})

void t.test('without a websocket route, without HTTP/2, or with nodeVersionWarning: false, it does not warn', async (t) => {
  t.same(await register(t, { http2: true }, {}, false), [])
  t.same(await register(t, {}, {}), [])
  t.same(await register(t, { http2: true }, { nodeVersionWarning: false }), [])
})
