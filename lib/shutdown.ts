import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Sessions } from './http2/sessions.ts'
import type { ShutdownSettings } from './options/shutdown.ts'
import type { PreCloseHook } from '../types/index.ts'

/** The part of `timeout` in which Close frames are sent. The rest is for the peers to answer the last of them. */
const CLOSE_PHASE = 0.5

/**
 * The end of a server: it refuses new handshakes, closes the sockets and sessions in order and, when `timeout` has
 * passed, ends whatever is still open. Fastify itself waits for its connections without a limit.
 */
export class Shutdown {
  readonly #options: ShutdownSettings
  readonly #server: WebSocketServer
  readonly #sessions: Sessions
  readonly #log: FastifyBaseLogger
  readonly #sockets: Set<WebSocket>
  readonly #connections = new Set<Duplex>()
  readonly #removeConnection: (this: Duplex) => void
  /** False where somebody else closes the server, and its connections are not ours to end. */
  #endsConnections = false
  #deadline: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor (options: ShutdownSettings, server: WebSocketServer, sessions: Sessions, log: FastifyBaseLogger) {
    this.#options = options
    this.#server = server
    this.#sessions = sessions
    this.#log = log
    // Without `clientTracking` ws has no set of its sockets.
    this.#sockets = (server.clients as Set<WebSocket> | undefined) ?? new Set()
    const connections = this.#connections
    this.#removeConnection = function () { connections.delete(this) }
  }

  get hasBegun (): boolean {
    return this.#deadline !== undefined
  }

  addSocket (socket: WebSocket): void {
    if (!this.#sockets.has(socket)) {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    }
    if (this.hasBegun) this.#close(socket)
  }

  /**
   * Follows the connections of a server that Fastify closes. They include those that have not finished their TLS
   * handshake or sent their HTTP/2 preface, of which Node gives no list.
   *
   * @returns a function that stops it
   */
  trackConnections (server: Server): () => void {
    this.#endsConnections = true
    const serverOnConnection = (connection: Duplex): void => {
      this.#connections.add(connection)
      connection.on('close', this.#removeConnection)
    }
    server.on('connection', serverOnConnection)
    return () => { server.off('connection', serverOnConnection) }
  }

  /** Refuses handshakes from now on, and starts the clock. */
  begin (): void {
    if (this.hasBegun) return
    this.#deadline = new Promise((resolve) => {
      this.#timer = setTimeout(() => this.#endAll(resolve), this.#options.timeout)
    })
    this.#sessions.drain()
  }

  /**
   * Closes the sockets, then the sessions. Resolves when the sockets are closed.
   *
   * @throws what the user's `preClose` throws
   */
  async closeSockets (fastify: FastifyInstance): Promise<void> {
    this.begin()
    const { preClose } = this.#options
    try {
      await Promise.race([preClose === undefined ? this.#closeAll() : callHook(preClose, fastify), this.#deadline])
    } finally {
      this.#sessions.close()
    }
  }

  /** Waits for connections that Fastify does not wait for: those of its further addresses. */
  async finish (): Promise<void> {
    this.begin()
    await Promise.race([untilClosed(this.#connections), this.#deadline])
    clearTimeout(this.#timer)
  }

  async #closeAll (): Promise<void> {
    // From now on it refuses the handshakes whose hooks are still running.
    this.#server.close()
    const { batch, timeout } = this.#options
    const open = [...this.#sockets]
    const interval = timeout * CLOSE_PHASE / Math.ceil(open.length / batch)
    for (let next = open.splice(0, batch); next.length > 0; next = open.splice(0, batch)) {
      for (const socket of next) this.#close(socket)
      if (open.length > 0) await this.#wait(interval)
    }
    while (this.#sockets.size > 0) await untilClosed(this.#sockets)
  }

  #close (socket: WebSocket): void {
    socket.close(this.#options.code, this.#options.reason)
  }

  async #wait (interval: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const passed = new Promise((resolve) => { timer = setTimeout(resolve, interval) })
    await Promise.race([passed, this.#deadline])
    clearTimeout(timer)
  }

  /** A turn lies between two steps, so that each can send its frames: RST_STREAM, then GOAWAY. */
  #endAll (done: () => void): void {
    const [sockets, connections] = [this.#sockets.size, this.#connections.size]
    if (sockets + connections > 0) {
      this.#log.warn({ sockets, connections }, 'shutdownTimeout has passed: what was still open has been ended')
    }
    for (const socket of this.#sockets) socket.terminate()
    setImmediate(() => setImmediate(() => {
      if (this.#endsConnections) this.#sessions.destroy()
      setImmediate(() => {
        for (const connection of this.#connections) connection.destroy()
        done()
      })
    }))
  }
}

/** Runs a shutdown with the close of a Fastify instance. */
export function addShutdownHooks (fastify: FastifyInstance, shutdown: Shutdown): void {
  // The onClose hook that is added last runs first, ahead of every preClose hook: one of these may never end.
  fastify.addHook('onReady', async () => { fastify.addHook('onClose', async () => { shutdown.begin() }) })
  fastify.addHook('preClose', async () => { await shutdown.closeSockets(fastify) })
  fastify.addHook('onClose', async () => { await shutdown.finish() })
}

/** Calls a hook as Fastify does: one that has a parameter calls it when it is done. */
async function callHook (hook: PreCloseHook, fastify: FastifyInstance): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => { if (error == null) resolve(); else reject(error) }
    Promise.resolve(hook.call(fastify, done)).then(() => { if (hook.length !== 1) resolve() }, reject)
  })
}

async function untilClosed (emitters: Set<WebSocket | Duplex>): Promise<void> {
  await Promise.all([...emitters].map((each) => new Promise((resolve) => { each.once('close', resolve) })))
}
