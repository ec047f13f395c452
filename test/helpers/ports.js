import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Returns whether a server accepts connections on a port of 127.0.0.1. */
export async function accepts (port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Returns a port of 127.0.0.1 that nothing listens on. */
export async function findPort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}
