import { readFile } from 'node:fs/promises'

const ESTABLISHED = '01'

/** Returns the number of established TCP connections to a port of this machine. Linux only. */
export async function countConnections (port) {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let count = 0
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8')).trim().split('\n').slice(1)) {
      const [, , remote, state] = line.trim().split(/\s+/)
      if (remote.endsWith(suffix) && state === ESTABLISHED) count++
    }
  }
  return count
}
