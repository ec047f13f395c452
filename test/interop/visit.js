import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

/** One client at one address of the app: what a scenario acts with. */
export class Visit {
  #over

  /** `over` is what each of its sockets must have come over, as the app sees it. */
  constructor (app, client, origin, over) {
    this.app = app
    this.origin = origin
    this.client = client
    this.#over = over
  }

  nextId () {
    return randomUUID()
  }

  /** Opens a socket to a route. */
  openAt (path, id, options) {
    return this.client.run({ do: 'open', url: `${this.origin.replace('http', 'ws')}${path}?id=${id}`, ...options })
  }

  /** Opens a socket that echoes, and waits until the app has it too. */
  async open (options) {
    const id = this.nextId()
    const opened = await this.openAt('/echo', id, options)
    const seen = await this.app.opened(id)
    assert.equal(seen.over, this.#over, 'what the app sees the socket come over')
    return new Socket(this.client, id, opened, seen)
  }
}

class Socket {
  #client
  #socket

  /** `seen` is what the app has told of it. */
  constructor (client, id, { socket, protocol }, seen) {
    this.#client = client
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
    return this.#client.run({ do: name, socket: this.#socket, ...args })
  }
}
