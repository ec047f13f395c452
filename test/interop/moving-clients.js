import { EventEmitter } from 'node:events'
import { connect as openSession } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'fastify-websocket-h2/client'

/** In ms: keeps a client from trying without a pause while nothing listens. */
const RETRY_DELAY = 20

/**
 * Clients that reconnect, each with some sockets on one HTTP/2 session. A client opens another session when its session
 * has received GOAWAY. Emits 'open' when a socket has opened.
 */
export class MovingClients extends EventEmitter {
  /** Number of the sockets that have closed, by their code. */
  closes = {}
  /** Number of the handshakes that failed. */
  failures = 0
  /** Number of all sessions. */
  sessions = 0
  #origin
  #open = new Set()
  #current = new Set()
  #isStopped = false
  #lastId = 0

  constructor (origin) {
    super()
    this.#origin = origin
  }

  /** Number of open sockets. */
  get open () {
    return this.#open.size
  }

  /** Starts a client that keeps a number of sockets open. */
  start (sockets) {
    const client = { session: undefined }
    for (let count = 0; count < sockets; count++) this.#keepOpen(client)
  }

  stop () {
    this.#isStopped = true
    for (const session of this.#current) session.destroy()
  }

  async #keepOpen (client) {
    while (!this.#isStopped) {
      const code = await this.#openOne(this.#sessionOf(client))
      if (code !== undefined) this.closes[code] = (this.closes[code] ?? 0) + 1
      else if (!this.#isStopped) {
        this.failures++
        await sleep(RETRY_DELAY)
      }
    }
  }

  #sessionOf (client) {
    if (client.session === undefined || client.session.closed || client.session.destroyed) {
      const session = openSession(this.#origin)
      this.sessions++
      this.#current.add(session)
      session.on('error', () => {}).once('close', () => this.#current.delete(session))
      client.session = session
    }
    return client.session
  }

  /** Resolves with the code of the close, or undefined if the socket has never opened. */
  #openOne (session) {
    return new Promise((resolve) => {
      const socket = connect(session, { path: `/echo?id=${++this.#lastId}` })
      socket.on('error', () => {})
      socket.once('open', () => { this.#open.add(socket); this.emit('open') })
      socket.once('close', (code) => resolve(this.#open.delete(socket) ? code : undefined))
    })
  }
}
