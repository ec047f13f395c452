/** ws on Node's HTTP/1.1 server, without Fastify. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocketServer } from 'ws'

export async function listen ({ tls }) {
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  server.on('upgrade', createUpgradeHandler())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h1: server.address().port }
}

/** Returns a listener for 'upgrade' that opens echo sockets. */
export function createUpgradeHandler () {
  const wss = new WebSocketServer({ noServer: true })
  wss.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (websocket) => wss.emit('connection', websocket, request))
  }
}
