/**
 * The least that keeps sockets busy: each answer is a reason for the next message. autocannon's bookkeeping costs more
 * per message than our server does; who wants to know what a server can do must not be slower than it.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export async function drive (sockets, { depth, seconds }) {
  let answers = 0
  let expected = 0
  let isOver = false
  let end

  const over = new Promise((resolve) => { end = resolve })
  const begin = performance.now()
  for (const socket of sockets) {
    socket.onmessage = () => {
      answers++
      if (!isOver) socket.send(1)
      else if (--expected === 0) end()
    }
    expected += depth
    socket.send(depth)
  }
  await sleep(seconds * 1000)
  isOver = true
  await over
  return { answers, seconds: (performance.now() - begin) / 1000 }
}
