/**
 * The messages of a room, for the page. examples/cluster has one with the same interface, for messages that arrive more
 * than once, late, or in another order.
 */
export class Room {
  /** Texts that the server has not acknowledged, by the id of the message. */
  pending = new Map()
  #send
  #onMessage

  /** `send` sends data if the socket is open. `onMessage` is called with each message that the server has received. */
  constructor (send, onMessage) {
    this.#send = send
    this.#onMessage = onMessage
  }

  /** Sends a message, now and after each welcome until it is acknowledged. Returns its id. */
  post (text) {
    const id = crypto.randomUUID()
    this.pending.set(id, text)
    this.#send(JSON.stringify({ id, text }))
    return id
  }

  /** Handles a message from the server. That of this client acknowledges it. */
  receive (received) {
    if (received.type === 'message') this.#add(received)
    if (received.type !== 'welcome') return
    for (const message of received.history) this.#add(message)
    for (const [id, text] of this.pending) this.#send(JSON.stringify({ id, text }))
  }

  #add (message) {
    this.pending.delete(message.id)
    this.#onMessage(message)
  }
}
