import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { killOnExit, waitForLine } from '../helpers/child-processes.js'

const EXAMPLES = new URL('../../examples/', import.meta.url)
const URL_PATTERN = /https:\S+/

/** The server of an example, in a process of its own that Ctrl-C stops. */
export class Example {
  #process
  #exited
  url

  /** `name` is that of its directory. */
  static async start (name, env = {}) {
    const example = new Example()
    await example.#start(name, env)
    return example
  }

  /** Sends SIGINT, as Ctrl-C does. Returns the exit code. */
  async interrupt () {
    this.#process.kill('SIGINT')
    const [code] = await this.#exited
    return code
  }

  async #start (name, env) {
    const server = fileURLToPath(new URL(`${name}/server.js`, EXAMPLES))
    this.#process = killOnExit(spawn(process.execPath, [server], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit']
    }))
    this.#exited = once(this.#process, 'exit')
    const line = await waitForLine(this.#process, `examples/${name}`, createInterface(this.#process.stdout), URL_PATTERN)
    this.url = URL_PATTERN.exec(line)[0]
  }
}
