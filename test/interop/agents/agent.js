import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { end, keep } from '../../helpers/children.js'
import { Commands, within } from '../commands.js'

/** A client in a process of its own, which takes commands as lines of JSON on stdin and answers likewise on stdout. */
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

  /** Gives one that runs, and has said which version it is. One that has left is started again by its next command. */
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

  /** It goes anywhere by itself. */
  async visit () {}

  /** Goes without a word: the process is killed. */
  async leave () {
    if (this.#started === undefined) return
    await end(this.#child)
    this.#started = undefined
  }

  kill () {
    return this.leave()
  }

  async #start () {
    const [file, ...args] = this.#command
    const child = keep(spawn(file, args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] }))
    // Some warn there of what is experimental. What goes wrong is in the answers.
    const said = []
    createInterface(child.stderr).on('line', (line) => said.push(line))
    const ended = once(child, 'exit')
    ended.then(() => this.#commands.abandon(new Error(`the client has ended: ${said.slice(-5).join('\n')}`)))

    const lines = createInterface(child.stdout)
    const [first] = await within('the start of the client', Promise.race([once(lines, 'line'), ended]))
    if (typeof first !== 'string') throw new Error(`the client did not start: ${said.join('\n')}`)
    lines.on('line', (line) => this.#commands.answer(JSON.parse(line)))
    this.version = JSON.parse(first).version
    this.#child = child
  }
}
