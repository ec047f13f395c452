import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { end, keep, receive } from '../helpers/children.js'
import { startHAProxy } from './haproxy.js'

const SERVER = fileURLToPath(new URL('server.js', import.meta.url))
const NOTHING_SEEN = { upgrades: 0, streams: 0, others: 0, offers: 0, compressed: 0 }

/** Whom the suite talks to, by the name that it has in the suite's reports. */
export const AGENTS = {
  reference: { title: 'ws over HTTP/1.1', handshake: 'upgrades', compresses: true },
  http1: { title: 'plugin over HTTP/1.1', handshake: 'upgrades', compresses: true },
  http2: { title: 'plugin over HTTP/2', handshake: 'streams', compresses: false }
}

/** Runs cases against an agent. Gives the results by id, and what the server saw of the sockets. */
export async function runAgent (agent, wstest, cases, cache) {
  const server = keep(fork(SERVER, [agent]))
  const { port } = await receive(server, SERVER)
  const haproxy = agent === 'http2' ? await startHAProxy(port, join(cache, 'haproxy.cfg')) : undefined
  // Without its server, HAProxy would let each case that is left wait for an answer.
  server.once('exit', () => haproxy?.child.kill('SIGKILL'))
  try {
    const results = await wstest.run(agent, `ws://127.0.0.1:${haproxy?.port ?? port}`, cases)
    return { results, seen: await ask(server) }
  } finally {
    if (haproxy !== undefined) await end(haproxy.child)
    await end(server)
  }
}

async function ask (server) {
  if (server.connected) server.send('report')
  try {
    return await receive(server, SERVER)
  } catch (error) {
    console.log(`# ${error.message}`)
    return NOTHING_SEEN
  }
}
