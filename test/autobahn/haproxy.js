import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { killOnExit } from '../helpers/child-processes.js'
import { MissingToolError } from '../helpers/missing-tool.js'

// The timeouts are longer than the pauses of any case.
const configure = (port) => `
defaults
  mode http
  timeout connect 10s
  timeout client 10m
  timeout server 10m
  timeout tunnel 10m

listen websocket
  bind fd@3
  server plugin 127.0.0.1:${port} proto h2
`

/** Returns the version of HAProxy. Throws at once if it is not installed, and not after the first agents have run. */
export async function checkHAProxy () {
  try {
    const { stdout } = await promisify(execFile)('haproxy', ['-v'])
    return stdout.split('\n')[0]
  } catch (cause) {
    throw new MissingToolError('HAProxy 2.4 or later must be on PATH. On Debian, install the package "haproxy"', { cause })
  }
}

/** Starts HAProxy in front of an HTTP/2 server without TLS. It translates each Upgrade into an Extended CONNECT. */
export async function startHAProxy (serverPort, configFile) {
  await writeFile(configFile, configure(serverPort))
  // HAProxy cannot listen on port 0. It inherits a socket that listens already, on a port that no one else can take.
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  const child = killOnExit(spawn('haproxy', ['-db', '-f', configFile], {
    stdio: ['ignore', 'inherit', 'inherit', listener._handle.fd]
  }))
  listener.close()
  await once(child, 'spawn')
  return { child, port }
}
