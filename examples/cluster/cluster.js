import { fork, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readKeys } from '../shared/keys.js'

const NODES = 3
const CONFIG = fileURLToPath(new URL('haproxy.cfg', import.meta.url))
const SERVER = fileURLToPath(new URL('server.js', import.meta.url))
const { REDIS_SERVER = 'redis-server', HAPROXY = 'haproxy' } = process.env
// Debian installs HAProxy in a directory that PATH may omit.
const ENV = { ...process.env, PATH: [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter) }

/** Returns the names of the programs that are not installed. */
export function findMissing () {
  const programs = [['Redis', REDIS_SERVER, '--version'], ['HAProxy', HAPROXY, '-v']]
  return programs.filter(([, file, ...args]) => spawnSync(file, args, { env: ENV }).status !== 0).map(([name]) => name)
}

/**
 * Redis, three nodes and HAProxy: processes that listen on 127.0.0.1. Emits 'died' if a process exits by itself or is
 * killed, with its name and a function that starts it again.
 */
export class Cluster extends EventEmitter {
  nodes = []
  redis
  #proxy
  #folder
  #ports
  #secret
  #ended = new WeakSet()

  /** Starts all processes. HAProxy listens on the port, or on any free one if it is 0. */
  static async start (port) {
    const cluster = new Cluster()
    try {
      await cluster.#start(port)
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  get url () {
    return `https://localhost:${this.#ports.proxy}`
  }

  get redisUrl () {
    return `redis://127.0.0.1:${this.#ports.redis}`
  }

  /** Starts Redis, and waits until it has read the log from its file. */
  async startRedis () {
    // Redis writes what it logs to the file before it answers: what was acknowledged outlasts its process.
    const args = ['--port', this.#ports.redis, '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--appendonly', 'yes']
    this.redis = spawn(REDIS_SERVER, args, { env: ENV, stdio: ['ignore', 'pipe', 'inherit'] })
    const isReady = new Promise((resolve) => createInterface(this.redis.stdout).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve()
    }))
    await this.#started('Redis', this.redis, isReady, () => this.startRedis())
  }

  /** Starts a node, and waits until HAProxy has found it healthy. */
  async startNode (index) {
    const name = `node${index + 1}`
    const env = { NODE: name, PORT: this.#ports.nodes[index], REDIS: this.redisUrl, SECRET: this.#secret }
    const node = this.nodes[index] = fork(SERVER, { env: { ...process.env, ...env } })
    await this.#started(name, node, once(node, 'message'), () => this.startNode(index))
  }

  /** Restarts the nodes, one after the other. */
  async restartNodes () {
    for (const [index, node] of this.nodes.entries()) {
      await this.#end(node, 'SIGTERM')
      await this.startNode(index)
    }
  }

  async stop () {
    await Promise.all([this.#proxy, ...this.nodes].map((child) => this.#end(child, 'SIGINT')))
    await this.#end(this.redis, 'SIGINT')
  }

  async #start (port) {
    this.#folder = await mkdtemp(join(tmpdir(), 'cluster-'))
    process.once('exit', () => this.#kill())
    const [proxy, redis, ...nodes] = await findPorts(2 + NODES)
    this.#ports = { proxy: port || proxy, redis, nodes }
    const { key, cert, secret } = await readKeys()
    this.#secret = secret
    await writeFile(join(this.#folder, 'haproxy.pem'), `${cert}\n${key}`, { mode: 0o600 })
    await this.startRedis()
    const areHealthy = Promise.all(nodes.map((_port, index) => this.startNode(index)))
    await Promise.all([areHealthy, this.#startProxy(areHealthy)])
  }

  async #startProxy (areHealthy) {
    const { proxy, nodes: [NODE1, NODE2, NODE3] } = this.#ports
    const env = { ...ENV, PORT: proxy, FOLDER: this.#folder, NODE1, NODE2, NODE3 }
    this.#proxy = spawn(HAPROXY, ['-db', '-f', CONFIG], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    await this.#started('HAProxy', this.#proxy, areHealthy, () => this.#startProxy())
  }

  /** Waits until a process is ready. Throws if it exits first, with what it has written to stderr. */
  async #started (name, child, isReady, startAgain) {
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text) => { stderr = (stderr + text).slice(-1000) })
    const exited = once(child, 'close').then(([code, signal]) => {
      throw new Error(`${name} has exited with ${signal ?? code}. ${stderr}`)
    })
    await Promise.race([isReady, exited])
    child.once('exit', () => { if (!this.#ended.has(child)) this.emit('died', name, startAgain) })
  }

  #kill () {
    for (const child of [this.#proxy, this.redis, ...this.nodes]) child?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #end (child, signal) {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    this.#ended.add(child)
    child.kill(signal)
    await once(child, 'exit')
  }
}

/** Returns free ports below 32768: those above are given to outgoing connections while a node restarts. */
async function findPorts (count) {
  const servers = []
  while (servers.length < count) {
    const server = createServer().listen(randomInt(10_000, 32_768), '127.0.0.1')
    if (await once(server, 'listening').then(() => true, () => false)) servers.push(server)
  }
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
