import { Child } from './child.js'

const SOCKETS = 1000
// Opened before, so that the memory of code that runs for the first time is not counted. All of them fit in one HTTP/2
// session, which may have 1,024 streams.
const WARM_UP = 20

/**
 * Measures the memory that a socket needs on a server, with a fresh server and a client in processes of their own.
 * Resolves to the bytes per socket, and the number of sockets: fewer than 1,000 if the system limits the open files.
 */
export async function measureMemory (options) {
  const server = new Child(new URL('server-process.js', import.meta.url))
  const client = new Child(new URL('memory-client.js', import.meta.url))
  const port = await server.request('listen', options)
  const open = (count) => client.request('open', { port, http2: options.http2 === true, count })
  await open(WARM_UP)
  const before = await server.request('readMemory')
  const memorySockets = await open(SOCKETS)
  const after = await server.request('readMemory')
  client.end()
  server.end()
  return { memory: (after - before) / memorySockets, memorySockets }
}
