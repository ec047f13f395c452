/**
 * A closed-loop load generator: each reply triggers the next message. It keeps no statistics but a count, because
 * autocannon's bookkeeping costs more CPU per message than the server, and a load generator that is slower than the
 * server cannot measure its maximum rate.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Exchanges messages on open sockets, and waits for all replies at the end.
 *
 * @param options `inFlight`: messages in flight on each socket; `seconds`: when to stop sending
 */
export async function generateLoad (sockets, { inFlight, seconds }) {
  let replies = 0
  let awaited = 0
  let isStopping = false
  let finish

  const finished = new Promise((resolve) => { finish = resolve })
  const begin = performance.now()
  for (const socket of sockets) {
    socket.onmessage = () => {
      replies++
      if (!isStopping) socket.send(1)
      else if (--awaited === 0) finish()
    }
    awaited += inFlight
    socket.send(inFlight)
  }
  await sleep(seconds * 1000)
  isStopping = true
  await finished
  return { replies, seconds: (performance.now() - begin) / 1000 }
}
