/** The memory that sockets need on a server. */

/** Files that a process has open in addition to its connections, at most. */
const OTHER_FILES = 100

/**
 * Opens sockets with `open`. Returns the memory that each of them adds to the server, in bytes, by metric: `rss`, and
 * `heap` of a server in JavaScript.
 */
export async function measureMemoryPerSocket (server, count, open) {
  const before = await server.memory()
  await open()
  const after = await server.memory()
  return Object.fromEntries(Object.entries(after).map(([metric, bytes]) => [metric, (bytes - before[metric]) / count]))
}

/** Throws if the limit of open files, which child processes inherit, is below a number of connections. */
export function requireFiles (connections) {
  process.report.excludeNetwork = true
  const { soft } = process.report.getReport().userLimits.open_files
  const needed = connections + OTHER_FILES
  if (soft < needed) throw new Error(`${needed} open files are needed, the limit is ${soft}: raise it with ulimit -n`)
}
