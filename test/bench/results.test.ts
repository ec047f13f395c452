import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

interface Run {
  date: string
  machine: { cpu: string, cores: number, memory: number, os: string }
  versions: Record<string, string>
  pace: { name: string, rounds: number, slice: number, warmUp: number, steady: number }
}

interface Result {
  run: number
  name: string
  title: string
  sides: Record<string, { label: string, metrics: Record<string, { values: number[] }> }>
  of: string[]
}

interface Report {
  runs: Run[]
  results: Result[]
}

// The path is computed, because TypeScript has no types for the benchmark, which is JavaScript.
const load = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href)
const { createReport, mergeReports, readReport, renderReport, writeReport } = await load('results.js') as {
  createReport (options: { durations: object, node?: string, profiles?: boolean }): Report
  mergeReports (earlier: Report, later: Report, order: string[]): Report
  readReport (directory: string): Report | undefined
  renderReport (report: Report): Promise<Map<string, string>>
  writeReport (report: Report, directory: string): Promise<string[]>
}

const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url))
const directories = readdirSync(RESULTS, { withFileTypes: true }).filter((entry) => entry.isDirectory())

/** Returns a report of a run on a date, in which the CPU time of each scenario is `cpu`. */
function createRun (date: string, cpu: number, ...names: string[]): Report {
  const spread = { median: cpu, min: cpu, max: cpu, values: [cpu] }
  return {
    runs: [{
      date,
      machine: { cpu: 'A processor', cores: 2, memory: 8 * 1024 ** 3, os: 'Linux' },
      versions: { server: 'v26.0.0' },
      pace: { name: 'full', rounds: 1, slice: 500, warmUp: 0, steady: 0 }
    }],
    results: names.map((name) => (
      { run: 0, name, title: name, sides: { h2: { label: 'HTTP/2', metrics: { cpu: spread } } }, of: ['h2', 'h1'] }
    ))
  }
}

/** Returns the name, the CPU time and the date of each result. */
function summarize ({ runs, results }: Report): string[] {
  return results.map(({ run, name, sides }) => `${name}: ${sides.h2!.metrics.cpu!.values.join()}, ${runs[run]!.date}`)
}

void t.test('results of a later run replace those of the same scenarios, and the others keep their dates', async (t) => {
  const order = ['first', 'second', 'third', 'fourth']
  const earlier = createRun('2026-11-23', 1, 'second', 'third')
  const merged = mergeReports(earlier, createRun('2026-11-30', 2, 'fourth', 'first', 'third'), order)
  t.same(summarize(merged), [
    'first: 2, 2026-11-30', 'second: 1, 2026-11-23', 'third: 2, 2026-11-30', 'fourth: 2, 2026-11-30'
  ])
  t.same(merged.runs.map(({ date }) => date), ['2026-11-23', '2026-11-30'])
  t.same(summarize(earlier), ['second: 1, 2026-11-23', 'third: 1, 2026-11-23'], 'the earlier report is not changed')

  const again = mergeReports(merged, createRun('2026-12-01', 3, 'second'), order)
  t.same(again.runs.map(({ date }) => date), ['2026-11-30', '2026-12-01'], 'a run without results is omitted')
  t.same(summarize(again)[1], 'second: 3, 2026-12-01')

  const sameRun = mergeReports(merged, createRun('2026-11-30', 4, 'second'), order)
  t.same(sameRun.runs.map(({ date }) => date), ['2026-11-30'], 'runs with the same date and versions are one')
  t.same(sameRun.results.map(({ run }) => run), [0, 0, 0, 0])
})

void t.test('scenarios that no longer exist keep their results, at the end', async (t) => {
  const merged = mergeReports(createRun('2026-11-23', 1, 'removed'), createRun('2026-11-30', 2, 'first'), ['first'])
  t.same(summarize(merged), ['first: 2, 2026-11-30', 'removed: 1, 2026-11-23'])
})

void t.test('a report that is written can be read, and charts without data are deleted', async (t) => {
  const directory = join(t.testdir(), 'new')
  t.equal(readReport(directory), undefined)
  const report = createRun('2026-11-30', 1, 'load/64b-one-x1')
  await writeReport(report, directory)
  t.same(readReport(directory), report)

  writeFileSync(join(directory, 'gains.svg'), 'of an earlier report')
  writeFileSync(join(directory, 'mine.svg'), 'not of the benchmark')
  await writeReport(report, directory)
  t.notOk(existsSync(join(directory, 'gains.svg')))
  t.ok(existsSync(join(directory, 'mine.svg')))
})

void t.test('a report has what is needed to repeat it', async (t) => {
  const durations = { name: 'quick', rounds: 3, slice: 250 }
  const { runs: [run] } = createReport({ durations })
  t.match(run, { date: /^\d{4}-\d\d-\d\d$/, machine: { cores: Number, os: String }, pace: durations })
  t.match(run!.versions, { server: process.version, client: process.version, fastify: String, plugin: /\(\w+.*\)$/ })
  t.notOk('profiles' in run!)
  t.match(createReport({ durations, profiles: true }).runs[0], { profiles: true })
})

for (const { name } of directories) {
  void t.test(`bench/results/${name} is what its results.json is rendered as`, async (t) => {
    const directory = join(RESULTS, name)
    const report = readReport(directory)!
    const files = await renderReport(report)
    t.same(readdirSync(directory).sort(), [...files.keys()].sort())
    for (const [file, content] of files) {
      t.ok(readFileSync(join(directory, file), 'utf8') === content, `${file}: if not, run bench/bench.js --render`)
      if (file !== 'results.json') t.notMatch(content, /NaN|undefined/, file)
    }
    t.ok(report.results.every(({ title }) => files.get('results.md')!.includes(`| ${title}`)), 'each scenario has a row')
    t.equal(new Set(report.results.map((result) => result.name)).size, report.results.length)
    const majors = new Set(report.runs.map(({ versions }) => `node-${versions.server!.match(/^v(\d+)/)![1]}`))
    t.same([...majors], [name], 'all runs are of the Node.js in the name of the directory')
  })
}

void t.test('bench.js --render writes the same files again', async (t) => {
  const [name] = directories.map((entry) => entry.name)
  const directory = t.testdir()
  const source = readFileSync(join(RESULTS, name!, 'results.json'), 'utf8')
  writeFileSync(join(directory, 'results.json'), source)
  const script = fileURLToPath(new URL('../../bench/bench.js', import.meta.url))
  execFileSync(process.execPath, [script, '--render', directory])
  for (const file of readdirSync(join(RESULTS, name!))) {
    t.equal(readFileSync(join(directory, file), 'utf8'), readFileSync(join(RESULTS, name!, file), 'utf8'), file)
  }
})
