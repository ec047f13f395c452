import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect as openSession } from 'node:http2'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { connect } from '../../lib/client/index.ts'
import type { WebSocket } from '../../lib/client/index.ts'
import type { Transport } from './transports.ts'

/** Sizes, in bytes, of the messages that a traced app receives, as text and as bytes, and sends back. */
export const SIZES = [10, 2048, 200 * 1024]

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Builds the package in a directory of its own, below node_modules. Returns the path of its entry. */
export async function build (t: Test): Promise<string> {
  mkdirSync(join(root, '.cache'), { recursive: true })
  const directory = mkdtempSync(join(root, '.cache', 'traced-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  await promisify(execFile)('npm', ['run', 'tsc', '--', '--outDir', directory], { cwd: root })
  return join(directory, 'index.js')
}

/**
 * Starts test/ecosystem/traced-app with an instrumentation, exchanges messages with it, and ends it. Returns the lines
 * of JSON that it has printed.
 *
 * @param parameters options of Node.js, that load the instrumentation and then the program
 */
export async function trace (
  t: Test, entry: string, transport: Transport, parameters: string[], env: NodeJS.ProcessEnv = {}
): Promise<object[]> {
  const child = spawn(process.execPath, [...parameters, entry, JSON.stringify(transport.server)], {
    cwd: join(root, 'test/ecosystem/traced-app'),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const output = text(child.stdout!)
  const [port] = await Promise.race([once(child, 'message'), once(child, 'exit').then(fail)])
  await exchange(transport, port)
  child.send('close')
  const [lines] = await Promise.all([output, once(child, 'exit')])
  return lines.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
}

async function exchange (transport: Transport, port: number): Promise<void> {
  const origin = `${transport.secure ? 'https' : 'http'}://127.0.0.1:${port}`
  const options = { rejectUnauthorized: false }
  const session = transport.httpVersion === '2.0' ? openSession(origin, options) : undefined
  const socket: WebSocket = session === undefined
    ? connect(`${origin.replace('http', 'ws')}/echo`, { http: '1.1', ...options })
    : connect(session, { path: '/echo' })
  await once(socket, 'open')
  for (const size of SIZES) {
    for (const message of ['x'.repeat(size), Buffer.alloc(size, 'x')]) {
      socket.send(message)
      await once(socket, 'message')
    }
  }
  socket.send('publish')
  await once(socket, 'message')
  socket.send('bye')
  await once(socket, 'close')
  session?.close()
}

function fail (): never {
  throw new Error('the traced app has exited')
}
