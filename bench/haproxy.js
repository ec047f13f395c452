/** HAProxy between the clients of a scenario and the server under test. */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { killOnExit } from '../test/helpers/child-processes.js'
import { accepts, findPort } from '../test/helpers/ports.js'
import { findProgram } from '../test/interop/programs.js'

const PROGRAM = await findProgram(['haproxy'])
const START_TIMEOUT = 10_000
const ESTABLISHED = '01'

/** Whether HAProxy is installed. `npm run interop:install` installs it. */
export const hasHAProxy = PROGRAM !== undefined

/**
 * Starts HAProxy, which serves HTTP/2 and HTTP/1.1 over TLS to clients, and forwards to a server without TLS.
 *
 * @param options `app`: the port of the server, and `version`: the HTTP version that HAProxy uses to it, `h1` or `h2`;
 * `certificate`: a certificate with its key, as PEM; `writeFile`: writes a file and returns its path
 */
export async function startHAProxy ({ app, version, certificate, writeFile }) {
  if (!hasHAProxy) throw new Error('HAProxy is not installed: npm run interop:install')
  const port = await findPort()
  const config = configure({ port, app, version, certificate: writeFile(`haproxy-${port}.pem`, certificate) })
  const args = ['-db', '-f', writeFile(`haproxy-${port}.cfg`, config)]
  const child = killOnExit(spawn(PROGRAM, args, { stdio: ['ignore', 'ignore', 'inherit'] }))
  const timeout = AbortSignal.timeout(START_TIMEOUT)
  while (!await accepts(port)) {
    if (child.exitCode !== null) throw new Error(`HAProxy did not start: it exited with ${child.exitCode}`)
    if (timeout.aborted) throw new Error(`HAProxy does not listen on port ${port} after ${START_TIMEOUT} ms`)
    await sleep(20)
  }
  return new HAProxy(child, port, app)
}

/** Returns what examples/proxies/haproxy.cfg has for the path of a message. */
function configure ({ port, app, version, certificate }) {
  return `
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h

frontend web
  bind 127.0.0.1:${port} ssl crt ${certificate} alpn h2,http/1.1
  default_backend app

backend app
  # Without it, HAProxy opens a connection to the app for each client that uses HTTP/1.1.
  http-reuse always
  server app 127.0.0.1:${app}${version === 'h2' ? ' proto h2' : ''}
`
}

class HAProxy {
  port
  #child
  #app

  constructor (child, port, app) {
    this.#child = child
    this.port = port
    this.#app = app
  }

  /** Returns the CPU time of all threads in µs. */
  cpu () {
    const threads = `/proc/${this.#child.pid}/task`
    return readdirSync(threads).reduce((sum, id) => (
      // In ns. The times in /proc/…/stat have a unit of 10 ms, which is too long for a short measurement.
      sum + parseInt(readFileSync(`${threads}/${id}/schedstat`, 'latin1')) / 1000
    ), 0)
  }

  /** Returns the number of open connections to the server. */
  countConnections () {
    const port = this.#app.toString(16).toUpperCase().padStart(4, '0')
    const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').map((line) => line.trim().split(/\s+/))
    return rows.filter(([, , remote, state]) => remote?.endsWith(`:${port}`) && state === ESTABLISHED).length
  }

  stop () {
    this.#child.kill('SIGKILL')
  }
}
