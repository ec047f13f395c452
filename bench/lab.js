/** The processes of a benchmark: servers under test, and proxies that delay. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { generate } from 'selfsigned'
import { references } from './references/index.js'

/** Runs a benchmark: what goes wrong is said in a line, and nothing is left running. */
export async function withLab (options, main) {
  const lab = new Lab(options)
  try {
    await main(lab)
  } catch (error) {
    console.error(`\n${error.message}`)
    process.exitCode = 1
  } finally {
    lab.close()
  }
}

class Lab {
  #directory = mkdtempSync(join(tmpdir(), 'bench-'))
  #certificate
  #options
  #started = new Map()
  #children = new Set()

  /** @param options `node`: the binary that runs the servers; `profiles`: where they leave CPU profiles */
  constructor (options) {
    this.#options = options
  }

  /** The server of a side, which all scenarios share. */
  server ({ subject, plugin }, isSecure) {
    return this.#once(`${subject} ${plugin} ${isSecure}`, () => this.startServer({ subject, plugin }, isSecure))
  }

  /** One of its own, for what a server does not forget: memory. */
  async startServer ({ subject, plugin }, isSecure) {
    const certificate = await (this.#certificate ??= this.#generate())
    const reference = references.find(({ name }) => name === subject)
    if (reference !== undefined) return this.#spawn([...reference.command, certificate.cert, certificate.key])
    const options = JSON.stringify({ plugin, ...isSecure && certificate })
    const { node = process.execPath, profiles } = this.#options
    const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
    const child = this.#fork('server.js', [subject, options], {
      execPath: node, execArgv: ['--expose-gc', ...profiling]
    })
    return new NodeServer(child, await this.#ready(child, once(child, 'message')))
  }

  /** A port behind which that server is `rtt` ms away. */
  async proxy (port, rtt) {
    if (!rtt) return port
    return this.#once(`proxy ${port} ${rtt}`, async () => {
      const child = this.#fork('delay-proxy.js', [port, rtt])
      const { port: near } = await this.#ready(child, once(child, 'message'))
      return near
    })
  }

  close () {
    for (const child of this.#children) stop(child)
    rmSync(this.#directory, { recursive: true })
  }

  #once (key, start) {
    if (!this.#started.has(key)) this.#started.set(key, start())
    return this.#started.get(key)
  }

  #fork (script, args, options) {
    return this.#adopt(fork(new URL(script, import.meta.url), args, options))
  }

  async #spawn ([command, ...args]) {
    const child = this.#adopt(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    const line = once(createInterface(child.stdout), 'line').then(([text]) => [JSON.parse(text)])
    const { port, version } = await this.#ready(child, line)
    return new ForeignServer(child, { ports: { h2: port }, version })
  }

  #adopt (child) {
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  async #ready (child, said) {
    const exited = once(child, 'exit').then(([code]) => { throw new Error(`${child.spawnargs} exited with ${code}`) })
    const [ready] = await Promise.race([said, exited])
    exited.catch(() => {})
    return ready
  }

  async #generate () {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
    return { key: this.#write('key.pem', key), cert: this.#write('cert.pem', cert) }
  }

  #write (name, content) {
    const path = join(this.#directory, name)
    writeFileSync(path, content)
    return path
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

/** Each ends when nobody is at its other end any more: killed, Node would write no profile. */
function stop (child) {
  if (child.connected) child.disconnect()
  else child.stdin?.end()
}

class NodeServer extends ServerProcess {
  /** µs that it has computed so far */
  cpu () {
    return this.#ask('cpu')
  }

  /** in bytes, without garbage */
  memory () {
    return this.#ask('memory')
  }

  async #ask (what) {
    this.child.send(what)
    const [answer] = await once(this.child, 'message')
    return answer
  }
}

/** One that is asked nothing: Linux knows what it has computed, in hundredths of a second. */
class ForeignServer extends ServerProcess {
  cpu () {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  }
}
