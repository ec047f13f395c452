/** Reference servers: echo servers in other languages whose libraries support RFC 8441. */
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../../.cache/references/', import.meta.url))

/**
 * The commands that start the servers, as install.sh builds them. A command takes the paths of a certificate and its
 * key as further arguments, and prints a line of JSON when the server listens: `port`, `name` and `version`.
 */
export const referenceServers = [
  { name: 'go', label: 'Go x/net/http2', command: [`${CACHE}go-echo`] },
  { name: 'rust', label: 'Rust axum', command: [`${CACHE}rust-echo`] },
  {
    name: 'python',
    label: 'Python hypercorn',
    command: [`${CACHE}python/bin/python`, fileURLToPath(new URL('python/server.py', import.meta.url))]
  }
]

/** Returns whether the program of a reference server exists. */
export function isInstalled ({ command: [program] }) {
  try {
    accessSync(program, constants.X_OK)
    return true
  } catch {
    return false
  }
}
