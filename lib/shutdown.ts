import type { Channel } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import type { FastifyInstance } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import type { PreCloseHook } from '../types/index.ts'
import { channels } from './channels.ts'
import type { Sessions } from './http2/sessions.ts'
import type { ShutdownSettings } from './options/shutdown.ts'
import { Batches } from './socket/batches.ts'
import { OpenSockets } from './socket/open-sockets.ts'

/** Fraction of `timeout` in which Close frames are sent. The rest is left for the last peers to answer theirs. */
const CLOSE_PHASE = 0.5

/**
 * Shutdown of a server. It refuses new handshakes, closes the sockets, then the sessions, and after `timeout` destroys
 * everything that is still open. Fastify itself waits for its connections indefinitely.
 */
export class Shutdown {
  readonly sockets: OpenSockets
  readonly #options: ShutdownSettings
  readonly #websocketServer: WebSocketServer
  readonly #sessions: Sessions
  readonly #fastify: Pick<FastifyInstance, 'log'>
  readonly #batches = new Batches()
  readonly #connections = new Set<Duplex>()
  readonly #removeConnection: (this: Duplex) => void
  /** False if the server is not Fastify's: it stays open, and so do its connections. */
  #endsConnections = false
  #deadline: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor (
    options: ShutdownSettings, websocketServer: WebSocketServer, sessions: Sessions,
    fastify: Pick<FastifyInstance, 'log'>
  ) {
    this.#options = options
    this.#websocketServer = websocketServer
    this.#sessions = sessions
    this.#fastify = fastify
    // ws has no set of its sockets if `clientTracking` is off.
    this.sockets = new OpenSockets(websocketServer.clients as Set<WebSocket> | undefined)
    const connections = this.#connections
    this.#removeConnection = function () { connections.delete(this) }
  }

  get hasBegun (): boolean {
    return this.#deadline !== undefined
  }

  addSocket (socket: WebSocket): void {
    this.sockets.add(socket)
    if (this.hasBegun) this.#close(socket)
  }

  /** Removes a socket that has closed. ws's own listener for that is lost if a handler calls `removeAllListeners()`. */
  removeSocket (socket: WebSocket): void {
    this.sockets.remove(socket)
  }

  /**
   * Tracks the connections of a server that Fastify closes. They include connections that have not completed their TLS
   * handshake or sent their HTTP/2 preface, which Node does not list.
   *
   * @returns a function that stops the tracking
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

  /** Refuses handshakes from now on, and starts the timeout. */
  begin (): void {
    if (this.hasBegun) return
    this.#deadline = new Promise((resolve) => {
      this.#timer = setTimeout(() => this.#endAll(resolve), this.#options.timeout)
    })
    this.#sessions.drain()
    this.#publish(channels.shutdownStart)
  }

  /**
   * Closes the sockets, then the sessions. Resolves when the sockets are closed, or after the timeout.
   *
   * @throws the error of the user's `preClose`
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

  /** Waits for the connections of secondary servers, for which Fastify does not wait. Stops the timeout. */
  async finish (): Promise<void> {
    this.begin()
    await Promise.race([untilClosed(this.#connections), this.#deadline])
    clearTimeout(this.#timer)
    this.#publish(channels.shutdownEnd)
  }

  #publish (channel: Channel): void {
    if (channel.hasSubscribers) channel.publish({ fastify: this.#fastify, sockets: this.sockets.size })
  }

  async #closeAll (): Promise<void> {
    // Makes ws refuse the handshakes whose hooks are still running.
    this.#websocketServer.close()
    const { batch, timeout } = this.#options
    const spread = { size: batch, over: timeout * CLOSE_PHASE }
    await this.#batches.run([...this.sockets], spread, (socket) => this.#close(socket))
    while (this.sockets.size > 0) await this.sockets.untilClosed(this.sockets)
  }

  #close (socket: WebSocket): void {
    socket.close(this.#options.code, this.#options.reason)
  }

  /** Destroys everything that is open. Turns of the event loop lie between the steps, to send RST_STREAM and GOAWAY. */
  #endAll (done: () => void): void {
    const [sockets, connections] = [this.sockets.size, this.#connections.size]
    if (sockets + connections > 0) {
      this.#fastify.log.warn({ sockets, connections }, 'shutdownTimeout exceeded: open sockets and connections are terminated')
    }
    this.#batches.stop()
    for (const socket of this.sockets) socket.terminate()
    setImmediate(() => setImmediate(() => {
      if (this.#endsConnections) this.#sessions.destroy()
      setImmediate(() => {
        for (const connection of this.#connections) connection.destroy()
        done()
      })
    }))
  }
}

/** Adds the hooks that run a shutdown when a Fastify instance closes. */
export function addShutdownHooks (fastify: FastifyInstance, shutdown: Shutdown): void {
  // The onClose hook that is added last runs first, before all preClose hooks, one of which may never end.
  fastify.addHook('onReady', async () => { fastify.addHook('onClose', async () => { shutdown.begin() }) })
  fastify.addHook('preClose', async () => { await shutdown.closeSockets(fastify) })
  fastify.addHook('onClose', async () => { await shutdown.finish() })
}

/** Calls a hook like Fastify: with a parameter it calls `done`, without one it returns a promise. */
async function callHook (hook: PreCloseHook, fastify: FastifyInstance): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => { if (error == null) resolve(); else reject(error) }
    Promise.resolve(hook.call(fastify, done)).then(() => { if (hook.length !== 1) resolve() }, reject)
  })
}

async function untilClosed (emitters: Set<Duplex>): Promise<void> {
  await Promise.all([...emitters].map((emitter) => new Promise((resolve) => { emitter.once('close', resolve) })))
}
