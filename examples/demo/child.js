import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fail } from '../shared/listen.js'

/** A child process that answers each message with one message, in order. It exits with this process. */
export class Child {
  #process
  #last

  constructor (script, args = []) {
    this.#process = fork(script, args)
    this.#process.once('exit', (code, signal) => fail(`${script} ended: ${signal ?? `exit code ${code}`}`))
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

  end () {
    this.#process.removeAllListeners('exit')
    this.#process.disconnect()
  }
}

/** Answers the messages of the parent process with the results of functions. */
export function answerParent (functions) {
  process.on('message', async ({ name, value }) => process.send(await functions[name](value) ?? null))
  process.once('disconnect', () => process.exit())
  // Ctrl-C reaches all processes of a terminal. The parent process ends this one.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
}
