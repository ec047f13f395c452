/** One message that goes to all. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'
import { REFERENCES, TRANSPORTS } from './sides.js'

const COUNT = 1000
const BYTES = 64

export const fanOuts = [{
  name: `fan-out/${COUNT}`,
  title: `one message of ${BYTES} B to ${COUNT.toLocaleString('en')} sockets`,
  sides: { ...TRANSPORTS, 'fastify-websocket': REFERENCES['fastify-websocket'] },
  open: openFanOut
}]

async function openFanOut (side, { lab, isSecure, pace }) {
  const server = await lab.startServer(side, isSecure)
  const [client] = createClients(1, side.transport, server, isSecure)

  /** ms until the last has it, again and again. */
  async function run () {
    const before = await server.cpu()
    const times = []
    for (const end = performance.now() + pace.slice; performance.now() < end;) times.push(await spread())
    const cpu = await server.cpu() - before
    await sleep(20)
    times.sort((a, b) => a - b)
    return { time: times[times.length >> 1], cpu: cpu / times.length / COUNT }
  }

  function spread () {
    return new Promise((resolve) => {
      const begin = performance.now()
      let left = COUNT
      const onmessage = () => { if (--left === 0) resolve(performance.now() - begin) }
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
