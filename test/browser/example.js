import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { killOnExit, waitForLine } from '../helpers/child-processes.js'

const SERVER = fileURLToPath(new URL('../../examples/echo/server.js', import.meta.url))
const URL_PATTERN = /https:\S+/

/** The example server, in a process of its own that Ctrl-C stops. */
export class Example {
  #process
  #exited
  url

  static async start (env = {}) {
    const example = new Example()
    await example.#start(env)
    return example
  }

  /** Sends SIGINT, as Ctrl-C does. Returns the exit code. */
  async interrupt () {
    this.#process.kill('SIGINT')
    const [code] = await this.#exited
    return code
  }

  async #start (env) {
    this.#process = killOnExit(spawn(process.execPath, [SERVER], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit']
    }))
    this.#exited = once(this.#process, 'exit')
    const line = await waitForLine(this.#process, 'the example server', createInterface(this.#process.stdout), URL_PATTERN)
    this.url = URL_PATTERN.exec(line)[0]
  }
}
