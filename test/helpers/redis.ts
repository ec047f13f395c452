import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import mqemitterRedis from 'mqemitter-redis'
import type { Test } from 'tap'
import type { RelayEmitter } from '../../index.ts'
import { accepts } from './ports.js'
import { ServerProcess } from './server-process.ts'

/** Reason to skip a test; false if Redis is installed. */
export const SKIP_REDIS = spawnSync('redis-server', ['--version']).error !== undefined &&
  'redis-server is not installed: apt-get install redis-server'

/** A Redis server, which ends with the test. */
export class RedisServer {
  readonly #process: ServerProcess

  static async start (t: Test): Promise<RedisServer> {
    const server = new RedisServer(await ServerProcess.start(t, 'redis-server', (port) => [
      '--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'
    ]))
    await server.#accepts()
    return server
  }

  private constructor (process: ServerProcess) {
    this.#process = process
  }

  get port (): number {
    return this.#process.port
  }

  /** Starts the process, and waits until it accepts connections. */
  async restart (): Promise<void> {
    this.#process.restart()
    await this.#accepts()
  }

  async kill (): Promise<void> {
    await this.#process.kill()
  }

  /** Creates a relay, whose close() does not wait for a server that is down. */
  createRelay (Emitter: typeof mqemitterRedis = mqemitterRedis): RelayEmitter {
    return this.#createRelay(Emitter, this.#connect(), this.#connect())
  }

  /**
   * Creates a relay that is connected. ioredis sends SUBSCRIBE before it has checked a new connection; the check then
   * fails, which the relay reports.
   */
  async createConnectedRelay (Emitter: typeof mqemitterRedis = mqemitterRedis): Promise<RelayEmitter> {
    const connections = [this.#connect(), this.#connect()] as const
    await Promise.all(connections.map(async (connection) => await once(connection, 'ready')))
    return this.#createRelay(Emitter, ...connections)
  }

  #connect (): Redis {
    return new Redis(this.port, '127.0.0.1')
  }

  #createRelay (Emitter: typeof mqemitterRedis, subConn: Redis, pubConn: Redis): RelayEmitter {
    return Object.assign(Emitter({ subConn, pubConn }), {
      close (callback: () => void) {
        subConn.disconnect()
        pubConn.disconnect()
        callback()
      }
    })
  }

  async #accepts (): Promise<void> {
    while (!await accepts(this.port)) await sleep(10)
  }
}
