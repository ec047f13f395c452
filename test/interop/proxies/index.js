import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { end, keep } from '../../helpers/children.js'
import { MissingTool } from '../../helpers/missing-tool.js'
import { caddy } from './caddy.js'
import { configure } from './config.js'
import { envoy } from './envoy.js'
import { haproxy } from './haproxy.js'
import { httpd } from './httpd.js'
import { nghttpx } from './nghttpx.js'
import { findPorts, waitForPorts } from './ports.js'

const EXAMPLES = new URL('../../../examples/proxies/', import.meta.url)

export const PROXIES = [haproxy, envoy, nghttpx, caddy, httpd]

/** Starts a proxy with its example, on other ports, in a folder that has its certificates. */
export async function startProxy (proxy, { app, tls = false, folder, idle, ports }) {
  ports ??= await findPorts()
  const example = await readFile(new URL(proxy.example, EXAMPLES), 'utf8')
  const config = join(folder, proxy.example)
  await writeFile(config, configure(example, { tls, ports: { ...ports, app }, idle, idleSetting: proxy.idleSetting }))

  const { file, args, env } = await proxy.command({ config, folder })
  if (file === undefined) throw new MissingTool(`${proxy.name} is not installed: ${proxy.install}`)
  const logFile = join(folder, `${proxy.example}.log`)
  const log = await open(logFile, 'a')
  const child = keep(spawnGroup(file, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    // A file, since Apache opens its standard error by name, which a pipe of Node's does not let it.
    stdio: ['ignore', log.fd, log.fd]
  }))
  try {
    await once(child, 'spawn').finally(() => log.close())
    await waitForPorts(child, ports)
  } catch (cause) {
    if (child.pid !== undefined) await end(child)
    throw new Error(`${proxy.name} did not start: ${cause.message}. It said:\n${await readFile(logFile, 'utf8')}`, { cause })
  }
  return { ...ports, child, logFile, stop: () => end(child) }
}

/** A kill is for its children as well: those of Apache would go on. */
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
