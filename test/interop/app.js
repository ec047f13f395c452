import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { end, keep, receive } from '../helpers/children.js'
import { Commands, within } from './commands.js'

const SERVER = fileURLToPath(new URL('server.js', import.meta.url))
/** Longer than any peer takes to end what is over, shorter than any timer that would end it in its place. */
const SETTLING = 3000

/** The app of server.js, in a process of its own. */
export class App {
  #child
  #commands = new Commands((command) => this.#child.send(command))
  /** What the app has told of each socket, by 'opened' or 'closed' and the socket's id. */
  #told = new Map()
  #telling = new EventEmitter().setMaxListeners(0)

  /** `ports` are those that a former one had; `plugin` are options of the plugin. */
  static async start (folder, { ports, plugin } = {}) {
    const app = new App()
    app.#child = keep(fork(SERVER, [JSON.stringify({ folder, ports, plugin })]))
    Object.assign(app, await receive(app.#child, 'the app'))
    app.#child.on('message', (message) => app.#take(message))
    return app
  }

  /** How the socket of that id opened, once it has: what carries it, which connection, what the hooks saw. */
  opened (id) {
    return this.#wait(`opened ${id}`)
  }

  /** How it closed, once it has: code and reason of its 'close'. */
  closed (id) {
    return this.#wait(`closed ${id}`)
  }

  /** Whether a handler got a socket of that id. */
  has (id) {
    return this.#told.has(`opened ${id}`)
  }

  close (id, code, reason) {
    return this.#commands.run({ do: 'close', socket: id, code, reason })
  }

  terminate (id) {
    return this.#commands.run({ do: 'terminate', socket: id })
  }

  /** How many Extended CONNECT streams and sockets are open, and what was logged as a warning or worse. */
  state () {
    return this.#commands.run({ do: 'state' })
  }

  /** The same, once nothing is open or has had the time to end. */
  async settled () {
    const end = Date.now() + SETTLING
    let state = await this.state()
    while ((state.streams > 0 || state.sockets > 0) && Date.now() < end) {
      await sleep(20)
      state = await this.state()
    }
    return state
  }

  kill () {
    return end(this.#child)
  }

  async #wait (what) {
    if (!this.#told.has(what)) await within(`the app, "${what}"`, once(this.#telling, what))
    return this.#told.get(what)
  }

  #take ({ about, ...told }) {
    if (about === undefined) return this.#commands.answer(told)
    this.#told.set(about, told)
    this.#telling.emit(about)
  }
}
