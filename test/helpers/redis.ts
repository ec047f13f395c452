import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import mqemitterRedis from 'mqemitter-redis'
import type { Test } from 'tap'
import type { RelayEmitter } from '../../index.ts'
import { killOnExit } from './child-processes.js'

/** Reason to skip a test; false if Redis is installed. */
export const SKIP_REDIS = spawnSync('redis-server', ['--version']).error !== undefined &&
  'redis-server is not installed: apt-get install redis-server'

/** A Redis server on a free port, which ends with the test. */
export class RedisServer {
  port = 0
  #child: ChildProcess | undefined

  static async start (t: Test): Promise<RedisServer> {
    const server = new RedisServer()
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    server.port = (probe.address() as AddressInfo).port
    probe.close()
    t.teardown(async () => await server.kill())
    await server.restart()
    return server
  }

  /** Starts the process, and waits until it accepts connections. */
  async restart (): Promise<void> {
    const options = ['--port', this.port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'].map(String)
    this.#child = killOnExit(spawn('redis-server', options, { stdio: 'ignore' }))
    while (!await isListening(this.port)) await sleep(10)
  }

  async kill (): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
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
}

async function isListening (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
