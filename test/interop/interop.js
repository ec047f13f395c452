/**
 * Real clients and proxies against the built plugin on a real Fastify server, each proved at the server.
 *
 *   npm run interop                      all that this machine has; what it has not is named
 *   npm run interop -- firefox envoy     those that have one of these in their name
 *   npm run interop:install              brings the rest
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeCertificate } from './certificate.js'
import { CACHE, CLIENTS } from './clients.js'
import { meetDirectly } from './direct.js'
import { Report } from './report.js'

const FOLDER = join(CACHE, 'run')
const ENV = { NODE_EXTRA_CA_CERTS: join(FOLDER, 'ca.pem'), SSL_CERT_FILE: join(FOLDER, 'ca.pem') }

const { positionals: words } = parseArgs({ allowPositionals: true })
const report = new Report()

await mkdir(FOLDER, { recursive: true })
await writeCertificate(FOLDER)
for (const client of CLIENTS.filter(isWanted)) await meetClient(client)
await writeFile(join(CACHE, 'results.json'), JSON.stringify(report, undefined, 2))
console.log(report.format())
process.exit(report.exitCode)

function isWanted ({ name }) {
  return words.length === 0 || words.some((word) => name.toLowerCase().includes(word.toLowerCase()))
}

async function meetClient (client) {
  const found = await client.find()
  if (found === undefined) return report.skip(client)

  const agent = await client.start(found, ENV)
  await meetDirectly(client, agent, FOLDER, report)
  await agent.kill()
}
