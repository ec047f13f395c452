import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('../../examples/echo/server.js', import.meta.url))

/** The example server as a person runs it: a process of its own, which Ctrl-C stops. */
export class Example {
  #process
  #exited

  static async start (env = {}) {
    const example = new Example()
    await example.#start(env)
    return example
  }

  /** Gives the exit code. */
  async interrupt () {
    this.#process.kill('SIGINT')
    const [code] = await this.#exited
    return code
  }

  async #start (env) {
    this.#process = spawn(process.execPath, [SERVER], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    this.#exited = once(this.#process, 'exit')
    process.once('exit', () => this.#process.kill('SIGKILL'))
    this.url = await this.#readUrl()
  }

  async #readUrl () {
    for await (const line of createInterface(this.#process.stdout)) {
      const [url] = /https:\S+/.exec(line) ?? []
      if (url !== undefined) return url
    }
    throw new Error('the example server ended without an address')
  }
}
