import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'

interface Scenario {
  name: string
  isAvailable?: boolean
  open (variant: object, context: object): Promise<{ measure (): Promise<Record<string, unknown>>, close (): void }>
  [key: string]: unknown
}

interface Processes {
  startServer (variant: object, isSecure: boolean): Promise<{ child: ChildProcess, cpu (): Promise<number> }>
}

// The paths are computed, because TypeScript has no types for the benchmark, which is JavaScript.
const load = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href)
const { SMOKE } = await load('durations.js') as { SMOKE: object }
const { runScenario } = await load('rounds.js') as {
  runScenario (scenario: Scenario, processes: unknown, durations: object): Promise<object>
}
const { withProcesses } = await load('processes.js') as {
  withProcesses (options: object, main: (processes: Processes) => Promise<void>): Promise<void>
}
const { selectSmoke } = await load('selection.js') as { selectSmoke (): Scenario[] }
const { scenarios } = await load('scenarios/index.js') as { scenarios: Scenario[] }
const { replaceServers } = await load('../test/bench/servers/index.js') as {
  replaceServers (scenario: Scenario, server: string): Scenario
}

/** Groups whose sockets exchange no messages. */
const WITHOUT_MESSAGES = ['handshake', 'idle', 'memory']

const groupOf = ({ name }: Scenario): string => name.split('/')[0]!

/** Expects that a scenario of each group fails with a server, and that the error names the scenario and the variant. */
async function expectFailures (t: Test, server: string, timeout: number, message: RegExp): Promise<void> {
  const selected = selectSmoke().filter((scenario) => (
    scenario.isAvailable !== false && !(server === 'mute' && WITHOUT_MESSAGES.includes(groupOf(scenario)))
  ))
  await withProcesses({}, async (processes) => {
    // At the same time, because they mostly wait.
    await Promise.all(selected.map(async (scenario) => {
      const run = runScenario(replaceServers(scenario, server), processes, { ...SMOKE, timeout, scale: 0.01 })
      const error = await run.then(() => new Error('no error'), (reason: unknown) => reason as Error)
      t.match(error.message, new RegExp(`^${scenario.name}, [\\w-]+: (?:${message.source})`), scenario.name)
    }))
  })
}

void t.test('a benchmark fails in every group of scenarios if the server answers nothing', async (t) => {
  await expectFailures(t, 'silent', 2000, /timed out after 2 s|0 responses|the server/)
})

void t.test('a benchmark fails in every group of scenarios with messages if the server does not answer them', async (t) => {
  await expectFailures(t, 'mute', 2000, /timed out after 2 s|\d+ responses, \d+ errors|the server|a socket transferred/)
})

void t.test('a benchmark fails in every group of scenarios if the server answers with status 500', async (t) => {
  await expectFailures(t, 'failing', 20_000, /(?!timed out)/)
})

void t.test('a smoke run has a scenario of each file of scenarios, and of each group', async (t) => {
  const selected = selectSmoke()
  t.same(new Set(selected.map(groupOf)), new Set(scenarios.map(groupOf)))
  const directory = new URL('../../bench/scenarios/', import.meta.url)
  const files = readdirSync(directory).filter((file) => !['index.js', 'open-many.js', 'variants.js'].includes(file))
  for (const file of files) {
    const exported = Object.values(await load(`scenarios/${file}`) as object).filter(Array.isArray).flat() as Scenario[]
    t.ok(selected.some(({ name }) => exported.some((scenario) => scenario.name === name)), file)
  }
})

/** Returns a scenario with a variant `a` whose rounds have these metrics, and `b` whose rounds have the others. */
function fakeScenario (rounds: object[], others = rounds): Scenario {
  const open = async (metrics: object): Promise<{ measure (): Promise<Record<string, unknown>>, close (): void }> => {
    const remaining = [...metrics as object[]]
    return { measure: async () => remaining.shift() as Record<string, unknown>, close: () => {} }
  }
  const variants = { a: Object.assign([...rounds], { label: 'A' }), b: Object.assign([...others], { label: 'B' }) }
  return { name: 'fake/one', title: 'a fake', variants, compare: ['a', 'b'], rounds: rounds.length, open }
}

void t.test('a benchmark fails if a metric is missing or is not a result', async (t) => {
  const run = (...rounds: Parameters<typeof fakeScenario>): Promise<object> => (
    runScenario(fakeScenario(...rounds), undefined, { rounds: 5, discarded: 0, timeout: 1000 })
  )
  await t.rejects(run([{ rate: 0 }]), { message: 'fake/one, a: rate is 0' })
  await t.rejects(run([{ rate: 1 }, { rate: NaN }]), { message: 'fake/one, a: rate is NaN' })
  await t.rejects(run([{ cpu: Infinity }]), { message: 'fake/one, a: cpu is Infinity' })
  await t.rejects(run([{ rate: 1, cpu: 1 }, { rate: 1 }]), { message: 'fake/one, a: cpu is missing' })
  await t.rejects(run([{ rate: 1 }, { rate: 1, cpu: 1 }]), { message: 'fake/one, a: cpu is missing in an earlier round' })
  await t.rejects(run([{}]), { message: 'fake/one, a: the round has no metrics' })
  await t.rejects(run([{ speed: 1 }]), { message: 'fake/one, a: speed is not in bench/metrics.js' })
  await t.rejects(run([{ rate: 1, cpu: 1 }], [{ rate: 1 }]), { message: 'fake/one: b lacks cpu, which a has' })
  await t.rejects(run([{ cpu: 1 }], [{ cpu: 0 }]), { message: 'fake/one: the ratio of cpu is Infinity' })
  t.match(await run([{ rate: 2, rss: -1 }], [{ rate: 1, rss: 1 }]), { ratios: { rate: { median: 2 } } })
})

void t.test('a benchmark fails at once if a server exits while it is asked for its CPU time', async (t) => {
  await withProcesses({}, async (processes) => {
    const server = await processes.startServer({ server: 'ws' }, false)
    const cpu = server.cpu()
    server.child.kill('SIGKILL')
    await t.rejects(cpu, /server-process\.js ws .* exited with SIGKILL$/)
    await t.rejects(server.cpu(), Error, 'it has exited before')
  })
})

void t.test('a benchmark that fails has exit code 1, names scenario and variant, and writes nothing', async (t) => {
  const script = fileURLToPath(new URL('failing-run.js', import.meta.url))
  const run = (directory: string): Promise<{ code: unknown, stderr: string }> => new Promise((resolve) => {
    execFile(process.execPath, [script, 'handshake/sequential', 'failing', directory], (error, _, stderr) => {
      resolve({ code: error?.code, stderr })
    })
  })
  const directory = t.testdir()
  const absent = join(directory, 'absent')
  const { code, stderr } = await run(absent)
  t.equal(code, 1)
  t.equal(stderr.trim(), 'handshake/sequential, h1: the server rejected the handshake: HTTP/1.1 500 Internal Server Error')
  t.notOk(existsSync(absent))

  const earlier = join(directory, 'results.json')
  writeFileSync(earlier, '{}')
  t.equal((await run(directory)).code, 1)
  t.equal(readFileSync(earlier, 'utf8'), '{}', 'the results of an earlier run stay')
})
