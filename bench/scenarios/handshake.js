/** Handshakes: sockets that a client opens one after the other. Over HTTP/2 they share one session. */
import { createClients } from '../clients/index.js'
import { OTHER_SERVERS, TRANSPORTS } from './variants.js'

const COUNT = 200

const { 'plugin-http1': pluginHttp1, 'fastify-websocket': fastifyWebsocket, naive } = OTHER_SERVERS

export const handshakes = [{
  name: 'handshake/sequential',
  title: `${COUNT} sockets opened one after the other`,
  variants: { ...TRANSPORTS, 'plugin-http1': pluginHttp1, 'fastify-websocket': fastifyWebsocket, naive },
  open: openSequence
}]

async function openSequence (variant, { processes, isSecure }) {
  const server = await processes.sharedServer(variant, isSecure)
  return { measure, close () {} }

  async function measure () {
    const [client] = createClients(1, variant, server.ports, isSecure)
    try {
      return await Promise.race([run(client), client.failed])
    } finally {
      client.close()
    }
  }

  async function run (client) {
    const before = await server.cpu()
    const begin = performance.now()
    for (let opened = 0; opened < COUNT; opened++) await client.open('/echo')
    const seconds = (performance.now() - begin) / 1000
    return { handshakes: COUNT / seconds, cpu: (await server.cpu() - before) / COUNT }
  }
}
