import { once } from 'node:events'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
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

/**
 * Follows the HTTP/2 sessions of a server. Before Node 24 `server.close()` leaves them open, and waits until their
 * clients close them.
 */
export class SessionTracker {
  readonly #sessions = new Set<ServerHttp2Session>()

  track (server: Http2Server): void {
    server.on('session', (session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
  }

  /** Sends GOAWAY on every session; each ends with the last of its streams (RFC 9113 section 6.8). */
  close (): void {
    for (const session of this.#sessions) session.close()
  }
}
