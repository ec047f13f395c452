/** In ms. */
const INTERVAL = 1000

/**
 * Sends the sockets of a room the number of its newest message, if it is new to them. They miss a message that was logged
 * and has not reached this node, because the relay has lost it, or because its node died before it could publish it.
 */
export class Newest {
  #app
  #log
  /** The numbers that were sent, by room. */
  #sent = new Map()
  #timer = setInterval(() => this.#send(), INTERVAL)

  constructor (app, log) {
    this.#app = app
    this.#log = log
  }

  /** Adds a room, until it has no sockets on this node. */
  add (room) {
    if (!this.#sent.has(room)) this.#sent.set(room, 0)
  }

  stop () {
    clearInterval(this.#timer)
  }

  async #send () {
    const { websocketServer } = this.#app
    const rooms = [...this.#sent.keys()].filter((room) => websocketServer.subscribers(room) > 0 || !this.#sent.delete(room))
    // While Redis is down, there are no new messages.
    const numbers = await this.#log.readNewest(rooms).catch(() => [])
    for (const [index, number] of numbers.entries()) {
      const room = rooms[index]
      if (this.#sent.get(room) === number) continue
      this.#sent.set(room, number)
      // Unlike publish(), broadcast() reaches the sockets of this node only.
      websocketServer.broadcast({ type: 'newest', number }, { filter: ({ topics }) => topics.has(room) })
    }
  }
}
