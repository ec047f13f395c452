/**
 * TCP proxies that simulate a path: `delay-proxy.js [--rate MBIT] [--window MIB] RTT PORT…`, with a proxy for each port.
 * All connections of a proxy share two links, one for each direction: see link.js.
 *
 * RTT       round-trip time in ms
 * --rate    Mbit/s of each direction, in bytes of TCP; by default there is no limit
 * --window  MiB that a connection has in flight; by default 4, as much as Linux keeps unacknowledged by default
 *
 * The first chunk of a connection is delayed by one round trip more, which is that of TCP's handshake: the kernel
 * accepts a connection before this process sees it. The kernel's buffers between an end and this process are as on a
 * path with a high rate: they hold more than those of a sender on the simulated path would.
 *
 * Runs as a child process. It sends { ports } when it listens, or { error }. It answers a message with the connections and
 * the bytes of each proxy: { name: 'delay', value: RTT } sets another round-trip time before, and { name: 'count' } does
 * not. A port may be written as TARGET:LISTEN, to listen on that port of localhost.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { Flow, Link } from './link.js'

const MiB = 1024 * 1024

const { values: options, positionals: [rtt, ...ports] } = parseArgs({
  allowPositionals: true,
  options: { rate: { type: 'string' }, window: { type: 'string', default: '4' } }
})

class DelayProxy {
  /** Connections that were accepted, and bytes that clients sent and received. */
  counts = { connections: 0, sent: 0, received: 0 }
  #target
  #servers = []
  #up = new Direction(createLink())
  #down = new Direction(createLink())

  constructor (target) {
    this.#target = target
  }

  /** Sets another round-trip time. */
  setRtt (value) {
    for (const { link } of [this.#up, this.#down]) link.rtt = value
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
    const connectedAt = performance.now() + this.#up.link.rtt
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.counts.connections++
    this.#up.forward(client, server, connectedAt, (bytes) => { this.counts.sent += bytes })
    this.#down.forward(server, client, connectedAt, (bytes) => { this.counts.received += bytes })
  }
}

/** A link with a timer, between sockets. */
class Direction {
  link
  #timer
  #timerAt = Infinity

  constructor (link) {
    this.link = link
  }

  /** Sends what one socket receives through the link to another. */
  forward (from, to, connectedAt, ondelivered) {
    const flow = new Flow(this.link, from, to, connectedAt, ondelivered)
    let isEnded = false

    from.on('data', (chunk) => {
      flow.push(chunk)
      this.#advance()
    })
    from.on('end', () => {
      isEnded = true
      flow.push(null)
      this.#advance()
    })
    to.on('drain', () => {
      flow.unblock(performance.now())
      this.#advance()
    })

    // A client may destroy its connection, so an error is expected here, and either end destroys the other. After a
    // regular end, data may still be on its way.
    from.on('error', () => {})
    from.on('close', (hadError) => {
      if (isEnded && !hadError) return
      flow.abort()
      to.destroy()
    })
  }

  #advance () {
    const now = performance.now()
    const next = this.link.advance(now)
    if (next === this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = next
    if (next < Infinity) this.#timer = setTimeout(() => this.#onTimeout(), next - now)
  }

  #onTimeout () {
    this.#timerAt = Infinity
    this.#advance()
  }
}

function createLink () {
  const { rate, window } = options
  return new Link({ rtt: Number(rtt), rate: rate === undefined ? Infinity : Number(rate), maxWindow: window * MiB })
}

const targets = ports.map((argument) => argument.split(':').map(Number))
const proxies = targets.map(([target]) => new DelayProxy(target))

process.on('message', ({ name, value }) => {
  if (name === 'delay') for (const proxy of proxies) proxy.setRtt(value)
  process.send(proxies.map(({ counts }) => counts))
})
// Ctrl-C reaches all processes of a terminal. The parent process ends this one.
process.on('SIGINT', () => {})
process.once('disconnect', () => process.exit())
if (!process.connected) process.exit()

try {
  const listening = []
  for (const [index, proxy] of proxies.entries()) listening.push(await proxy.listen(targets[index][1] ?? 0))
  process.send({ ports: listening })
} catch ({ code, message, port }) {
  process.send({ error: { code, message, port } })
}
