/** A server that accepts connections, and answers nothing. */
import { once } from 'node:events'
import { createServer } from 'node:net'

export async function listen () {
  const server = createServer((socket) => { socket.on('error', () => {}).resume() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h1: server.address().port, h2: server.address().port }
}
