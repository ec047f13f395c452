/** In ms. A message that is still missing after this time is read from the log: the relay may have lost it. */
const GAP_TIMEOUT = 500
/** In ms. A message that the server could not log is sent again after this time. */
const RESEND_DELAY = 500

/**
 * The messages of a room, for the page and for Node.js. Those of the log are shown once each, in the order of their
 * numbers. Those of this client are sent until the server has acknowledged them.
 */
export class Room {
  /** Texts that the server has not acknowledged, by the id of the message. */
  pending = new Map()
  /** Number of the last message of the log that was shown. */
  last = null
  /** How often messages were missing, and were read from the log. */
  gaps = 0
  #send
  #onMessage
  /** Number of the last message of the log that is known. */
  #newest = 0
  /** Messages that have arrived before one of their predecessors, by their number. */
  #early = new Map()
  #isJoining = true
  #timer

  /**
   * `send` sends data if the socket is open. `onMessage` is called with each message of the log, and before, perhaps more
   * than once, with a message that has no number yet because it could not be logged.
   */
  constructor (send, onMessage) {
    this.#send = (object) => send(JSON.stringify(object))
    this.#onMessage = onMessage
  }

  /** Sends a message, now and again until it is acknowledged. The server logs it once. Returns its id. */
  post (text) {
    const id = crypto.randomUUID()
    this.pending.set(id, text)
    this.#send({ id, text })
    return id
  }

  /** Handles a message from the server. */
  receive (received) {
    if (received.type === 'welcome') this.#open()
    else if (received.type === 'history') this.#addHistory(received)
    else if (received.type === 'message') this.#add(received)
    else if (received.type === 'newest') this.#expect(received.number)
    else if (received.type === 'acknowledged') this.pending.delete(received.id)
    else if (received.type === 'unlogged') setTimeout(() => this.#resend(received.id), RESEND_DELAY)
  }

  /** Stops the timer. */
  close () {
    clearTimeout(this.#timer)
  }

  #open () {
    this.#join()
    for (const id of this.pending.keys()) this.#resend(id)
  }

  /** Requests what was missed. */
  #join () {
    this.#isJoining = true
    this.#send({ after: this.last })
    this.#expect(0)
  }

  #resend (id) {
    const text = this.pending.get(id)
    if (text !== undefined) this.#send({ id, text })
  }

  /** Adds messages that the server has read from the log. What the log no longer has is skipped. */
  #addHistory ({ messages, newest }) {
    this.#isJoining = false
    for (const message of messages) {
      if (message.number > this.last) this.#show(message)
    }
    this.last ??= 0
    this.#showEarly()
    if (messages.length > 0 && this.last < newest) this.#join()
    this.#expect(newest)
  }

  #add (message) {
    if (message.number === undefined) return this.#onMessage(message)
    this.#early.set(message.number, message)
    if (this.last !== null) this.#showEarly()
    this.#expect(message.number)
  }

  /** Shows what follows the last message. */
  #showEarly () {
    for (const number of this.#early.keys()) {
      if (number <= this.last) this.#early.delete(number)
    }
    for (let next; (next = this.#early.get(this.last + 1)) !== undefined;) {
      this.#early.delete(next.number)
      this.#show(next)
    }
  }

  #show (message) {
    this.last = message.number
    this.#onMessage(message)
  }

  /** Waits for the messages up to a number, and requests those that do not arrive in time. */
  #expect (number) {
    this.#newest = Math.max(this.#newest, number)
    if (this.#isComplete) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#isComplete) return
      this.gaps++
      this.#join()
    }, GAP_TIMEOUT)
  }

  get #isComplete () {
    return !this.#isJoining && this.last >= this.#newest
  }
}
