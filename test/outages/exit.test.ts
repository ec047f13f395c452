import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { kill } from '../helpers/child-processes.js'
import { addEcho } from '../helpers/echo.ts'
import { findPort } from '../helpers/ports.js'
import { H2_TLS, start } from '../helpers/transports.ts'

const CASES: Array<[title: string, options: object, event: string]> = [
  ['with a shared session that is idle', { session: 'shared' }, 'open'],
  ['while it waits for an attempt', { reconnect: { minDelay: 1_000_000 } }, 'reconnecting']
]

for (const [title, options, event] of CASES) {
  void t.test(`after close() a process exits by itself, ${title}`, async (t) => {
    const { app } = await start(t, H2_TLS, addEcho)
    const port = event === 'open' ? (app.server.address() as { port: number }).port : await findPort()
    const program = fileURLToPath(new URL('client.ts', import.meta.url))
    const parameters = [`wss://127.0.0.1:${port}/echo`, JSON.stringify(options), event]
    const child = fork(program, parameters, { execArgv: process.execArgv })
    t.teardown(() => kill(child))
    const exited = once(child, 'exit')
    t.same(await once(child, 'message'), ['closed', undefined])
    child.disconnect()
    t.same(await exited, [0, null])
  })
}
