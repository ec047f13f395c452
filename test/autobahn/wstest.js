import { execFile } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { run } from '../helpers/child-processes.js'

const execute = promisify(execFile)

/** The number of cases in Autobahn Testsuite 25.10.1. Checked, since missing cases could not fail. */
const CASE_COUNT = 517
// For a run that hangs. The longest run takes a quarter of it on two busy cores.
const TIME_LIMIT = 2 * 60 * 60 * 1000

// Not PYTHONPATH: zope is a namespace package with a .pth file, which Python reads only in site directories.
const BOOT = 'import site, sys; site.addsitedir(sys.argv.pop(1))'
const RUN = `${BOOT}; from autobahntestsuite.wstest import run; run()`
const LIST = `${BOOT}
import json
from autobahntestsuite.case import Cases, CaseSetname, CaseBasename, CaseCategories, CaseSubCategories
from autobahntestsuite.caseset import CaseSet
cases = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
print(json.dumps(cases.parseSpecCases({'cases': ['*']})))`

/** The Autobahn Testsuite's fuzzing client. */
export class Wstest {
  #python
  #packages
  #cache

  /**
   * @param packages the folder into which pip installed it
   * @param cache the folder of its reports and logs
   */
  constructor (python, packages, cache) {
    this.#python = python
    this.#packages = packages
    this.#cache = cache
  }

  /** Returns the ids of the cases that match patterns such as `6.*`, in the suite's order. */
  async listCases (patterns) {
    const { stdout } = await execute(this.#python, ['-c', LIST, this.#packages])
    const all = JSON.parse(stdout)
    if (all.length !== CASE_COUNT) throw new Error(`the suite has ${all.length} cases instead of ${CASE_COUNT}`)

    const matchers = patterns.map(toMatcher)
    const unknown = patterns.filter((_, index) => !all.some((id) => matchers[index].test(id)))
    if (unknown.length > 0) throw new Error(`the suite has no case ${unknown.join(', ')}`)
    return all.filter((id) => matchers.some((matcher) => matcher.test(id)))
  }

  /** Runs cases against a server. Returns their results by id, from the suite's report. */
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
      if (code !== 0) console.log(`# wstest exited with ${code}: see ${file}`)
    } finally {
      await log.close()
    }
  }
}

function toMatcher (pattern) {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
}
