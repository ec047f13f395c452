/** Fan-out: the time until a message that a server sends to all of its sockets has arrived on the last of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const COUNT = 1000
const BYTES = 64

export const fanOuts = [{
  name: `fan-out/${COUNT}`,
  title: `one message of ${BYTES} B to ${COUNT.toLocaleString('en')} sockets`,
  variants: { ...TRANSPORTS, 'fastify-websocket': OTHER_SERVERS['fastify-websocket'] },
  open: openFanOut
}]

async function openFanOut (variant, { processes, isSecure, durations }) {
  // The server sends to all sockets that it has, so other scenarios must not use it.
  const server = await processes.startServer(variant, isSecure)
  const [client] = createClients(1, variant, server.ports, isSecure)

  async function run () {
    const before = await server.cpu()
    const times = []
    for (const end = performance.now() + durations.slice; performance.now() < end;) times.push(await fanOut())
    const cpu = await server.cpu() - before
    await sleep(20)
    times.sort((a, b) => a - b)
    return { time: times[times.length >> 1], cpu: cpu / times.length / COUNT }
  }

  /** Resolves to the ms until every socket has received the message. */
  function fanOut () {
    return new Promise((resolve) => {
      const begin = performance.now()
      let remaining = COUNT
      const onmessage = () => { if (--remaining === 0) resolve(performance.now() - begin) }
      for (const socket of sockets) socket.onmessage = onmessage
      sockets[0].send(1)
    })
  }

  const sockets = await Promise.race([openMany(client, COUNT, '/fan-out', BYTES), client.failed])
  return {
    measure: () => Promise.race([run(), client.failed]),
    close () {
      client.close()
      server.stop()
    }
  }
}
