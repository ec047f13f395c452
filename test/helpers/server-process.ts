import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Test } from 'tap'
import { kill, killOnExit } from './child-processes.js'
import { findPort } from './ports.js'

/** A server on a free port of 127.0.0.1, which ends with the test, and that a test can kill and restart. */
export class ServerProcess {
  readonly port: number
  readonly #file: string
  readonly #args: string[]
  #child: ChildProcess | undefined

  /** @param createArgs receives the port, and returns the arguments of the program */
  static async start (t: Test, file: string, createArgs: (port: string) => string[]): Promise<ServerProcess> {
    const port = await findPort()
    const server = new ServerProcess(port, file, createArgs(String(port)))
    t.teardown(async () => await server.kill())
    server.restart()
    return server
  }

  private constructor (port: number, file: string, args: string[]) {
    this.port = port
    this.#file = file
    this.#args = args
  }

  /** Starts the process. It accepts connections later. */
  restart (): void {
    this.#child = killOnExit(spawn(this.#file, this.#args, { stdio: 'ignore' }))
  }

  async kill (): Promise<void> {
    if (this.#child !== undefined) await kill(this.#child)
  }
}
