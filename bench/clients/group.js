import { createClients } from './index.js'

/** Clients that connect one batch after the other, so that their connections fit into the server's listen queue. */
export class ClientGroup {
  /** Rejects with the first error of any client, which invalidates the measurement. */
  failed
  #fail
  #clients = []
  #create

  /** The parameters are those of `createClients()`. */
  constructor (variant, ports, isSecure) {
    this.#create = (count) => createClients(count, variant, ports, isSecure)
    this.failed = new Promise((resolve, reject) => { this.#fail = reject })
    this.failed.catch(() => {})
  }

  /** Creates clients, and calls `start` with each, `batch` of them at a time. Resolves to what that has returned. */
  async add (count, batch, start) {
    const started = []
    while (started.length < count) {
      const clients = this.#create(Math.min(batch, count - started.length))
      this.#clients.push(...clients)
      for (const client of clients) client.failed.catch(this.#fail)
      started.push(...await Promise.all(clients.map(start)))
    }
    return started
  }

  close () {
    for (const client of this.#clients) client.close()
  }
}
