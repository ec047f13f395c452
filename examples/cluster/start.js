/**
 * Starts Redis, three nodes and HAProxy. `npm run example:cluster` builds the plugin and runs this.
 *
 *   PORT=8444                           listens on another port
 *   HAPROXY=/opt/bin/haproxy            uses another HAProxy
 *   REDIS_SERVER=/opt/bin/redis-server  uses another Redis
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fail, readPort } from '../shared/listen.js'
import { Cluster, findMissing } from './cluster.js'

/** In ms. Redis is started again after this time, so that its outage can be seen. */
const REDIS_OUTAGE = 10_000

const port = readPort()
const missing = findMissing()
if (missing.length > 0) {
  fail(`This example needs ${missing.join(' and ')}. To install Redis and HAProxy:
  Debian, Ubuntu  sudo apt-get install redis-server haproxy
  Fedora          sudo dnf install redis haproxy
  macOS           brew install redis haproxy
For programs that are not in PATH, set REDIS_SERVER and HAPROXY to their paths.`)
}

const cluster = await Cluster.start(port).catch(({ message }) => fail(message))
let isStopping = false

cluster.on('died', async (name, start) => {
  if (isStopping) return
  console.log(`${name} has died`)
  if (name === 'Redis') await sleep(REDIS_OUTAGE)
  await run(start, `${name} was started again`)
})
process.on('SIGUSR2', () => run(() => cluster.restartNodes(), 'All nodes were restarted'))
// After Ctrl-C, SIGINT may arrive twice: from the terminal, and from npm.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)

console.log(`Open ${cluster.url} in several windows (its certificate is self-signed: the browser will warn)

To restart all nodes, one after the other:          kill -USR2 ${process.pid}
To kill a node, which is then started again:        kill -KILL ${cluster.nodes[0].pid}
To kill Redis, which is started again after ${REDIS_OUTAGE / 1000} s:  kill -KILL ${cluster.redis.pid}`)

async function run (start, result) {
  try {
    if (!isStopping) await start()
    if (!isStopping) console.log(result)
  } catch (error) {
    if (!isStopping) fail(error.message)
  }
}

async function stop () {
  if (isStopping) return
  isStopping = true
  await cluster.stop()
  process.exit()
}
