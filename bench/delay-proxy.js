/**
 * A TCP proxy that simulates a path with a long round-trip time: `delay-proxy.js PORT RTT`. It delays each chunk by
 * half the round-trip time, in both directions, and keeps their order. Only the amount of data in flight is limited.
 */
import { connect, createServer } from 'node:net'

// On a real path a connection carries at most 4 MiB per round trip: Linux keeps no more data unacknowledged by default
// (net.ipv4.tcp_wmem). This proxy acknowledges immediately to the sender's kernel, so it has to limit the data itself.
// Half of it, because an acknowledgement would still be on its way back for half of the round trip.
const CAPACITY = 2 * 1024 * 1024

const [port, rtt] = process.argv.slice(2).map(Number)

const proxy = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  forward(client, server)
  forward(server, client)
})

function forward (from, to) {
  const queue = []
  let queuedBytes = 0
  let timer

  function enqueue (chunk) {
    queue.push({ chunk, due: performance.now() + rtt / 2 })
    queuedBytes += chunk?.length ?? 0
    if (queuedBytes > CAPACITY) from.pause()
    timer ??= setTimeout(writeDue, rtt / 2)
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
      to.write(chunk)
    }
    if (queuedBytes <= CAPACITY) from.resume()
  }

  from.on('data', enqueue)
  from.on('end', () => enqueue(null))
  to.on('drain', () => { if (timer === undefined) writeDue() })

  // The load generator destroys its connections, so an error is expected here, and either end destroys the other.
  from.on('error', () => {})
  from.on('close', () => {
    clearTimeout(timer)
    to.destroy()
  })
}

proxy.listen(0, '127.0.0.1', () => process.send({ port: proxy.address().port }))
process.once('disconnect', () => process.exit())
