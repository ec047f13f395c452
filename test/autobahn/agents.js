import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kill, killOnExit, waitForMessage } from '../helpers/child-processes.js'
import { startHAProxy } from './haproxy.js'

const SERVER = fileURLToPath(new URL('server.js', import.meta.url))
const NO_HANDSHAKES = { upgrades: 0, streams: 0, others: 0, offers: 0, compressed: 0 }

/** The servers under test, by their names in the suite's reports. The suite calls them agents. */
export const AGENTS = {
  reference: { title: 'ws over HTTP/1.1', handshake: 'upgrades' },
  http1: { title: 'plugin over HTTP/1.1', handshake: 'upgrades' },
  http2: { title: 'plugin over HTTP/2', handshake: 'streams' }
}

/** Runs cases against an agent. Returns the results by case, and the handshakes that the server counted. */
export async function runAgent (agent, wstest, cases, cache) {
  const server = killOnExit(fork(SERVER, [agent]))
  const { port } = await waitForMessage(server, SERVER)
  const haproxy = agent === 'http2' ? await startHAProxy(port, join(cache, 'haproxy.cfg')) : undefined
  // If the server crashes, HAProxy would delay each remaining case until it times out.
  server.once('exit', () => haproxy?.child.kill('SIGKILL'))
  try {
    const results = await wstest.run(agent, `ws://127.0.0.1:${haproxy?.port ?? port}`, cases)
    return { results, handshakes: await requestHandshakes(server) }
  } finally {
    if (haproxy !== undefined) await kill(haproxy.child)
    await kill(server)
  }
}

async function requestHandshakes (server) {
  if (server.connected) server.send('report')
  try {
    return await waitForMessage(server, SERVER)
  } catch (error) {
    console.log(`# ${error.message}`)
    return NO_HANDSHAKES
  }
}
