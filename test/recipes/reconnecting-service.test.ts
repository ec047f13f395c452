/** examples/recipes/reconnecting-service: its service and its server as processes, which are killed and restarted. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { ROOT } from '../docs/pages.ts'
import { TRANSPORTS } from '../helpers/beside.ts'
import { kill, killOnExit, waitForLine } from '../helpers/child-processes.js'
import { findPort } from '../helpers/ports.js'
import { importRecipe, startRecipe } from '../helpers/recipes.ts'
import { closed, nextText, waitUntil } from '../helpers/waiting.ts'

/** In ms. The delay before an attempt may be 8 s, on a machine on which a process takes seconds to start. */
const TIME_LIMIT = 45_000

/** A process of the service. */
interface Service {
  child: ChildProcess
  /** Lines that it has printed, and those that report a lost connection. */
  printed: string[]
  lost: string[]
  report (...lines: string[]): void
  prints (line: string): Promise<void>
  /** Ends its input. Returns its exit code. */
  end (): Promise<number>
}

const { readKeys } = await import(String(new URL('examples/shared/keys.js', ROOT))) as {
  readKeys (): Promise<{ key: string, cert: string }>
}
// The processes share the file that this creates.
await readKeys()

void t.test('a service sends each report once, and watches others again, after its server is killed and after it restarts', async (t) => {
  const file = await createFile(t)
  const port = await findPort()
  let server = await startServer(t, file, port)
  const boiler = startService(t, port, 'boiler')
  const display = startService(t, port, 'display', 'boiler')
  const expected = ['warm']
  // The server handles the messages of a service in order: it has logged this after the request to watch.
  display.report('watching')
  await untilLogged(file, 'display', 1)
  boiler.report('warm')
  await display.prints('boiler: warm')

  for (const [index, signal] of (['SIGKILL', 'SIGTERM'] as const).entries()) {
    server.kill(signal)
    await once(server, 'exit')
    for (const { lost } of [boiler, display]) await waitUntil(() => lost.length > 0, signal, TIME_LIMIT)
    boiler.report(`down ${index}`, `still down ${index}`)
    server = await startServer(t, file, port)
    display.report('watching again')
    await untilLogged(file, 'display', index + 2)
    boiler.report(`up ${index}`)
    await display.prints(`boiler: up ${index}`)
    boiler.lost.length = display.lost.length = 0
    expected.push(`down ${index}`, `still down ${index}`, `up ${index}`)
  }
  t.same(logged(file, 'boiler'), expected)
  t.equal(await boiler.end(), 0)
  t.equal(await display.end(), 0)
})

void t.test('no report is lost, repeated or out of order if the server is killed while it receives many', async (t) => {
  const file = await createFile(t)
  const port = await findPort()
  let server = await startServer(t, file, port)
  const service = startService(t, port, 'meter')
  const reports = Array.from({ length: 6000 }, (_, index) => `${index}`)
  service.report(...reports)
  for (const count of [500, 2000]) {
    await untilLogged(file, 'meter', count)
    await kill(server)
    server = await startServer(t, file, port)
  }
  t.equal(await service.end(), 0, 'it exits when the server has acknowledged everything')
  t.same(logged(file, 'meter'), reports)
})

void t.test('a service reads no more of its input while its queue is full', async (t) => {
  const file = await createFile(t)
  const port = await findPort()
  const service = startService(t, port, 'meter')
  const reports = Array.from({ length: 5000 }, (_, index) => `${index} `.padEnd(1000, '.'))
  service.report(...reports)
  // By then it has read what it reads while there is no server.
  await waitUntil(() => service.lost.length >= 2, 'two attempts', TIME_LIMIT)
  const unread = service.child.stdin!.writableLength
  t.ok(unread > 3_000_000, `${unread} bytes are in the pipe`)
  await startServer(t, file, port)
  t.equal(await service.end(), 0)
  t.same(logged(file, 'meter'), reports)
})

