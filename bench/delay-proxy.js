/**
 * A long fat pipe: a TCP proxy that holds every chunk for half the round-trip time, in either direction, keeps their
 * order, and limits nothing but how much is on its way. Started by flow.js: `delay-proxy.js PORT RTT`.
 */
import { connect, createServer } from 'node:net'

// In the field a connection brings at most 4 MiB per round trip: Linux keeps no more of it unacknowledged by default
// (net.ipv4.tcp_wmem). This proxy acknowledges to the sender's kernel at once, so it has to be the one that says stop.
// An acknowledgement takes the way back, so only half of that is on its way in one direction at a time.
const CAPACITY = 2 * 1024 * 1024

const [port, rtt] = process.argv.slice(2).map(Number)

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  delay(near, far)
  delay(far, near)
})

function delay (from, to) {
  const chunks = []
  let held = 0
  let timer

  function hold (chunk) {
    chunks.push({ chunk, due: performance.now() + rtt / 2 })
    held += chunk?.length ?? 0
    if (held > CAPACITY) from.pause()
    timer ??= setTimeout(release, rtt / 2)
  }

  function release () {
    timer = undefined
    while (chunks.length > 0 && !to.writableNeedDrain) {
      const wait = chunks[0].due - performance.now()
      // Timers know whole milliseconds only: waiting for the rest of one would make each of them late.
      if (wait > 0.5) {
        timer = setTimeout(release, wait)
        break
      }
      const { chunk } = chunks.shift()
      if (chunk === null) return to.end()
      held -= chunk.length
      to.write(chunk)
    }
    if (held <= CAPACITY) from.resume()
  }

  from.on('data', hold)
  from.on('end', () => hold(null))
  to.on('drain', () => { if (timer === undefined) release() })

  // One end that is gone takes the other along: a benchmark cuts its connections without ceremony.
  from.on('error', () => {})
  from.on('close', () => {
    clearTimeout(timer)
    to.destroy()
  })
}

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.once('disconnect', () => process.exit())
