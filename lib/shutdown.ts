import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { readCloseTimeout } from './websocket-server.ts'

// RFC 6455 section 7.4.1: an endpoint is "going away", such as a server going down.
const GOING_AWAY = 1001

/**
 * The hook that closes every socket of an instance with 1001, and waits until they are closed: at most
 * closeTimeout, after which the peers that have not answered are dropped.
 */
export async function closeSockets (this: FastifyInstance): Promise<void> {
  const server = this.websocketServer
  const clients = server.clients ?? []
  const closed = once(server, 'close')
  server.close()
  for (const socket of clients) socket.close(GOING_AWAY)

  // A socket that was closing before has no timer of ws's: its peer may have ended its side, and read nothing since.
  const deadline = setTimeout(() => {
    for (const socket of clients) socket.terminate()
  }, readCloseTimeout(server))
  await closed
  clearTimeout(deadline)
}