void t.test('a service that is drained reconnects, and continues', async (t) => {
  const file = await createFile(t)
  const { build } = await importRecipe('reconnecting-service/server')
  const app = await build({ http2: true, https: { allowHTTP1: true, ...await readKeys() } }, { file })
  t.teardown(() => app.close())
  await app.listen({ host: 'localhost', port: 0 })
  const service = startService(t, (app.server.address() as AddressInfo).port, 'boiler')
  service.report('before')
  await untilLogged(file, 'boiler', 1)
  await app.websocketServer.drain({ over: 0 })
  await waitUntil(() => service.lost.length > 0)
  t.match(service.lost[0], /closed with 1012/)
  service.report('during')
  await untilLogged(file, 'boiler', 2)
  t.equal(service.lost.length, 1)
  t.equal(await service.end(), 0)
  t.same(logged(file, 'boiler'), ['before', 'during'])
  t.same(app.websocketServer.stats().sockets.closed, { 1000: 1, 1012: 1 })
})

void t.test('a service that the server refuses, or whose report is too large, exits with code 1', async (t) => {
  const file = await createFile(t)
  const port = await findPort()
  await startServer(t, file, port)
  t.same(await once(startService(t, port, 'no name').child, 'exit'), [1, null])
  const service = startService(t, port, 'boiler')
  service.report('x'.repeat(100_000))
  t.same(await once(service.child, 'exit'), [1, null])
  t.same(service.lost, [])
})

for (const transport of TRANSPORTS) {
  void t.test(`${transport.name}: a server whose file ends in a part of a report continues after the last complete one`, async (t) => {
    const file = await createFile(t)
    await writeFile(file, '{"name":"boiler","number":7,"text":"warm"}\n{"name":"boiler","num')
    const { open } = await startRecipe(t, 'reconnecting-service/server', transport, { file })
    t.equal(await nextText(await open('/reports/boiler')), '{"type":"welcome","last":7}')
  })

  void t.test(`${transport.name}: a service that watches more than 100 others is closed with 1008`, async (t) => {
    const { app, open } = await startRecipe(t, 'reconnecting-service/server', transport, { file: await createFile(t) })
    const socket = await open('/reports/display')
    for (let count = 0; count < 101; count++) socket.send(JSON.stringify({ watch: `service-${count}` }))
    t.same(await closed(socket), { code: 1008, reason: 'too many services' })
    await waitUntil(() => app.websocketServer.stats().topics.open === 0, 'its subscriptions have ended')
  })
}

async function createFile (t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fastify-websocket-h2-recipe-'))
  t.teardown(() => rm(directory, { recursive: true }))
  return join(directory, 'reports.jsonl')
}

/** Starts a server process, and waits until it listens. */
async function startServer (t: Test, file: string, port: number): Promise<ChildProcess> {
  const child = start(t, ['server.js'], { PORT: String(port), REPORTS: file }, 'inherit')
  await waitForLine(child, 'the server', createInterface(child.stdout!), /^Open https:/)
  return child
}

function startService (t: Test, port: number, ...args: string[]): Service {
  const child = start(t, ['service.js', ...args], { PORT: String(port) }, 'pipe')
  const [printed, lost]: [string[], string[]] = [[], []]
  createInterface(child.stdout!).on('line', (line) => printed.push(line))
  createInterface(child.stderr!).on('line', (line) => {
    if (line.startsWith('reconnecting')) lost.push(line)
  })
  return {
    child,
    printed,
    lost,
    report: (...lines) => { child.stdin!.write(`${lines.join('\n')}\n`) },
    prints: (line) => waitUntil(() => printed.includes(line), line, TIME_LIMIT),
    async end () {
      child.stdin!.end()
      return (await once(child, 'exit'))[0]
    }
  }
}

function start (t: Test, [program, ...args]: string[], env: object, stderr: 'inherit' | 'pipe'): ChildProcess {
  const child = killOnExit(spawn(process.execPath, [
    '--require', './test/helpers/type-stripping.cjs', '--import', './test/helpers/package-source.js',
    `examples/recipes/reconnecting-service/${program}`, ...args
  ], { cwd: fileURLToPath(ROOT), env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', stderr] }))
  child.stdin!.on('error', () => {})
  t.teardown(() => kill(child))
  return child
}

/** Waits until the server has logged a number of reports of a service. */
async function untilLogged (file: string, name: string, count: number): Promise<void> {
  const watcher = watch(dirname(file))
  const signal = AbortSignal.timeout(TIME_LIMIT)
  try {
    while (logged(file, name).length < count) await once(watcher, 'change', { signal })
  } finally {
    watcher.close()
  }
}

/** Returns the texts that the server has logged of a service. */
function logged (file: string, name: string): string[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  return lines.map((line) => JSON.parse(line)).filter((report) => report.name === name).map(({ text }) => text)
}
