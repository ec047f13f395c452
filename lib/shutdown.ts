import { once } from 'node:events'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import type { FastifyInstance } from 'fastify'

// RFC 6455 section 7.4.1: an endpoint is "going away", such as a server going down.
const GOING_AWAY = 1001

/**
 * The hook that closes every socket of an instance with 1001, and waits until they are closed: at most ws's
 * closeTimeout, after which it drops a peer that did not answer.
 */
export async function closeSockets (this: FastifyInstance): Promise<void> {
  const server = this.websocketServer
  const closed = once(server, 'close')
  server.close()
  for (const socket of server.clients ?? []) socket.close(GOING_AWAY)
  await closed
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
