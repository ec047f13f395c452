import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kill, killOnExit } from '../../helpers/child-processes.js'
import { MissingToolError } from '../../helpers/missing-tool.js'
import { caddy } from './caddy.js'
import { configure } from './config.js'
import { envoy } from './envoy.js'
import { haproxy } from './haproxy.js'
import { httpd } from './httpd.js'
import { nghttpx } from './nghttpx.js'
import { findPorts, waitForPorts } from './ports.js'

const EXAMPLES = new URL('../../../examples/proxies/', import.meta.url)

export const PROXIES = [haproxy, envoy, nghttpx, caddy, httpd]

/**
 * Starts a proxy with the configuration in examples/proxies.
 *
 * @param options `apps`: the ports of the two nodes; `tls`: whether they use TLS; `folder`: contains the certificates, and
 *   becomes the working directory; `idleTimeout`: replaces that of the example, in ms; `ports`: any free ones by default
 */
export async function startProxy (proxy, { apps, tls = false, folder, idleTimeout, ports }) {
  ports ??= await findPorts()
  const example = await readFile(new URL(proxy.example, EXAMPLES), 'utf8')
  const config = join(folder, proxy.example)
  const { idleTimeoutSetting } = proxy
  await writeFile(config, configure(example, { tls, ports: { ...ports, apps }, idleTimeout, idleTimeoutSetting }))

  return await spawnProxy(proxy, { config, folder, ports })
}

/** Starts a proxy with a configuration file, and waits until it listens on its ports. */
export async function spawnProxy (proxy, { config, folder, ports }) {
  const { file, args, env } = await proxy.command({ config, folder })
  if (file === undefined) throw new MissingToolError(`${proxy.name} is not installed: ${proxy.install}`)
  const logFile = `${config}.log`
  const log = await open(logFile, 'a')
  const child = killOnExit(spawnGroup(file, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    // Not a pipe: Apache opens /dev/stderr by name, which fails for the sockets that Node uses as pipes.
    stdio: ['ignore', log.fd, log.fd]
  }))
  try {
    await once(child, 'spawn').finally(() => log.close())
    await waitForPorts(child, ports)
  } catch (cause) {
    if (child.pid !== undefined) await kill(child)
    throw new Error(`${proxy.name} did not start: ${cause.message}. Its output:\n${await readFile(logFile, 'utf8')}`, { cause })
  }
  return { ...ports, child, logFile, stop: () => kill(child) }
}

/** Spawns a process group, all of which kill() reaches: the children of Apache would survive otherwise. */
function spawnGroup (file, args, options) {
  const child = spawn(file, args, { ...options, detached: true })
  child.kill = (signal) => {
    if (child.pid === undefined) return false
    try {
      return process.kill(-child.pid, signal)
    } catch (error) {
      if (error.code === 'ESRCH') return false
      throw error
    }
  }
  return child
}
