import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { keep } from '../helpers/children.js'
import { MissingTool } from '../helpers/missing-tool.js'

// Longer than the pause of any case.
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

/** Finds out that there is one before the first agent takes its time. Gives the version. */
export async function checkHAProxy () {
  try {
    const { stdout } = await promisify(execFile)('haproxy', ['-v'])
    return stdout.split('\n')[0]
  } catch (cause) {
    throw new MissingTool('HAProxy 2.4 or later has to be on PATH. Debian has it in the package "haproxy"', { cause })
  }
}

/** HAProxy before a server of HTTP/2 in clear: it makes an Extended CONNECT of each upgrade. */
export async function startHAProxy (serverPort, configFile) {
  await writeFile(configFile, configure(serverPort))
  // HAProxy has no port 0. A port that listens already is taken by nobody else, and connections wait for HAProxy.
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  const child = keep(spawn('haproxy', ['-db', '-f', configFile], {
    stdio: ['ignore', 'inherit', 'inherit', listener._handle.fd]
  }))
  listener.close()
  await once(child, 'spawn')
  return { child, port }
}
