/** The child processes of a benchmark: the servers under test, and proxies that add latency. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCertificate } from '../test/helpers/certificate.js'
import { startHAProxy } from './haproxy.js'
import { referenceServers } from './references/index.js'

/** Runs a benchmark. Prints an error as one line, and always stops all child processes. */
export async function withProcesses (options, main) {
  const processes = new Processes(options)
  try {
    await main(processes)
  } catch (error) {
    console.error(`\n${error.message}`)
    process.exitCode = 1
  } finally {
    processes.close()
  }
}

class Processes {
  /** The versions of the reference servers that have been started, by the names that they print. */
  referenceVersions = {}
  #directory = mkdtempSync(join(tmpdir(), 'bench-'))
  #certificate
  #options
  #shared = new Map()
  #children = new Set()
  #proxies = new Set()
  #isClosed = false

  /** @param options `node`: the binary that runs the servers; `profiles`: the directory of their CPU profiles */
  constructor (options) {
    this.#options = options
  }

  /** Returns the server of a variant that all scenarios share. Starts it on first use. */
  sharedServer ({ server, packageRoot }, isSecure) {
    const start = () => this.startServer({ server, packageRoot }, isSecure)
    return this.#startOnce(`${server} ${packageRoot} ${isSecure}`, start)
  }

  /** Starts another server of a variant, for scenarios whose results depend on the earlier use of the process. */
  async startServer ({ server, packageRoot, pluginOptions }, isSecure) {
    const certificate = await (this.#certificate ??= this.#generateCertificate())
    const reference = referenceServers.find(({ name }) => name === server)
    if (reference !== undefined) return this.#startReference(reference, isSecure ? [certificate.cert, certificate.key] : [])

    const options = JSON.stringify({ packageRoot, pluginOptions, ...isSecure && certificate })
    const { node = process.execPath, profiles } = this.#options
    const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
    const child = this.#fork('server-process.js', [server, options], {
      execPath: node, execArgv: ['--expose-gc', ...profiling]
    })
    const [ready] = await whileRunning(child, once(child, 'message'))
    return new NodeServer(child, ready)
  }

  /** Returns a port from which a proxy forwards to the given one, with a round-trip time of `rtt` ms. */
  async delayedPort (port, rtt, options) {
    if (!rtt) return port
    const proxy = await this.delayProxy(port, rtt, options)
    return proxy.port
  }

  /**
   * Returns the proxy that forwards to a port with a round-trip time of `rtt` ms.
   *
   * @param options `rate` in Mbit/s and `window` in MiB: see delay-proxy.js
   */
  delayProxy (port, rtt, options = {}) {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    return this.#startOnce(`proxy ${port} ${rtt} ${args}`, async () => {
      const child = this.#fork('delay-proxy.js', [...args, rtt, port])
      const [{ ports }] = await whileRunning(child, once(child, 'message'))
      return new DelayProxy(child, ports[0])
    })
  }

  /** Starts HAProxy in front of a server without TLS, to which it uses the HTTP version of a transport. */
  async startHAProxy (server, transport) {
    const { key, cert } = await (this.#certificate ??= this.#generateCertificate())
    const proxy = await startHAProxy({
      app: server.ports[transport],
      version: transport,
      certificate: `${readFileSync(cert)}\n${readFileSync(key)}`,
      writeFile: (name, content) => this.#writeFile(name, content)
    })
    // A scenario that took too long goes on, and must leave nothing behind.
    if (this.#isClosed) proxy.stop()
    else this.#proxies.add(proxy)
    return proxy
  }

  close () {
    this.#isClosed = true
    for (const proxy of this.#proxies) proxy.stop()
    for (const child of this.#children) stop(child)
    rmSync(this.#directory, { recursive: true })
  }

  #startOnce (key, start) {
    if (!this.#shared.has(key)) this.#shared.set(key, start())
    return this.#shared.get(key)
  }

  #fork (script, args, options) {
    return this.#track(fork(new URL(script, import.meta.url), args, options))
  }

  async #startReference ({ command: [program, ...args], transport }, tls) {
    const child = this.#track(spawn(program, [...args, ...tls], { stdio: ['pipe', 'pipe', 'inherit'] }))
    const output = createInterface(child.stdout)
    const [firstLine] = await whileRunning(child, once(output, 'line'))
    const { port, name, version } = JSON.parse(firstLine)
    this.referenceVersions[name] = version
    return new ReferenceServer(child, { ports: { [transport]: port }, version }, output)
  }

  #track (child) {
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    if (this.#isClosed) stop(child)
    return child
  }

  async #generateCertificate () {
    const { key, cert } = await createCertificate()
    return { key: this.#writeFile('key.pem', key), cert: this.#writeFile('cert.pem', cert) }
  }

  #writeFile (name, content) {
    const path = join(this.#directory, name)
    writeFileSync(path, content)
    return path
  }
}

/** A process of delay-proxy.js. */
class DelayProxy {
  port
  #child

  constructor (child, port) {
    this.#child = child
    this.port = port
  }

  /** Resolves to the number of connections that the proxy has accepted, and of bytes that it has received. */
  async counts () {
    this.#child.send({ name: 'count' })
    const [[{ connections, sent, received }]] = await whileRunning(this.#child, once(this.#child, 'message'))
    return { connections, bytes: sent + received }
  }
}

class ServerProcess {
  ports
  version
  child

  constructor (child, { ports, version }) {
    this.child = child
    this.ports = ports
    this.version = version
  }

  stop () {
    stop(this.child)
  }
}

/** Resolves to what an answer of a child resolves to. Rejects if the child exits before. */
async function whileRunning (child, answer) {
  const ended = new AbortController()
  const exited = once(child, 'exit', { signal: ended.signal }).then(([code, signal]) => {
    throw new Error(`${child.spawnargs.join(' ')} exited with ${code ?? signal}`)
  })
  try {
    return await Promise.race([answer, exited])
  } finally {
    exited.catch(() => {})
    ended.abort()
  }
}

/** Lets a child exit by itself, by closing its channel or input: a killed Node process writes no CPU profile. */
function stop (child) {
  if (child.connected) child.disconnect()
  else child.stdin?.end()
}

/** A server in JavaScript: a process of server-process.js. */
class NodeServer extends ServerProcess {
  /** Resolves to the CPU time that the process has used, in µs. */
  cpu () {
    return this.#request('cpu')
  }

  /** Resolves to the memory that the process uses after garbage collection, in bytes. */
  memory () {
    return this.#request('memory')
  }

  async #request (measurement) {
    this.child.send(measurement)
    const [value] = await whileRunning(this.child, once(this.child, 'message'))
    return value
  }
}

/** A server in another language. Its resources are read from Linux's /proc. */
class ReferenceServer extends ServerProcess {
  #output

  constructor (child, properties, output) {
    super(child, properties)
    this.#output = output
  }

  /** Returns the CPU time of all threads in µs. The kernel counts it in units of 10 ms. */
  cpu () {
    const fields = this.#readProc('stat').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  }

  /** Resolves to the resident memory in bytes, after garbage collection in languages that have it. */
  async memory () {
    for (let times = 0; times < 3; times++) {
      this.child.stdin.write('\n')
      await whileRunning(this.child, once(this.#output, 'line'))
      await sleep(50)
    }
    return { rss: Number(/^VmRSS:\s+(\d+) kB$/m.exec(this.#readProc('status'))[1]) * 1024 }
  }

  #readProc (file) {
    return readFileSync(`/proc/${this.child.pid}/${file}`, 'latin1')
  }
}
