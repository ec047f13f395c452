/** Reference servers: echo servers in other languages whose libraries support RFC 8441, and Bun's publish(). */
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../../.cache/references/', import.meta.url))

/**
 * The commands that start the servers, as install.sh installs them. A command takes the paths of a certificate and its
 * key as further arguments, and prints a line of JSON when the server listens: `port`, `name` and `version`.
 */
const ECHO_SERVERS = [
  { name: 'go', label: 'Go x/net/http2', command: [`${CACHE}go-echo`] },
  { name: 'rust', label: 'Rust axum', command: [`${CACHE}rust-echo`] },
  {
    name: 'python',
    label: 'Python hypercorn',
    command: [`${CACHE}python/bin/python`, fileURLToPath(new URL('python/server.py', import.meta.url))]
  }
].map((server) => ({ ...server, does: 'echo', transport: 'h2' }))

const BUN = {
  name: 'bun',
  label: 'Bun.serve, publish(), HTTP/1.1',
  does: 'fan-out',
  transport: 'h1',
  command: [`${CACHE}bun/node_modules/.bin/bun`, fileURLToPath(new URL('bun/server.js', import.meta.url))]
}

export const referenceServers = [...ECHO_SERVERS, BUN]

/** Returns the variants of the installed reference servers that can be used in the scenarios of a group. */
export function referenceVariants (group) {
  const installed = referenceServers.filter((server) => server.does === group && isInstalled(server))
  return Object.fromEntries(installed.map(({ name, label, transport }) => [name, { label, server: name, transport }]))
}

/** Returns whether the program of a reference server exists. */
function isInstalled ({ command: [program] }) {
  try {
    accessSync(program, constants.X_OK)
    return true
  } catch {
    return false
  }
}
