import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { kill, killOnExit, waitForLine } from '../../helpers/child-processes.js'
import { Commands, withTimeout } from '../commands.js'

/** A client in a process of its own. It reads commands from stdin and writes responses to stdout, one line of JSON each. */
export class Agent {
  #command
  #env
  #child
  #started
  #commands = new Commands((command) => this.#child.stdin.write(`${JSON.stringify(command)}\n`))

  constructor (command, env) {
    this.#command = command
    this.#env = { ...process.env, ...env }
  }

  /** Starts a client and waits until it has reported its version. After disconnect(), the next command restarts it. */
  static async start (command, env) {
    const agent = new Agent(command, env)
    agent.#started = agent.#start()
    await agent.#started
    return agent
  }

  async run (command) {
    this.#started ??= this.#start()
    await this.#started
    return this.#commands.run(command)
  }

  /** Does nothing: the commands of this client contain whole URLs. */
  async setOrigin () {}

  /** Closes all connections without closing handshakes, by killing the process. */
  async disconnect () {
    if (this.#started === undefined) return
    await kill(this.#child)
    this.#started = undefined
  }

  kill () {
    return this.disconnect()
  }

  async #start () {
    const [file, ...args] = this.#command
    const child = killOnExit(spawn(file, args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] }))
    // Printed only if the process exits: clients also write warnings about experimental features to stderr.
    const stderr = []
    createInterface(child.stderr).on('line', (line) => stderr.push(line))
    child.once('exit', () => this.#commands.rejectAll(new Error(`the client exited: ${stderr.slice(-5).join('\n')}`)))

    const lines = createInterface(child.stdout)
    const first = await withTimeout('the start of the client', waitForLine(child, 'the client', lines)).catch((cause) => {
      throw new Error(`the client did not start: ${cause.message}\n${stderr.join('\n')}`, { cause })
    })
    lines.on('line', (line) => this.#commands.handleResponse(JSON.parse(line)))
    this.version = JSON.parse(first).version
    this.#child = child
  }
}
