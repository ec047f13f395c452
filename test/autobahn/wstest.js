import { execFile } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { run } from '../helpers/children.js'

const execute = promisify(execFile)

/** How many cases Autobahn Testsuite 25.10.1 has. A suite that lost some would pass without them. */
const CASE_COUNT = 517
// A run that hangs ends. The longest takes a quarter of it on two busy cores.
const TIME_LIMIT = 2 * 60 * 60 * 1000

// PYTHONPATH would not do: zope comes as a namespace of a .pth file, which is read of a site directory alone.
const BOOT = 'import site, sys; site.addsitedir(sys.argv.pop(1))'
const RUN = `${BOOT}; from autobahntestsuite.wstest import run; run()`
const LIST = `${BOOT}
import json
from autobahntestsuite.case import Cases, CaseSetname, CaseBasename, CaseCategories, CaseSubCategories
from autobahntestsuite.caseset import CaseSet
cases = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
print(json.dumps(cases.parseSpecCases({'cases': ['*']})))`

/** The Autobahn Testsuite's fuzzing client: `packages` is where pip put it, `cache` where all that it writes goes. */
export class Wstest {
  #python
  #packages
  #cache

  constructor (python, packages, cache) {
    this.#python = python
    this.#packages = packages
    this.#cache = cache
  }

  /** The ids of the cases that patterns such as `6.*` name, in the suite's order. */
  async listCases (patterns) {
    const { stdout } = await execute(this.#python, ['-c', LIST, this.#packages])
    const all = JSON.parse(stdout)
    if (all.length !== CASE_COUNT) throw new Error(`the suite has ${all.length} cases instead of ${CASE_COUNT}`)

    const matchers = patterns.map(toMatcher)
    const unknown = patterns.filter((_, index) => !all.some((id) => matchers[index].test(id)))
    if (unknown.length > 0) throw new Error(`the suite has no case ${unknown.join(', ')}`)
    return all.filter((id) => matchers.some((matcher) => matcher.test(id)))
  }

  /** Runs cases against a server. Gives what the report has of each, by id. */
  async run (agent, url, cases) {
    const outdir = join(this.#cache, 'reports', agent)
    const spec = join(this.#cache, `${agent}.json`)
    await rm(outdir, { recursive: true, force: true })
    await writeFile(spec, JSON.stringify({ outdir, servers: [{ agent, url }], cases }))
    await this.#runLogged(['-m', 'fuzzingclient', '-s', spec], join(this.#cache, `${agent}.log`))

    const index = await readFile(join(outdir, 'index.json'), 'utf8').catch(() => '{}')
    return JSON.parse(index)[agent] ?? {}
  }

  async #runLogged (args, file) {
    const log = await open(file, 'w')
    try {
      const code = await run(this.#python, ['-u', '-c', RUN, this.#packages, ...args], {
        stdio: ['ignore', log.fd, log.fd], timeout: TIME_LIMIT
      })
      if (code !== 0) console.log(`# wstest ended with ${code}: see ${file}`)
    } finally {
      await log.close()
    }
  }
}

function toMatcher (pattern) {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
}
