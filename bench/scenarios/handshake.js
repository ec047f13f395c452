/** Sockets that open one after the other, as many as a client has use for. */
import { createClients } from '../clients/index.js'
import { REFERENCES, TRANSPORTS } from './sides.js'

const COUNT = 200

const { 'fastify-websocket': fastifyWebsocket, naive } = REFERENCES

export const handshakes = [{
  name: 'handshake/sequential',
  title: `${COUNT} sockets opened one after the other`,
  sides: { ...TRANSPORTS, 'fastify-websocket': fastifyWebsocket, naive },
  open: openSequence
}]

async function openSequence (side, { lab, isSecure }) {
  const server = await lab.server(side, isSecure)
  return { measure, close () {} }

  async function measure () {
    const [client] = createClients(1, side.transport, server, isSecure)
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
