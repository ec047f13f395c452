/**
 * Runs the Autobahn|Testsuite's fuzzing client against a ws server without the plugin, against the plugin over HTTP/1.1,
 * and, behind HAProxy, over HTTP/2. The plugin must give the same result as ws in each case. Needs Python 2.7 and HAProxy.
 *
 *   npm run autobahn                               the whole suite: an hour on two busy cores, most of it compression
 *   npm run autobahn -- --quick                    some cases of every group: a minute or two
 *   npm run autobahn -- --cases '1.*,6.2.*'        the cases that match a pattern
 *   PYTHON2=/path/to/python2.7 npm run autobahn    uses a Python that is not on PATH
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { AGENTS, runAgent } from './agents.js'
import { checkCases, checkSanity, collect } from './compare.js'
import { checkHAProxy } from './haproxy.js'
import { MissingToolError } from '../helpers/missing-tool.js'
import { preparePython } from './python.js'
import { formatChecks, formatTable, hasFailed } from './report.js'
import { Wstest } from './wstest.js'

const CACHE = fileURLToPath(new URL('../../.cache/autobahn', import.meta.url))
const PACKAGES = join(CACHE, 'python')
// Some cases have a time limit, which more concurrent agents could exceed.
const CONCURRENT_AGENTS = 2
/** Cases of every group, without those that are slow or differ from others only in size. */
const QUICK = [
  '1.*', '2.*', '3.*', '4.*', '5.*', '6.1.*', '6.2.*', '6.3.*', '6.4.1', '6.4.3', '6.22.*', '7.*',
  '9.1.*', '9.2.*', '9.3.4', '9.4.4', '9.5.5', '9.6.5', '9.7.3', '9.8.3', '10.*',
  '12.1.3', '12.2.11', '12.3.4', '12.4.6', '12.5.5', '13.1.2', '13.2.4', '13.3.3', '13.4.5', '13.5.3', '13.6.2', '13.7.1'
]

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, cases: { type: 'string' } } })

try {
  process.exit(await main())
} catch (error) {
  console.log(`not ok ${error instanceof MissingToolError ? error.message : error.stack}\n\n0 passed, 1 failed`)
  process.exit(1)
}

async function main () {
  await mkdir(CACHE, { recursive: true })
  console.log(`# ${await checkHAProxy()}`)
  const wstest = new Wstest(await preparePython(PACKAGES), PACKAGES, CACHE)
  const ids = await wstest.listCases(selectPatterns())
  console.log(`# ${ids.length} cases, reports in ${CACHE}/reports`)

  const runs = await runAgents(wstest, ids)
  const cases = collect(ids, runs)
  const checks = checkCases(cases)
  const sanityChecks = checkSanity(cases, runs)

  const text = ['', ...formatTable(cases), '', ...formatChecks(checks, sanityChecks), ''].join('\n')
  await writeFile(join(CACHE, 'results.txt'), text)
  await writeFile(join(CACHE, 'results.json'), JSON.stringify({ cases, checks, sanityChecks }, undefined, 2))
  process.stdout.write(text)
  return [...checks, ...sanityChecks].some(hasFailed) ? 1 : 0
}

function selectPatterns () {
  if (options.cases !== undefined) return options.cases.split(',')
  return options.quick ? QUICK : ['*']
}

async function runAgents (wstest, ids) {
  const waiting = Object.keys(AGENTS)
  const runs = {}
  async function runNext () {
    for (let agent = waiting.shift(); agent !== undefined; agent = waiting.shift()) {
      const start = performance.now()
      runs[agent] = await runAgent(agent, wstest, ids, CACHE)
      console.log(`# ${AGENTS[agent].title}: ${Math.round((performance.now() - start) / 1000)} s`)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_AGENTS }, runNext))
  return runs
}
