/** A server that opens sockets, and answers no message. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocketServer } from 'ws'
import { listenHttp2 } from '../../../bench/servers/http2.js'

export async function listen ({ tls }) {
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  const wss = new WebSocketServer({ server })
  wss.on('connection', (socket) => { socket.on('error', () => {}) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { h1: server.address().port, ...await listenHttp2({ tls }, (stream) => stream.resume()) }
}
