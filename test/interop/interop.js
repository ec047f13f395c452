/**
 * Real clients and proxies against the built plugin on a real Fastify server, each proved at the server.
 *
 *   npm run interop                      all that this machine has; what it has not is named
 *   npm run interop -- firefox envoy     those that have one of these in their name
 *   npm run interop -- --all             fails where one is not installed
 *   npm run interop:install              brings the rest
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeCertificate } from './certificate.js'
import { CLIENTS } from './clients.js'
import { meetDirectly } from './direct.js'
import { CACHE } from './programs.js'
import { PROXIES } from './proxies/index.js'
import { Report } from './report.js'
import { meetThrough } from './through.js'

const FOLDER = join(CACHE, 'run')
const ENV = { NODE_EXTRA_CA_CERTS: join(FOLDER, 'ca.pem'), SSL_CERT_FILE: join(FOLDER, 'ca.pem') }

/** What goes through each proxy: clients of HTTP/1.1, of HTTP/2, and a browser. */
const FRONTS = [['ws', false], ['ws', true], ['Go', true], ['Chromium', true]]

const { positionals: words, values: { all } } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true })
const report = new Report()

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
await writeCertificate(FOLDER)
for (const client of CLIENTS.filter(isWanted)) await meetClient(client)
await meetProxies(PROXIES.filter(isWanted))
await writeFile(join(CACHE, 'results.json'), JSON.stringify(report, undefined, 2))
console.log(report.format())
process.exit(report.hasFailed || (all && report.skipped.length > 0) ? 1 : 0)

function isWanted ({ name }) {
  return words.length === 0 || words.some((word) => name.toLowerCase().includes(word.toLowerCase()))
}

async function meetClient (client) {
  const agent = await startAgent(client)
  if (agent === undefined) return report.skip(client)
  await meetOrReport(client.name, agent.version, () => meetDirectly(client, agent, FOLDER, report))
  await agent.kill()
}

/** What keeps one peer from being met at all leaves the others to be met. */
async function meetOrReport (name, version, meet) {
  try {
    await meet()
  } catch (error) {
    report.addRow(name, version, 'at all').fail('it can be met', error)
  }
}

async function meetProxies (proxies) {
  if (proxies.length === 0) return
  const fronts = await startFronts()
  for (const proxy of proxies) {
    const version = await proxy.find()
    if (version === undefined) report.skip(proxy)
    else await meetOrReport(proxy.name, version, () => meetThrough(proxy, version, fronts, FOLDER, report))
  }
  for (const { agent } of fronts) await agent.kill()
}

async function startFronts () {
  const fronts = []
  for (const [name, secure] of FRONTS) {
    const client = CLIENTS.find((each) => each.name.startsWith(name))
    const agent = await startAgent(client)
    if (agent !== undefined) fronts.push({ client, agent, secure })
  }
  return fronts
}

async function startAgent (client) {
  const found = await client.find()
  return found === undefined ? undefined : client.start(found, ENV)
}
