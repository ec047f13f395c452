/**
 * TCP proxies that simulate a path with a long round-trip time: `delay-proxy.js RTT PORT…`, with a proxy for each port.
 * Each chunk is delayed by half the round-trip time, in both directions, and keeps its place. The first chunk of a
 * connection is delayed by one round trip more, which is that of TCP's handshake: the kernel accepts a connection before
 * this process sees it. Only the amount of data in flight is limited.
 *
 * Runs as a child process. It sends { ports } when it listens, or { error }. It answers a message with the connections and
 * the bytes of each proxy: { name: 'delay', value: RTT } sets another round-trip time before, and { name: 'count' } does
 * not. A port may be written as TARGET:LISTEN, to listen on that port of localhost.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

// On a real path a connection carries at most 4 MiB per round trip: Linux keeps no more data unacknowledged by default
// (net.ipv4.tcp_wmem). This proxy acknowledges immediately to the sender's kernel, so it has to limit the data itself.
// Half of it, because an acknowledgement would still be on its way back for half of the round trip.
const CAPACITY = 2 * 1024 * 1024

let rtt = Number(process.argv[2])

class DelayProxy {
  /** Connections that were accepted, and bytes that clients sent and received. */
  counts = { connections: 0, sent: 0, received: 0 }
  #target
  #servers = []

  constructor (target) {
    this.#target = target
  }

  /** Listens on the IPv4 and, if the machine has it, the IPv6 address of localhost. Returns the port. */
  async listen (port) {
    await this.#listen({ port, host: '127.0.0.1' })
    const address = this.#servers[0].address()
    await this.#listen({ port: address.port, host: '::1' }).catch((error) => {
      if (error.code === 'EADDRINUSE') throw error
    })
    return address.port
  }

  async #listen (options) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
    server.listen(options)
    await once(server, 'listening')
    this.#servers.push(server)
  }

  #accept (client) {
    const connectedAt = performance.now() + rtt
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.counts.connections++
    forward(client, server, connectedAt, (bytes) => { this.counts.sent += bytes })
    forward(server, client, connectedAt, (bytes) => { this.counts.received += bytes })
  }
}

function forward (from, to, connectedAt, count) {
  const queue = []
  let queuedBytes = 0
  let lastDue = 0
  let isEnded = false
  let timer

  function enqueue (chunk) {
    const now = performance.now()
    // A shorter round-trip time must not let a chunk overtake the one before it.
    lastDue = Math.max(now, connectedAt, lastDue - rtt / 2) + rtt / 2
    queue.push({ chunk, due: lastDue })
    queuedBytes += chunk?.length ?? 0
    if (queuedBytes > CAPACITY) from.pause()
    if (timer === undefined) writeDue()
  }

  function writeDue () {
    timer = undefined
    while (queue.length > 0 && !to.writableNeedDrain) {
      const wait = queue[0].due - performance.now()
      // Timers have a resolution of 1 ms: waiting for the rest of a millisecond would delay each chunk too long.
      if (wait > 0.5) {
        timer = setTimeout(writeDue, wait)
        break
      }
      const { chunk } = queue.shift()
      if (chunk === null) return to.end()
      queuedBytes -= chunk.length
      count(chunk.length)
      to.write(chunk)
    }
    if (queuedBytes <= CAPACITY) from.resume()
  }

  from.on('data', enqueue)
  from.on('end', () => {
    isEnded = true
    enqueue(null)
  })
  to.on('drain', () => { if (timer === undefined) writeDue() })

  // A client may destroy its connection, so an error is expected here, and either end destroys the other. After a regular
  // end, data may still be on its way.
  from.on('error', () => {})
  from.on('close', (hadError) => {
    if (isEnded && !hadError) return
    clearTimeout(timer)
    to.destroy()
  })
}

const targets = process.argv.slice(3).map((argument) => argument.split(':').map(Number))
const proxies = targets.map(([target]) => new DelayProxy(target))

process.on('message', ({ name, value }) => {
  if (name === 'delay') rtt = value
  process.send(proxies.map(({ counts }) => counts))
})
// Ctrl-C reaches all processes of a terminal. The parent process ends this one.
process.on('SIGINT', () => {})
process.once('disconnect', () => process.exit())

try {
  const ports = []
  for (const [index, proxy] of proxies.entries()) ports.push(await proxy.listen(targets[index][1] ?? 0))
  process.send({ ports })
} catch ({ code, message, port }) {
  process.send({ error: { code, message, port } })
}
