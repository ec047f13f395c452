/** ws on Node's HTTP/1.1 server, without Fastify. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocketServer } from 'ws'

export async function listen ({ tls }) {
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h1: server.address().port }
}
