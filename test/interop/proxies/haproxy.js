import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { readVersion, findProgram } from '../programs.js'

const program = () => findProgram(['haproxy'])

export const haproxy = {
  name: 'HAProxy',
  upstreamHttpVersion: '2.0',
  example: 'haproxy.cfg',
  install: 'apt-get install haproxy (2.4 or later)',
  unsupported: {},
  endingStatus: 404,
  idleTimeoutSetting: { pattern: /(timeout tunnel) \w+/g, write: (ms) => `$1 ${ms}ms` },
  find: async () => readVersion(await program(), ['-v'], /version (\S+)/),
  command: async ({ config }) => ({ file: await program(), args: ['-db', '-f', config] }),
  nodes: { configure, enable }
}

/**
 * Returns a configuration with several nodes, the last of which is disabled. The clear-text port balances requests, and
 * the other one connections, as a load balancer of TCP does.
 */
function configure ({ cleartext, tls, apps, folder }) {
  const servers = apps.map((port, index) => {
    const isLast = index === apps.length - 1
    return `  server node${index + 1} 127.0.0.1:${port}${isLast ? ' disabled' : ''}`
  })
  return `
global
  stats socket ${runtimeSocket(folder)} level admin

defaults
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
  balance leastconn

listen requests
  mode http
  bind 127.0.0.1:${cleartext}
  http-reuse always
${servers.map((server) => `${server} proto h2`).join('\n')}

listen connections
  mode tcp
  bind 127.0.0.1:${tls}
${servers.join('\n')}
`
}

/** Enables a node, by its number from 1 on. */
async function enable ({ folder, node }) {
  for (const section of ['requests', 'connections']) {
    const socket = connect(runtimeSocket(folder))
    await once(socket, 'connect')
    socket.end(`set server ${section}/node${node} state ready\n`)
    const answer = await text(socket)
    if (answer.trim() !== '') throw new Error(`HAProxy answered: ${answer}`)
  }
}

function runtimeSocket (folder) {
  return join(folder, 'haproxy.sock')
}
