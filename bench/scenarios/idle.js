/** What a socket costs that nobody uses. */
import { createClients } from '../clients/index.js'
import { openMany } from './open-many.js'
import { REFERENCES, TRANSPORTS } from './sides.js'

const { 'fastify-websocket': fastifyWebsocket, naive } = REFERENCES

/** A session has 1,024 streams at most, unless its server is told otherwise. */
const A_SESSION = 1000

export const idles = [
  idle(1000, { ...TRANSPORTS, 'fastify-websocket': fastifyWebsocket, naive }),
  { ...idle(10_000, TRANSPORTS), rounds: 1, isLong: true }
]

function idle (count, sides) {
  const sessions = count / A_SESSION
  const where = sessions === 1 ? 'one session' : `${sessions} sessions`
  return {
    name: `idle/${count}`,
    title: `${count.toLocaleString('en')} idle sockets, over HTTP/2 on ${where}`,
    rounds: 3,
    sides,
    open: async (side, context) => ({ measure: () => measure(side, context, sessions), close () {} })
  }
}

/** A process of its own each time: one that has had ten thousand sockets does not give back what they took. */
async function measure (side, { lab, isSecure }, sessions) {
  const server = await lab.startServer(side, isSecure)
  const clients = createClients(sessions, side.transport, server, isSecure)
  const count = sessions * A_SESSION
  const failed = Promise.race(clients.map((client) => client.failed))

  async function run () {
    // What a server needs for its first socket is not the socket's.
    await clients[0].open('/echo')
    const before = await server.memory()
    for (const client of clients) await openMany(client, count / clients.length)
    const after = await server.memory()
    return { rss: (after.rss - before.rss) / count, heap: (after.heap - before.heap) / count }
  }

  try {
    return await Promise.race([run(), failed])
  } finally {
    for (const client of clients) client.close()
    server.stop()
  }
}
