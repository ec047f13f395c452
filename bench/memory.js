/** The memory that sockets need on a server. */

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
