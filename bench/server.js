/**
 * A server under test, in a process of its own: `server.js SUBJECT OPTIONS`, where SUBJECT is one of bench/subjects.
 * Tells its ports, and what it has used whenever it is asked.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const USED = {
  /** µs */
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  /** in bytes, without garbage */
  memory: async () => {
    for (let times = 0; times < 3; times++) {
      global.gc()
      await sleep(50)
    }
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heap: heapUsed }
  }
}

const [subject, json] = process.argv.slice(2)
const { key, cert, ...options } = JSON.parse(json)
const tls = key === undefined ? undefined : { key: readFileSync(key), cert: readFileSync(cert) }
const { listen } = await import(`./subjects/${subject}.js`)
const ports = await listen({ ...options, tls })

process.on('message', async (what) => process.send(await USED[what]()))
// Whichever way the benchmark ends, nothing of it stays behind.
process.once('disconnect', () => process.exit())
process.send({ ports, version: process.version })
