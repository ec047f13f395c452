/**
 * The process of a server under test: `server-process.js SERVER OPTIONS`, where SERVER is a file of bench/servers. It
 * sends its ports to the parent process when it listens, and then answers requests for its CPU time and memory usage.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const MEASUREMENTS = {
  /** CPU time in µs. */
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  /** Memory in bytes, after garbage collection. */
  memory: async () => {
    for (let times = 0; times < 3; times++) {
      global.gc()
      await sleep(50)
    }
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heap: heapUsed }
  }
}

const [name, json] = process.argv.slice(2)
const { key, cert, ...options } = JSON.parse(json)
const tls = key === undefined ? undefined : { key: readFileSync(key), cert: readFileSync(cert) }
const { listen } = await import(`./servers/${name}.js`)
const ports = await listen({ ...options, tls })

process.on('message', async (measurement) => process.send(await MEASUREMENTS[measurement]()))
// The channel closes however the benchmark ends, so no server outlives it.
process.once('disconnect', () => process.exit())
if (!process.connected) process.exit()
process.send({ ports, version: process.version })
