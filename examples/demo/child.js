import { fork } from 'node:child_process'
import { once } from 'node:events'

/** A child process that answers each message with one message, in order. It exits with this process. */
export class Child {
  #process
  #last

  constructor (script, args = []) {
    this.#process = fork(script, args)
    this.#last = Promise.resolve()
  }

  /** Resolves to the next message of the process. */
  async ready () {
    const [message] = await once(this.#process, 'message')
    return message
  }

  /** Sends a message. Resolves to its answer. */
  request (name, value) {
    this.#last = this.#last.then(() => {
      this.#process.send({ name, value })
      return this.ready()
    })
    return this.#last
  }
}
