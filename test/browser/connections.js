import { readFile } from 'node:fs/promises'

const ESTABLISHED = '01'

/** Returns the number of connections to a local port that the kernel (Linux) lists. */
export async function countConnections (port) {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8')))
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(1)).map((line) => line.trim().split(/\s+/))
  return rows.filter(([, , remote, state]) => state === ESTABLISHED && portOf(remote) === port).length
}

function portOf (address) {
  return Number.parseInt(address.split(':')[1], 16)
}
