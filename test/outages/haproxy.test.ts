import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { kill, killOnExit } from '../helpers/child-processes.js'
import { addEcho } from '../helpers/echo.ts'
import { findPort } from '../helpers/ports.js'
import { H2C, start } from '../helpers/transports.ts'
import { WAYS, exchange, killBelow, openAndExchange } from './setup.ts'

const CLEARTEXT = WAYS.filter(({ transport }) => !transport.secure)

function isInstalled (): boolean {
  try {
    execFileSync('haproxy', ['-v'])
    return true
  } catch {
    return false
  }
}

/** Starts HAProxy on a port, and waits until it listens. */
async function startHAProxy (t: Test, config: string, port: number): Promise<ChildProcess> {
  const child = killOnExit(spawn('haproxy', ['-db', '-f', config], { stdio: 'ignore' }))
  t.teardown(() => kill(child))
  for (;;) {
    const connection = connectTcp(port, '127.0.0.1')
    const isListening = await once(connection, 'connect').then(() => true, () => false)
    connection.destroy()
    if (isListening) return child
  }
}

const options = isInstalled() ? {} : { skip: 'HAProxy is not installed' }

for (const way of CLEARTEXT) {
  void t.test(`${way.title}: a socket reconnects after HAProxy is killed, and after its server was stopped`, options, async (t) => {
    const first = await start(t, H2C, addEcho)
    const serverPort = (first.app.server.address() as { port: number }).port
    const [port, directory] = [await findPort(), await mkdtemp(join(tmpdir(), 'haproxy-'))]
    t.teardown(() => rm(directory, { recursive: true }))
    const config = join(directory, 'haproxy.cfg')
    await writeFile(config, `
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen websocket
  bind 127.0.0.1:${port} ${way.options.http === '2' ? 'proto h2' : ''}
  retries 0
  server plugin 127.0.0.1:${serverPort} proto h2
`)
    const proxy = await startHAProxy(t, config, port)
    const recorded = await openAndExchange(t, way, port, 'first')
    const { socket, texts, ends } = recorded

    await killBelow(recorded, proxy)
    const reconnected = once(socket, 'reconnected')
    await startHAProxy(t, config, port)
    await reconnected
    await exchange(recorded, 'second')

    const refused = new Promise<void>((resolve) => {
      socket.on('reconnecting', ({ error }) => { if (error !== undefined && 'statusCode' in error) resolve() })
    })
    await first.app.close()
    await refused
    t.match(ends.at(-1), { code: 1006, error: { code: 'FST_WS_UNEXPECTED_RESPONSE', statusCode: 503 } })
    t.same(texts, ['first', 'second'])
  })
}
