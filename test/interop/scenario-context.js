import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

/** The app, the client and the origin that a scenario uses. Opens sockets and checks how they reached the app. */
export class ScenarioContext {
  #transport

  /** @param transport the handshake by which the app must have received each socket */
  constructor (app, agent, origin, transport) {
    this.app = app
    this.agent = agent
    this.origin = origin
    this.#transport = transport
  }

  createId () {
    return randomUUID()
  }

  /** Opens a socket to a route. */
  openAt (path, id, options) {
    return this.agent.run({ do: 'open', url: `${this.origin.replace('http', 'ws')}${path}?id=${id}`, ...options })
  }

  /** Opens a socket to an echo route, and waits until the handler has received it. */
  async open ({ path = '/echo', ...options } = {}) {
    const id = this.createId()
    const opened = await this.openAt(path, id, options)
    const seen = await this.app.opened(id)
    assert.equal(seen.transport, this.#transport, 'the handshake that the app received')
    return new Socket(this.agent, id, opened, seen)
  }
}

class Socket {
  #agent
  #socket

  /** @param seen what the app reported about the socket when it opened */
  constructor (agent, id, { socket, protocol }, seen) {
    this.#agent = agent
    this.#socket = socket
    this.id = id
    this.protocol = protocol
    this.seen = seen
  }

  echo (kind, bytes) {
    return this.#run('echo', { kind, bytes })
  }

  close (code, reason) {
    return this.#run('close', { code, reason })
  }

  closed () {
    return this.#run('closed')
  }

  abort () {
    return this.#run('abort')
  }

  #run (name, args) {
    return this.#agent.run({ do: name, socket: this.#socket, ...args })
  }
}
