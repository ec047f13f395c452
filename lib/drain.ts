import { setImmediate } from 'node:timers'
import type { FastifyBaseLogger } from 'fastify'
import type { WebSocket } from 'ws'
import type { DrainOptions } from '../types/index.ts'
import type { AgingSession } from './http2/session-age.ts'
import type { Sessions } from './http2/sessions.ts'
import { readDrainOptions } from './options/drain.ts'
import type { DrainSettings } from './options/drain.ts'
import type { Shutdown } from './shutdown.ts'
import { Batches, smallestBatch } from './socket/batches.ts'

/**
 * Moves sockets to other servers while this one continues: it sends Close frames, after which clients reconnect, and
 * GOAWAY on their HTTP/2 sessions, which then accept no more sockets. A shutdown that begins takes over the sockets
 * that are left.
 */
export class Drain {
  readonly #shutdown: Shutdown
  readonly #sessions: Sessions
  readonly #log: FastifyBaseLogger

  constructor (shutdown: Shutdown, sessions: Sessions, log: FastifyBaseLogger) {
    this.#shutdown = shutdown
    this.#sessions = sessions
    this.#log = log
  }

  /**
   * Closes all sockets that are open now, on either transport. Resolves with their number when all of them have closed.
   *
   * @throws FST_WS_INVALID_OPTION
   */
  async closeAll (options?: DrainOptions): Promise<number> {
    const settings = readDrainOptions(options)
    const sockets = [...this.#shutdown.sockets].filter(isOpen)
    this.#sessions.retire()
    const allClosed = this.#shutdown.sockets.untilClosed(sockets)
    // GOAWAY first: a client that has received a Close frame must not reconnect on the same session.
    await new Promise((resolve) => { setImmediate(resolve) })
    await this.#closeEach(sockets, settings, allClosed)
    return sockets.length
  }

  /**
   * Closes the sockets of a session that has reached `maxSessionAge`.
   *
   * @param over time, in ms, that the Close frames are spread over
   */
  closeSession (session: AgingSession, over: number): void {
    const settings = readDrainOptions({ over })
    session.onLateSocket = (socket) => closeIfOpen(socket, settings)
    this.#closeEach(session.sockets.filter(isOpen), settings).catch((error: unknown) => {
      this.#log.error(error, 'a socket of an HTTP/2 session that has reached maxSessionAge could not be closed')
    })
  }

  /** Resolves when these sockets have closed. A shutdown that begins after the call closes them in its own way. */
  async #closeEach (
    sockets: WebSocket[], settings: DrainSettings, allClosed = this.#shutdown.sockets.untilClosed(sockets)
  ): Promise<void> {
    const { over } = settings
    const { hasBegun } = this.#shutdown
    const batches = new Batches()
    const closed = allClosed.then(() => batches.stop())
    const size = smallestBatch(sockets.length, over)
    await batches.run(sockets, { size, over }, (socket) => {
      if (this.#shutdown.hasBegun === hasBegun) closeIfOpen(socket, settings)
    })
    await closed
  }
}

function closeIfOpen (socket: WebSocket, { code, reason }: DrainSettings): void {
  if (isOpen(socket)) socket.close(code, reason)
}

function isOpen (socket: WebSocket): boolean {
  return socket.readyState === socket.OPEN
}
