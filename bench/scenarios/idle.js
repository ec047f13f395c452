/** Idle sockets: the memory that a server needs for each. */
import { createClients } from '../clients/index.js'
import { measureMemoryPerSocket } from '../memory.js'
import { openMany } from './open-many.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const { 'plugin-http1': pluginHttp1, 'fastify-websocket': fastifyWebsocket, naive } = OTHER_SERVERS

/** Below the plugin's default limit of 1,024 streams of a session. */
const SOCKETS_PER_SESSION = 1000

export const idles = [idle(1000), { ...idle(10_000), rounds: 1, isLong: true }]

function idle (count) {
  const sessions = count / SOCKETS_PER_SESSION
  const distribution = sessions === 1 ? 'one session' : `${sessions} sessions`
  return {
    name: `idle/${count}`,
    title: `${count.toLocaleString('en')} idle sockets, over HTTP/2 on ${distribution}`,
    rounds: 3,
    warmsUp: false,
    variants: { ...TRANSPORTS, 'plugin-http1': pluginHttp1, 'fastify-websocket': fastifyWebsocket, naive },
    open: async (variant, context) => ({ measure: () => measure(variant, context, sessions), close () {} })
  }
}

/** Starts a server for each round, because a process does not return all memory of the sockets that it has closed. */
async function measure (variant, { processes, isSecure, durations }, sessions) {
  const server = await processes.startServer(variant, isSecure)
  const clients = createClients(sessions, variant, server.ports, isSecure)
  const count = sessions * SOCKETS_PER_SESSION * durations.scale
  const failed = Promise.race(clients.map((client) => client.failed))

  async function run () {
    // Excludes the memory that a server allocates once, for its first socket.
    await clients[0].open('/echo')
    return measureMemoryPerSocket(server, count, async () => {
      for (const client of clients) await openMany(client, count / clients.length)
    })
  }

  try {
    return await Promise.race([run(), failed])
  } finally {
    for (const client of clients) client.close()
    server.stop()
  }
}
