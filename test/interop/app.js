import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { kill, killOnExit, waitForMessage } from '../helpers/child-processes.js'
import { Commands, withTimeout } from './commands.js'

const SERVER = fileURLToPath(new URL('server.js', import.meta.url))
/** Longer than any peer takes to end its streams, shorter than any timer that would end them for it. */
const SETTLE_TIMEOUT = 3000

/** The app of server.js, in a process of its own. */
export class App {
  #child
  #commands = new Commands((command) => {
    // Without a callback, the error of a process that has exited is not caught. The command ends with its time limit.
    this.#child.send(command, () => {})
  })

  /** The events that the app has reported: 'opened' or 'closed', followed by the socket's id. */
  #events = new Map()
  #emitter = new EventEmitter().setMaxListeners(0)

  /**
   * @param options `ports`: listens on the ports of an app that was killed, instead of any free ones; `plugin`: options of
   *   the plugin; `fastify`: options of Fastify; `ending`: the status of health checks after SIGTERM
   */
  static async start (folder, { ports, plugin, fastify, ending } = {}) {
    const app = new App()
    app.#child = killOnExit(fork(SERVER, [JSON.stringify({ folder, ports, plugin, fastify, ending })]))
    Object.assign(app, await waitForMessage(app.#child, 'the app'))
    app.#child.on('message', (message) => app.#onMessage(message))
    return app
  }

  /** Waits until a socket opens. Returns its handshake, its connection, and what the hooks received. */
  opened (id) {
    return this.#waitFor(`opened ${id}`)
  }

  /** Waits until a socket closes. Returns code and reason of its 'close' event. */
  closed (id) {
    return this.#waitFor(`closed ${id}`)
  }

  /** Returns whether a handler has received a socket of that id. */
  hasOpened (id) {
    return this.#events.has(`opened ${id}`)
  }

  close (id, code, reason) {
    return this.#commands.run({ do: 'close', socket: id, code, reason })
  }

  terminate (id) {
    return this.#commands.run({ do: 'terminate', socket: id })
  }

  /** Closes all sockets, spread over a time in ms. Returns their number when they have closed. */
  drain (over) {
    return this.#commands.run({ do: 'drain', over })
  }

  /** Returns the numbers of open Extended CONNECT streams and sockets, and all messages logged at warn or above. */
  state () {
    return this.#commands.run({ do: 'state' })
  }

  /** Waits until no stream and no socket is open, but not longer than SETTLE_TIMEOUT. Returns the state. */
  async settle () {
    const end = Date.now() + SETTLE_TIMEOUT
    let state = await this.state()
    while ((state.streams > 0 || state.sockets > 0) && Date.now() < end) {
      await sleep(20)
      state = await this.state()
    }
    return state
  }

  get pid () {
    return this.#child.pid
  }

  kill () {
    return kill(this.#child)
  }

  /** Sends SIGTERM. Returns the exit code. */
  async end () {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const [code, signal] = await withTimeout('the app, SIGTERM', exited)
    return code ?? signal
  }

  /** Stops the process, whose ports continue to accept connections. */
  freeze () {
    this.#child.kill('SIGSTOP')
  }

  /** Continues a process that was stopped. */
  unfreeze () {
    this.#child.kill('SIGCONT')
  }

  async #waitFor (event) {
    if (!this.#events.has(event)) await withTimeout(`the app, "${event}"`, once(this.#emitter, event))
    return this.#events.get(event)
  }

  #onMessage ({ event, ...message }) {
    if (event === undefined) return this.#commands.handleResponse(message)
    this.#events.set(event, message)
    this.#emitter.emit(event)
  }
}
