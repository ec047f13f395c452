import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LONGEST = 20_000
const HOST = '127.0.0.1'

/** Two ports that nobody listens on. Both are taken before either is given back: they differ. */
export async function findPorts () {
  const servers = await Promise.all([listen(), listen()])
  const [clear, tls] = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return { clear, tls }
}

/** Waits until a process listens on its ports, and no longer than it runs. */
export async function waitForPorts (child, { clear, tls }) {
  const late = AbortSignal.timeout(LONGEST)
  for (const port of [clear, tls]) {
    while (!await accepts(port)) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`it ended with ${child.signalCode ?? child.exitCode}`)
      }
      if (late.aborted) throw new Error(`port ${port} does not answer after ${LONGEST} ms`)
      await sleep(50)
    }
  }
}

async function listen () {
  const server = createServer().listen(0)
  await once(server, 'listening')
  return server
}

async function accepts (port) {
  const socket = connect(port, HOST)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
