/**
 * Runs real clients and proxies against the built plugin on a real Fastify server. Each result is checked at the server.
 *
 *   npm run interop                      all clients and proxies that are installed; lists those that are not
 *   npm run interop -- firefox envoy     those whose name contains one of these words
 *   npm run interop -- --all             fails if one is not installed
 *   npm run interop:install              installs what is missing
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeCertificateFiles } from './certificate-files.js'
import { CLIENTS } from './clients.js'
import { CACHE } from './programs.js'
import { PROXIES } from './proxies/index.js'
import { Report } from './report.js'
import { runBehindProxy } from './run-behind-proxy.js'
import { runDirectly } from './run-directly.js'
import { runKubernetes } from './run-kubernetes.js'
import { runNodes } from './run-nodes.js'
import { runTwoNodes } from './run-two-nodes.js'

const FOLDER = join(CACHE, 'run')
const CA = join(FOLDER, 'ca.pem')
const ENV = {
  NODE_EXTRA_CA_CERTS: CA,
  SSL_CERT_FILE: CA,
  DENO_CERT: CA,
  DENO_DIR: join(CACHE, 'deno'),
  DENO_NO_UPDATE_CHECK: '1'
}

/** The clients of the proxies, as `[name, secure]`: over HTTP/1.1, over HTTP/2, and a browser. */
const PROXY_CLIENTS = [['ws', false], ['ws', true], ['Go', true], ['Chromium', true]]

const { positionals: words, values: { all } } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true })
const report = new Report()

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
await writeCertificateFiles(FOLDER)
for (const client of CLIENTS.filter(isSelected)) await runClient(client)
await runProxies(PROXIES.filter(isSelected))
if (isSelected({ name: 'Kubernetes' })) await runKubernetes(report)
await writeFile(join(CACHE, 'results.json'), JSON.stringify(report, undefined, 2))
console.log(report.format())
process.exit(report.hasFailed || (all && report.skipped.length > 0) ? 1 : 0)

function isSelected ({ name }) {
  return words.length === 0 || words.some((word) => name.toLowerCase().includes(word.toLowerCase()))
}

async function runClient (client) {
  const agent = await startAgent(client)
  if (agent === undefined) return report.skip(client)
  await runOrReport(client.name, agent.version, () => runDirectly(client, agent, FOLDER, report))
  await agent.kill()
}

/** Reports an error that stopped the run of one peer, so that the other peers still run. */
async function runOrReport (name, version, run) {
  try {
    await run()
  } catch (error) {
    report.addRow(name, version, 'setup').fail('can be started', error)
  }
}

async function runProxies (proxies) {
  if (proxies.length === 0) return
  const clients = await startProxyClients()
  for (const proxy of proxies) {
    const version = await proxy.find()
    if (version === undefined) {
      report.skip(proxy)
      continue
    }
    await runOrReport(proxy.name, version, () => runBehindProxy(proxy, version, clients, FOLDER, report))
    await runOrReport(proxy.name, version, () => runTwoNodes(proxy, version, FOLDER, report))
    if (proxy.nodes !== undefined) {
      await runOrReport(proxy.name, version, () => runNodes(proxy, version, FOLDER, report))
    }
  }
  for (const { agent } of clients) await agent.kill()
}

async function startProxyClients () {
  const clients = []
  for (const [name, secure] of PROXY_CLIENTS) {
    const client = CLIENTS.find((each) => each.name.startsWith(name))
    const agent = await startAgent(client)
    if (agent !== undefined) clients.push({ client, agent, secure })
  }
  return clients
}

async function startAgent (client) {
  const program = await client.find()
  return program === undefined ? undefined : client.start(program, ENV)
}
