import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { accepts } from '../../helpers/ports.js'

const START_TIMEOUT = 20_000

/** Returns two free ports. Both are bound before either is released, so that they differ. */
export async function findPorts () {
  const servers = await Promise.all([listen(), listen()])
  const [cleartext, tls] = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return { cleartext, tls }
}

/** Waits until a process listens on both ports. Throws if it exits first. */
export async function waitForPorts (child, { cleartext, tls }) {
  const timeout = AbortSignal.timeout(START_TIMEOUT)
  for (const port of [cleartext, tls]) {
    while (!await accepts(port)) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`it exited with ${child.signalCode ?? child.exitCode}`)
      }
      if (timeout.aborted) throw new Error(`port ${port} does not accept connections after ${START_TIMEOUT} ms`)
      await sleep(50)
    }
  }
}

async function listen () {
  const server = createServer().listen(0)
  await once(server, 'listening')
  return server
}
